"""Persistence for applications of the `eventsourcing` library in runfold's log.

    PERSISTENCE_MODULE=runfold.eventsourcing
    RUNFOLD_DATABASE_URL=postgresql://…        (by default the embedded PostgreSQL)

Any application of the library runs on it, with aggregates, snapshots, notification logs, subscriptions, projections,
process applications and systems. The bytes that transcoder, compressor and cipher make of an event are stored and
returned unchanged. Each application has its own category of streams, `<category>-<aggregate id>`, and reads only that.
"""

from runfold.eventsourcing.datastore import Datastore
from runfold.eventsourcing.factory import RunfoldFactory
from runfold.eventsourcing.recorders import (
    RunfoldAggregateRecorder,
    RunfoldApplicationRecorder,
    RunfoldProcessRecorder,
    RunfoldTrackingRecorder,
)
from runfold.eventsourcing.snapshots import RunfoldSnapshotRecorder
from runfold.eventsourcing.vocabulary import VocabularyEvent, VocabularyMapper
from runfold.eventsourcing.vocabulary_recorder import VocabularyRecorder

__all__ = [
    "Datastore",
    "RunfoldAggregateRecorder",
    "RunfoldApplicationRecorder",
    "RunfoldFactory",
    "RunfoldProcessRecorder",
    "RunfoldSnapshotRecorder",
    "RunfoldTrackingRecorder",
    "VocabularyEvent",
    "VocabularyMapper",
    "VocabularyRecorder",
]

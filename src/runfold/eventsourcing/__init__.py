"""Persistence for applications of the `eventsourcing` library, on runfold's log.

    PERSISTENCE_MODULE=runfold.eventsourcing
    RUNFOLD_DATABASE_URL=postgresql://…        (without it, the embedded PostgreSQL)

Any application of the library runs on it: aggregates, snapshots, notification logs, subscriptions, projections, process
applications and systems. What transcoder, compressor and cipher make of an event is stored and returned byte for byte.
Each application has a category of its own, `<category>-<aggregate id>`, and reads nothing else.
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

"""Make the recorders of an application; PERSISTENCE_MODULE names this package."""

from __future__ import annotations

from typing import Any, TypeVar, cast
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
    ProgrammingError,
)
from eventsourcing.utils import Environment, EnvType, resolve_topic, strtobool

from runfold.eventsourcing.datastore import Datastore
from runfold.eventsourcing.originators import OriginatorIds, category_of
from runfold.eventsourcing.recorders import (
    RunfoldAggregateRecorder,
    RunfoldApplicationRecorder,
    RunfoldProcessRecorder,
    RunfoldRecorder,
    RunfoldTrackingRecorder,
)
from runfold.eventsourcing.snapshots import RunfoldSnapshotRecorder
from runfold.eventsourcing.vocabulary import VocabularyMapper
from runfold.eventsourcing.vocabulary_recorder import VocabularyRecorder
from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings, load_settings

statement = runtime_sql("runfold.eventsourcing")

TRecorder = TypeVar("TRecorder", bound=RunfoldRecorder)
TTracking = TypeVar("TTracking", bound=RunfoldTrackingRecorder)


class RunfoldFactory(InfrastructureFactory[RunfoldTrackingRecorder]):
    """Makes recorders on runfold's log, configured by the application's environment (RUNFOLD_DATABASE_URL, …).

    Raises SchemaOutdated if the database is not migrated, and DatabaseUnavailable if it cannot be reached.
    """

    ORIGINATOR_ID_TYPE = "ORIGINATOR_ID_TYPE"
    CREATE_TABLE = "CREATE_TABLE"

    aggregate_recorder_class = RunfoldAggregateRecorder
    snapshot_recorder_class = RunfoldSnapshotRecorder
    application_recorder_class = RunfoldApplicationRecorder
    tracking_recorder_class = RunfoldTrackingRecorder
    process_recorder_class = RunfoldProcessRecorder

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        id_type = self.env.get(self.ORIGINATOR_ID_TYPE, "uuid").lower()
        if id_type not in ("uuid", "text"):
            raise OSError(f"{self.ORIGINATOR_ID_TYPE} is {id_type!r}: set it to 'uuid' or 'text'")
        self.originator_ids = OriginatorIds(are_text=id_type == "text")
        self.datastore = Datastore(_settings(self.env))

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Return a recorder of events or of snapshots, the two purposes of the library."""
        if purpose == "snapshots":
            return self.snapshot_recorder_class(
                self.datastore, category=self._category(), originator_ids=self.originator_ids
            )
        if purpose != "events":
            raise ProgrammingError(f"there is no recorder for the purpose {purpose!r}: use 'events' or 'snapshots'")
        return self._events(self.aggregate_recorder_class)

    def application_recorder(self) -> ApplicationRecorder:
        if self._is_of_the_vocabulary():
            return self._made(VocabularyRecorder(self.datastore, user_id=self._user_id()))
        return self._events(self._chosen(self.APPLICATION_RECORDER_TOPIC, self.application_recorder_class))

    def tracking_recorder(self, tracking_recorder_class: type[TTracking] | None = None) -> TTracking:
        chosen = tracking_recorder_class or cast(
            type[TTracking], self._chosen(self.TRACKING_RECORDER_TOPIC, self.tracking_recorder_class)
        )
        if not issubclass(chosen, RunfoldTrackingRecorder):
            raise ProgrammingError(
                f"{chosen.__name__} is not a subclass of RunfoldTrackingRecorder: derive it from that class"
            )
        return self._made(chosen(self.datastore, tracker=self._tracker()))

    def process_recorder(self) -> ProcessRecorder:
        if self._is_of_the_vocabulary():
            raise ProgrammingError("a process application cannot record events of the vocabulary: unset MAPPER_TOPIC")
        chosen = self._chosen(self.PROCESS_RECORDER_TOPIC, self.process_recorder_class)
        return self._events(chosen, tracker=self._tracker())

    def close(self) -> None:
        self.datastore.close()

    def _is_of_the_vocabulary(self) -> bool:
        mapper = self.env.get(self.MAPPER_TOPIC)
        return bool(mapper) and issubclass(resolve_topic(str(mapper)), VocabularyMapper)

    def _user_id(self) -> UUID | None:
        """Return RUNFOLD_USER_ID, the tenant of new streams of the vocabulary."""
        given = self.env.get("RUNFOLD_USER_ID")
        try:
            return UUID(given) if given else None
        except ValueError:
            raise OSError(f"RUNFOLD_USER_ID is {given!r}: set it to a UUID") from None

    def _chosen(self, variable: str, default: type[TRecorder]) -> type[TRecorder]:
        """Return the recorder class that the environment names, or the default."""
        topic = self.env.get(variable)
        if not topic:
            return default
        chosen = resolve_topic(topic)
        if not (isinstance(chosen, type) and issubclass(chosen, default)):
            raise ProgrammingError(f"{variable} names {topic}, which is not a subclass of {default.__name__}: name one")
        return chosen

    def _events(self, recorder_class: type[TRecorder], **kwargs: Any) -> TRecorder:
        return self._made(
            recorder_class(  # type: ignore[call-arg]  # TRecorder is bound to what all recorders share
                self.datastore, category=self._category(), originator_ids=self.originator_ids, **kwargs
            )
        )

    def _made(self, recorder: TRecorder) -> TRecorder:
        if strtobool(self.env.get(self.CREATE_TABLE) or "yes"):
            recorder.create_table()
        return recorder

    def _category(self) -> str:
        """Register and return the application's category; raises ProgrammingError if another application has it."""
        name = self.env.name or "stored"
        category = category_of(name)
        self.datastore.run(statement("register_application"), {"category": category, "name": name})
        return category

    def _tracker(self) -> str:
        return self.env.name.lower() or "notification"


def _settings(env: Environment) -> Settings:
    """Return runfold's settings from the application's environment, else from the process's."""
    return load_settings(**{name: env.get(f"RUNFOLD_{name.upper()}") for name in Settings.model_fields})

"""The base class of aggregates: the immutable state of one stream, folded from its events.

A command checks the state and returns the next one, with the new events pending in it; the state it was called on does
not change. The folds follow the same text as the read tables (docs/decisions/002 and 007), also for histories that no
command could have made. The eventsourcing library can use them as its aggregates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, Self, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field

from runfold.errors import IllegalTransition
from runfold.events import VOCABULARY, Event
from runfold.events.envelope import NewEvent
from runfold.events.faults import fault
from runfold.events.machines import Machine, Move, Status
from runfold.events.rules import Rule, value_fault
from runfold.events.streams import stream_category, stream_id, stream_name

Data = Mapping[str, Any]
Changes = Mapping[str, Any]
Fold = Callable[[Any, Data], Changes]
"""Maps a state and an event's data to the fields that the event changes."""
Folds = Mapping[str, Fold]


def now() -> datetime:
    """Return the present time by this computer's clock, with its zone."""
    return datetime.now(UTC)


def now_ms() -> int:
    """Return the present time by this computer's clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def or_now(at: datetime | None) -> datetime:
    """Return the time that is given, or the present one."""
    return now() if at is None else at


def or_now_ms(time_ms: int | None) -> int:
    """Return the epoch milliseconds that are given, or the present ones."""
    return now_ms() if time_ms is None else time_ms


def check_value(rule: Rule, value: Any, pointer: str) -> None:
    """Raise InvalidInput for a value that no event could hold, before it is looked up anywhere."""
    if rule is NAME and type(value) is str and len(value) <= 255 and value.isprintable() and value.strip():
        return  # most names: nothing that is printable needs a closer look
    if value is None:
        raise fault("required", pointer)
    if (found := value_fault(rule, value, pointer)) is not None:
        raise found


_set = object.__setattr__  # a pydantic model that is frozen has no other way

NAME = Rule("name", 1, 255)
UUID_NAME = Rule("uuid")


class Recorded(Protocol):
    """An event as the log returns it: RecordedEvent is one."""

    @property
    def type(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class AggregateEvent:
    """An event with its stream and its version there: a domain event of the eventsourcing library."""

    originator_id: str
    """The stream's id."""
    originator_version: int
    event: Event
    data: Data = field(default_factory=dict)
    """The event's data as the log stores it; made of the event where it is not given."""
    event_id: UUID = field(default_factory=uuid4)
    occurred_at: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        if not self.data:
            object.__setattr__(self, "data", self.event.to_data())

    def mutate(self, aggregate: Aggregate | None) -> Aggregate:
        """Return the aggregate after this event; None is the one before its first event."""
        if aggregate is None:
            aggregate = Aggregate.of(self.originator_id)
        if (aggregate.id, aggregate.version + 1) != (self.originator_id, self.originator_version):
            raise ValueError(
                f"event {self.originator_version} of {self.originator_id} does not follow"
                f" {aggregate.id} at version {aggregate.version}"
            )
        return aggregate.folded(self.event.event_type(), self.data)

    def envelope(self, metadata: Mapping[str, Any] | None = None) -> NewEvent:
        """Return the event as the log takes it, with the same id each time, so that it can be sent again."""
        return NewEvent(
            type=self.event.event_type(),
            data=self.data,
            schema_version=self.event.schema_version(),
            event_id=self.event_id,
            metadata=metadata or {},
            occurred_at=self.occurred_at,
        )


class Aggregate(BaseModel):
    """The state of one stream after `version` events, and the events that are not recorded yet.

    `id` is the stream's id. Commands return the next state, or raise IllegalTransition or InvalidInput.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="forbid")

    category: ClassVar[str]
    _folds: ClassVar[Folds]
    _name_field: ClassVar[str]
    _name_rule: ClassVar[Rule] = UUID_NAME
    _by_category: ClassVar[dict[str, type[Aggregate]]] = {}

    id: str
    version: int = 0
    pending: tuple[AggregateEvent, ...] = Field(default=(), exclude=True, repr=False)
    """The events that are not recorded yet; `version` counts them."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        Aggregate._by_category[cls.category] = cls

    @staticmethod
    def of(stream_id: str) -> Aggregate:
        """Return the aggregate of a stream before its first event; raises KeyError where its category has none."""
        return Aggregate._by_category[stream_category(stream_id)](id=stream_id)

    @classmethod
    def named(cls, name: str | UUID) -> Self:
        """Return the aggregate of that name before its first event: its stream is `<category>-<name>`.

        Raises InvalidInput for a name that no such stream can have.
        """
        if cls._name_rule is NAME and isinstance(name, UUID):
            name = str(name)
        check_value(cls._name_rule, name, f"/{cls._name_field}")
        return cls(id=stream_id(cls.category, name if cls._name_rule is NAME else UUID(str(name))))

    @property
    def name(self) -> str:
        """The part of the stream's id after the category."""
        return stream_name(self.id)

    @property
    def recorded_version(self) -> int:
        """The version without the pending events: the one to expect when they are appended."""
        return self.version - len(self.pending)

    def recorded(self) -> Self:
        """Return the same state with nothing pending, for when its events are in the log."""
        return self._copied({"pending": ()}) if self.pending else self

    def collect_events(self) -> tuple[AggregateEvent, ...]:
        """Return the pending events and forget them: the eventsourcing library's `Application.save` calls this."""
        pending = self.pending
        self.__dict__["pending"] = ()
        return pending

    def after(self, events: Iterable[Recorded]) -> Self:
        """Return the state after some more events of the stream, given in their order."""
        state = self
        for event in events:
            state = state.folded(event.type, event.data or {})
        return state

    def folded(self, event_type: str, data: Data) -> Self:
        """Return the state after one more event."""
        return self._copied(self._changes(event_type, data))

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self

    def _with(self, *events: Event) -> Self:
        """Return the state after new events, which become pending."""
        state = self
        for event in events:
            data = event.to_data()
            new = AggregateEvent(state.id, state.version + 1, event, data)
            changes = state._changes(event.event_type(), data)
            changes["pending"] = (*state.pending, new)
            state = state._copied(changes)
        return state

    def _changes(self, event_type: str, data: Data) -> dict[str, Any]:
        changes: dict[str, Any] = {"version": self.version + 1}
        if (fold := self._folds.get(event_type)) is not None:
            changes.update(fold(self, data))
        return changes

    def _copied(self, changes: Changes) -> Self:
        """Return a copy with other values for some fields: `model_copy` in a fifth of its time."""
        kind = type(self)
        copy = kind.__new__(kind)
        _set(copy, "__dict__", {**self.__dict__, **changes})
        _set(copy, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        _set(copy, "__pydantic_extra__", None)
        _set(copy, "__pydantic_private__", None)
        return copy

    def _check(self, machine: Machine, status: Status, command: str, target: str, name: str | None = None) -> None:
        """Raise IllegalTransition when the vocabulary does not let the machine move so."""
        if not (machine.may(command, status) and machine.is_legal(status, target)):
            raise self._illegal(machine, status, command, name)

    def _illegal(
        self,
        machine: Machine,
        status: Status,
        command: str,
        name: str | None = None,
        *,
        allowed: tuple[str, ...] | None = None,
        hint: str | None = None,
    ) -> IllegalTransition:
        """Return the error that names state, command and allowed commands. `name`: of a node, pause or trigger."""
        if allowed is None:
            allowed = self._allowed(machine, status)
        who = self.id if name is None else f"{machine.name} {name} of {self.id}"
        state = "does not exist" if status is None else f"is {status}"
        if allowed:
            instead = ", ".join(f"{one}()" for one in allowed)
        else:
            instead = "none, it has ended" if machine.has_ended(status) else "none"
        return IllegalTransition(
            f"{who} {state}: {command}() is not possible; allowed: {instead}",
            hint=hint,
            stream_id=self.id,
            machine=machine.name,
            name=name,
            state=status,
            command=command,
            allowed=allowed,
        )

    def _allowed(self, machine: Machine, status: Status) -> tuple[str, ...]:
        """Return the commands that are allowed; a subclass knows more than the machine."""
        return machine.allowed(status)


def folds_of(category: str, fold_of: Callable[[Move], Fold], special: Folds) -> dict[str, Fold]:
    """Return the fold of each event type of a category that changes anything.

    `fold_of` makes the fold of an event that does no more than its class says, `special` are the folds of the others.
    """
    moves = {name: event.moves for name, event in VOCABULARY.items() if event.category() == category}
    plain = {name: fold_of(move) for name, move in moves.items() if move is not None and name not in special}
    return {**plain, **special}


def moves_status(move: Move) -> Fold:
    """Return the fold of an event that moves an aggregate which is one machine, until that has ended."""

    def fold(state: Any, _: Data) -> Changes:
        return {} if state.status is None or move.machine.has_ended(state.status) else {"status": move.target}

    return fold


AnyAggregate = TypeVar("AnyAggregate", bound=Aggregate)

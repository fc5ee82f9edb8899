"""Commands on their way into the log: the command that a caller gave, what was decided of it, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from random import uniform
from typing import Any
from uuid import UUID

from runfold.domain.aggregate import Aggregate, AggregateEvent
from runfold.errors import IllegalTransition
from runfold.events.envelope import Append

OtherStream = tuple[Aggregate, Callable[[Any, Any], Aggregate]]
"""A second stream changed by a command: its state, and a function (its state, our new state) -> its next state."""


@dataclass(slots=True, eq=False)
class Command:
    """A command that a caller waits for: a function of a state, with its arguments, so that it can be decided again.

    `others` are further streams that it changes in the same append. `events` are those of the command's stream, as they
    were decided last; `was_found` says that the log has them. A command is settled when its caller can go on.
    """

    function: Callable[..., Aggregate]
    arguments: tuple[Any, ...] = ()
    named_arguments: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[OtherStream, ...] = ()
    is_settled: bool = False
    error: BaseException | None = None
    events: tuple[AggregateEvent, ...] = ()
    was_found: bool = False

    def is_the_same_as(self, other: Command) -> bool:
        """Return whether the other is the same command, given again."""
        return (
            self.function == other.function
            and self.arguments == other.arguments
            and self.named_arguments == other.named_arguments
        )

    @property
    def was_recorded(self) -> bool:
        """Whether the log has its events, as far as is known."""
        return self.was_found or (self.is_settled and self.error is None)

    def settle(self, error: BaseException | None = None) -> None:
        """Let the caller go on; with the error, if there is one."""
        self.is_settled, self.error = True, error

    def decide(self, state: Aggregate) -> tuple[Aggregate, list[Aggregate]]:
        """Return the state after the command, and the states of the other streams; raises what makes it impossible."""
        after = self.function(state, *self.arguments, **self.named_arguments)
        others = [change(other, after) for other, change in self.others]
        self.events = after.pending[len(state.pending) :]
        return after, others

    def reload(self, stream_id: str, other: Aggregate) -> None:
        """Decide from this state of another stream from now on."""
        self.others = tuple((other if known.id == stream_id else known, change) for known, change in self.others)

    def look_among(self, event_ids: Container[UUID]) -> None:
        """Note whether the log has the events that were decided last."""
        self.was_found = self.was_found or all(event.event_id in event_ids for event in self.events)


@dataclass(slots=True)
class Decision:
    """What a batch of commands on one stream makes of it: the appends of those that are possible, and the others."""

    state: Aggregate
    others: list[Aggregate] = field(default_factory=list)
    possible: list[Command] = field(default_factory=list)
    impossible: list[tuple[Command, Exception]] = field(default_factory=list)

    @classmethod
    def of(cls, state: Aggregate, batch: Iterable[Command]) -> Decision:
        """Decide each command that is not settled, on the state that the commands before it made."""
        decision = cls(state)
        for command in batch:
            if command.is_settled:
                continue
            try:
                after, others = command.decide(decision.state)
            except Exception as error:  # also a wrong argument: it must not take the others' commands along
                decision.impossible.append((command, error))
                continue
            decision.state = after
            decision.others += others
            decision.possible.append(command)
        return decision

    @property
    def depends_on_the_state(self) -> bool:
        """Whether a command is impossible in this state, which may be another one by now."""
        return any(isinstance(error, IllegalTransition) for _, error in self.impossible)

    def refuse(self) -> None:
        """Settle the impossible commands with their errors."""
        for command, error in self.impossible:
            command.settle(error)

    def appends(self, *, user_id: UUID | None, metadata: Mapping[str, Any]) -> list[Append]:
        """Return the call that records everything, all or nothing."""
        states = (self.state, *self.others)
        return [append_of(state, user_id=user_id, metadata=metadata) for state in states if state.pending]


def append_of(state: Aggregate, *, user_id: UUID | None, metadata: Mapping[str, Any]) -> Append:
    """Return the append of a state's pending events, expected at the version that the state was decided on."""
    return Append(
        stream_id=state.id,
        events=[event.envelope(metadata) for event in state.pending],
        expected_version=state.recorded_version,
        user_id=user_id,
    )


def pause_before(tries: int) -> float:
    """Return the seconds to wait before deciding again after so many conflicts: 0 at first, then longer, by chance."""
    return 0.0 if tries < 2 else uniform(0, min(0.002 * 2 ** min(tries, 6), 0.1))

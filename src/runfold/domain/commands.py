"""Commands on their way into the log: what was asked, what it was decided to be, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from random import uniform
from typing import Any
from uuid import UUID

from runfold.domain.aggregate import Aggregate, AggregateEvent
from runfold.errors import IllegalTransition
from runfold.events.envelope import Append

Also = tuple[Aggregate, Callable[[Any, Any], Aggregate]]
"""Another stream that a command concerns: its state, and what makes of it and of the own new state its next one."""


@dataclass(slots=True, eq=False)
class Asked:
    """A command that somebody waits for: a function of a state, with its arguments, so that it can be decided again.

    `also` are streams that it concerns besides, in the same append. `events` are its own stream's, as they were decided
    last; `was_found` says that the log has them.
    """

    command: Callable[..., Aggregate]
    arguments: tuple[Any, ...] = ()
    named_arguments: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[Also, ...] = ()
    is_answered: bool = False
    error: BaseException | None = None
    events: tuple[AggregateEvent, ...] = ()
    was_found: bool = False

    def is_the_same_as(self, other: Asked) -> bool:
        """Say whether the other is the same command again."""
        return (
            self.command == other.command
            and self.arguments == other.arguments
            and self.named_arguments == other.named_arguments
        )

    def answer(self, error: BaseException | None = None) -> None:
        """Let the waiting one go on; with the error, if there is one."""
        self.is_answered, self.error = True, error

    def decide(self, state: Aggregate) -> tuple[Aggregate, list[Aggregate]]:
        """The state after the command, and the states of the other streams; raises what makes it impossible."""
        after = self.command(state, *self.arguments, **self.named_arguments)
        also = [change(other, after) for other, change in self.also]
        self.events = after.pending[len(state.pending) :]
        return after, also

    def reloaded(self, stream_id: str, other: Aggregate) -> None:
        """Decide from this state of another stream from now on."""
        self.also = tuple((other if known.id == stream_id else known, change) for known, change in self.also)

    def look_among(self, event_ids: Container[UUID]) -> None:
        """Note whether the log has the events that were decided last."""
        self.was_found = self.was_found or all(event.event_id in event_ids for event in self.events)


@dataclass(slots=True)
class Decided:
    """A batch of commands, one after the other on one stream: what is to be appended for those that are possible."""

    state: Aggregate
    also: list[Aggregate] = field(default_factory=list)
    possible: list[Asked] = field(default_factory=list)
    impossible: list[tuple[Asked, Exception]] = field(default_factory=list)

    @classmethod
    def of(cls, state: Aggregate, batch: Iterable[Asked]) -> Decided:
        """Decide each command that has no answer yet on what those before it made of the state."""
        decided = cls(state)
        for asked in batch:
            if asked.is_answered:
                continue
            try:
                after, also = asked.decide(decided.state)
            except Exception as error:  # also a wrong argument: it must not take the others' commands along
                decided.impossible.append((asked, error))
                continue
            decided.state = after
            decided.also += also
            decided.possible.append(asked)
        return decided

    @property
    def depends_on_the_state(self) -> bool:
        """Whether a command is impossible in this state, which may be another one by now."""
        return any(isinstance(error, IllegalTransition) for _, error in self.impossible)

    def refuse(self) -> None:
        """Answer what is impossible."""
        for asked, error in self.impossible:
            asked.answer(error)

    def appends(self, *, user_id: UUID | None, metadata: Mapping[str, Any]) -> list[Append]:
        """The call that records everything, all or nothing."""
        return [
            append_of(state, user_id=user_id, metadata=metadata) for state in (self.state, *self.also) if state.pending
        ]


def append_of(state: Aggregate, *, user_id: UUID | None, metadata: Mapping[str, Any]) -> Append:
    """The append of what is pending in a state, expected at the version that the state was decided on."""
    return Append(
        stream_id=state.id,
        events=[event.envelope(metadata) for event in state.pending],
        expected_version=state.recorded_version,
        user_id=user_id,
    )


def pause_before(tries: int) -> float:
    """Seconds to wait before deciding again after so many conflicts: none at first, then longer, by chance."""
    return 0.0 if tries < 2 else uniform(0, min(0.002 * 2 ** min(tries, 6), 0.1))

"""A worker that kills itself by SIGKILL at one step of a batch, or breaks one rule.

The product does not know it: its functions are patched in the worker's process. `nth` counts how often the step is
reached.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from runfold.projections.folding import fold
from runfold.projections.folding.ledger import Begun, Ledger
from runfold.projections.folding.projector import Projector
from tests.fixtures.processes import Process, drain, forked

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(nth: int) -> Wrap:
    """Die before the nth call."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        calls = itertools.count(1)

        def wrapped(*args: Any, **options: Any) -> Any:
            if next(calls) == nth:
                die()
            return function(*args, **options)

        return wrapped

    return wrap


def after(nth: int) -> Wrap:
    """Die after the nth call."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        calls = itertools.count(1)

        def wrapped(*args: Any, **options: Any) -> Any:
            returned = function(*args, **options)
            if next(calls) == nth:
                die()
            return returned

        return wrapped

    return wrap


# Each step: where it is, which function it is about, and how to die there.
STEPS: dict[str, tuple[Any, str, Callable[[int], Wrap]]] = {
    "before the first statement": (Projector, "_advance", before),
    "between two folds": (fold, "_batch", before),
    "before the checkpoint moves": (Ledger, "move", before),
    "before the commit": (Ledger, "move", after),
    "after the commit": (Projector, "_advance", after),
}
NO_STEP = "nowhere"


def checkpoint_of_its_own(nth: int) -> None:
    """Break the rule: move the checkpoint in a separate transaction before the folds, and die between the two."""
    whole, move = Projector._advance, Ledger.move
    calls = itertools.count(1)

    def moved_first(self: Projector, group: Any, head: int, size: int) -> Any:
        with self.connection.cursor() as cursor:
            position, _, built = self.ledger.begin(group)
            bounds = fold.batch_bounds(cursor, group, after=position, head=head, size=size)
            if position < head:
                move(self.ledger, group, position, bounds.upto)
                if bounds.events and next(calls) == nth:
                    die()
                self.ledger.begin = lambda *_: Begun(position, False, built)  # type: ignore[method-assign]
                try:
                    return whole(self, group, bounds.upto, size)
                finally:
                    del self.ledger.begin  # type: ignore[method-assign]
        return None

    Projector._advance = moved_first  # type: ignore[method-assign]
    Ledger.move = lambda *_: None  # type: ignore[method-assign]


def checkpoint_afterwards(nth: int) -> None:
    """Break the rule: move the checkpoint in a separate transaction after the folds, and die between the two."""
    whole, move = Projector._advance, Ledger.move
    calls = itertools.count(1)

    def moved_last(self: Projector, group: Any, head: int, size: int) -> Any:
        done = whole(self, group, head, size)
        if done is not None:
            if done.events and next(calls) == nth:
                die()
            move(self.ledger, group, done.after, done.upto)
        return done

    Projector._advance = moved_last  # type: ignore[method-assign]
    Ledger.move = lambda *_: None  # type: ignore[method-assign]


BROKEN_RULES = {"checkpoint first": checkpoint_of_its_own, "checkpoint last": checkpoint_afterwards}


def dying_worker(url: str, step: str, nth: int, batch_size: int) -> AbstractContextManager[Process]:
    """Run a worker in another process that drains, and that dies when it reaches a step for the nth time."""

    def body() -> None:
        if step in BROKEN_RULES:
            BROKEN_RULES[step](nth)
        elif step != NO_STEP:
            owner, name, wrap = STEPS[step]
            setattr(owner, name, wrap(nth)(getattr(owner, name)))
        drain(url, batch_size=batch_size)

    return forked(body)

"""Poison: events that cannot be folded, distinguished from errors that may pass, and found in their streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from runfold.errors import FoldDenied, RunfoldError
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import ONE_STREAM, THE_LOG, HandlerFailed, events_of_one, fold_batch
from runfold.projections.folding.ledger import Ledger
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

# Data and logic errors: the event's or the fold's fault. A program limit (54: a value, an index entry, a nesting that
# is too large for PostgreSQL) is exceeded again at each try.
_PROGRAM_LIMIT = "54"
_POISON_CLASSES = ("22", "23", "42", _PROGRAM_LIMIT)
_POISON_STATES = ("P0001",)
# What the world is short of just now: memory, disk, temporary files. Of connections (53300) a smaller batch needs as
# many.
_RESOURCES = "53"
_TOO_MANY_CONNECTIONS = "53300"
# An allocation of more than 1 GB is refused without a state of its own.
_ALLOCATION = "invalid memory alloc request size"
# What the world is to blame for, and what ends by itself: connections, conflicts of transactions, locks, disks.
_PASSING_CLASSES = ("08", "40", _RESOURCES, "57", "58")
_PASSING_STATES = ("55P03", "55006", "25006")

_SHORT_RANGE = 10_000

Failure = psycopg.Error | HandlerFailed
"""What a fold that failed raised."""

PERMISSION_DENIED = "42501"
"""The SQLSTATE of what the role may not do: that is no event's fault."""
# The function of PostgreSQL that refuses rows by a policy; what a role lacks otherwise is a grant.
_CHECKS_POLICIES = "ExecWithCheckOptions"


@dataclass(frozen=True, slots=True)
class Bad:
    """The event that cannot be folded, by its position, and the error."""

    position: int
    error: Failure

    @property
    def sqlstate(self) -> str:
        """The error's SQLSTATE."""
        return sqlstate_of(self.error)

    @property
    def message(self) -> str:
        """The error in a line."""
        return one_line(self.error)


def is_poison(exc: Failure) -> bool:
    """Whether the error is the data's or the fold's; what the role may not do is neither's."""
    if isinstance(exc, HandlerFailed):
        return True
    state = exc.sqlstate or ""
    if state == PERMISSION_DENIED:
        return False
    return state[:2] in _POISON_CLASSES or state in _POISON_STATES or _is_allocation(exc)


def is_too_large(exc: Failure) -> bool:
    """Whether fewer events at once may be folded, where these exceeded a limit or what there was of memory or disk."""
    state = sqlstate_of(exc)
    if state == _TOO_MANY_CONNECTIONS:
        return False
    return state[:2] in (_PROGRAM_LIMIT, _RESOURCES) or _is_allocation(exc)


def may_pass(exc: Failure) -> bool:
    """Whether the same fold may succeed later, though nobody repairs anything in the database."""
    if isinstance(exc, HandlerFailed) or is_poison(exc):
        return False
    if exc.sqlstate is None:  # the connection was lost, or psycopg itself gave up
        return isinstance(exc, psycopg.OperationalError)
    return exc.sqlstate[:2] in _PASSING_CLASSES or exc.sqlstate in _PASSING_STATES


def _is_allocation(exc: Failure) -> bool:
    return isinstance(exc, psycopg.InternalError) and _ALLOCATION in str(exc)


@contextmanager
def refusing(refusal: Callable[[str], RunfoldError]) -> Iterator[None]:
    """Raise this refusal, made from the error in a line, for what is the data's or the fold's fault in the block."""
    try:
        yield
    except (psycopg.Error, HandlerFailed) as exc:
        if not is_poison(exc):
            raise
        raise refusal(one_line(exc)) from exc


@contextmanager
def denied_stops(group: Group, login: str) -> Iterator[None]:
    """Raise FoldDenied, with what to do, where the role of a session lacks a right on what is folded in the block."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as exc:
        raise FoldDenied(
            f"the group {group.name} cannot be folded: {one_line(exc)}",
            hint=_remedy(exc, login),
            group=group.name,
            by_policy=exc.diag.source_function == _CHECKS_POLICIES,
            postgres_sqlstate=PERMISSION_DENIED,
        ) from exc


def why_stopped(exc: Failure, login: str) -> str:
    """What went wrong, in a line, with what to do where the session's role lacks a right."""
    denied = sqlstate_of(exc) == PERMISSION_DENIED
    return f"{one_line(exc)}: {_remedy(exc, login)}" if denied else one_line(exc)


def _remedy(exc: Failure, login: str) -> str:
    if isinstance(exc, psycopg.Error) and exc.diag.source_function == _CHECKS_POLICIES:
        return (
            f"no event is to blame, the policies of the table do not let {login} pass:"
            " CREATE POLICY … FOR ALL TO a role of its USING (true) WITH CHECK (true)"
        )
    return f"no event is to blame, {login} lacks a right: GRANT it what is missing"


def sqlstate_of(exc: Failure) -> str:
    """The error's SQLSTATE; that of a raised exception for one of Python's."""
    return "P0001" if isinstance(exc, HandlerFailed) else exc.sqlstate or "XX000"


def one_line(exc: Failure) -> str:
    """What went wrong, in a line."""
    message = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
    return " ".join(str(message or exc).split())


def fold_alone(
    ledger: Ledger,
    cursor: psycopg.Cursor[Any],
    group: Group,
    stream_id: str,
    *,
    after: int,
    upto: int,
    types: frozenset[str],
    checked: bool = True,
) -> Failure | None:
    """Fold one stream's events between two positions into what is bound; on a data error undo that and return it.

    `checked` has deferred constraints checked, too.
    """
    try:
        with ledger.connection.transaction():
            fold_batch(
                cursor,
                group,
                after=after,
                upto=upto,
                types=types,
                streams=ONE_STREAM,
                stream=stream_id,
                # A short range is read by position, however long the stream is.
                events=events_of_one(group) if upto - after > _SHORT_RANGE else THE_LOG,
            )
            if checked:
                ledger.check_constraints(group)
    except (psycopg.Error, HandlerFailed) as exc:
        if not is_poison(exc):
            raise
        return exc
    return None


def fold_to_the_bad_one(
    ledger: Ledger, cursor: psycopg.Cursor[Any], group: Group, stream_id: str, *, after: int, upto: int
) -> Bad | None:
    """Fold one stream's events in order, as far as they can be folded; returns the first that cannot be, or None."""
    parameters = {"group": group.name, "stream": stream_id, "after": after, "upto": upto, "types": group.events}
    cursor.execute(statement("stream_positions"), parameters)
    positions = [position for (position,) in cursor.fetchall()]
    return _halve(ledger, cursor, group, stream_id, after, upto, positions)


def _halve(
    ledger: Ledger,
    cursor: psycopg.Cursor[Any],
    group: Group,
    stream_id: str,
    after: int,
    upto: int,
    positions: list[int],
) -> Bad | None:
    types = frozenset(group.events)
    failure = fold_alone(ledger, cursor, group, stream_id, after=after, upto=upto, types=types)
    if failure is None:
        return None
    if not positions:
        raise failure
    if len(positions) == 1:
        return Bad(positions[0], failure)
    middle = len(positions) // 2
    cut = positions[middle] - 1
    return _halve(ledger, cursor, group, stream_id, after, cut, positions[:middle]) or _halve(
        ledger, cursor, group, stream_id, cut, upto, positions[middle:]
    )

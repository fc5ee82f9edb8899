"""Runs groups along the log, a batch of each at a time.

A group that fails backs off, and is tried again ever later. A group waits whose tables have to be rebuilt, or have rows
that may be hidden from the session that folds it; it is examined again every second. The other groups go on meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from runfold import tracing
from runfold.errors import RowsHidden
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.hidden import require_visible
from runfold.projections.folding.poison import may_pass, one_line, sqlstate_of, why_stopped
from runfold.projections.folding.projector import Advanced, BuiltOtherwise, GroupStopped, Projector
from runfold.projections.folding.registry import note_waiting, register_group
from runfold.runtime_sql import runtime_sql
from runfold.worker.numbers import Numbers

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

REBUILT_SECONDS = 1.0
FIRST_BACK_OFF = 0.1
LONGEST_BACK_OFF = 30.0


@dataclass(frozen=True)
class _Waiting:
    """A group that failed, or has to be rebuilt: when to look again, and after how long a pause."""

    until: float
    seconds: float = 0.0
    rebuild: bool = False


def _raise(_: Group, exc: psycopg.Error) -> None:
    raise exc


class GroupRunner:
    """Advances groups by a projector. `notes` is a connection of the worker's role, which registers the groups.

    `lost` is called when the projector's connection was lost; without it the error is raised. `numbers` counts.
    """

    def __init__(
        self,
        groups: Iterable[Group],
        projector: Projector,
        notes: psycopg.Connection[Any],
        *,
        lost: Callable[[Group, psycopg.Error], None] = _raise,
        numbers: Numbers | None = None,
    ) -> None:
        self.groups = list(groups)
        self.projector = projector
        self._notes = notes
        self._lost = lost
        self._numbers = numbers or Numbers()
        self._waiting: dict[str, _Waiting] = {}

    def register(self) -> None:
        """Note the groups' projections when this worker begins to lead."""
        for group in self.groups:
            self._register(group, leading=False)

    @property
    def free(self) -> list[Group]:
        """The groups that neither back off nor wait for a rebuild."""
        return [group for group in self.groups if group.name not in self._waiting]

    @property
    def seconds_to_wait(self) -> float | None:
        """The time until a group that failed or waits is due; None where there is none."""
        due = [waiting.until for waiting in self._waiting.values()]
        return max(0.01, min(due) - time.monotonic()) if due else None

    def advance(self, group: Group, head: int) -> bool:
        """Fold one batch of a group; False when there was none, or the group waits."""
        waiting = self._waiting.get(group.name)
        if waiting is not None and time.monotonic() < waiting.until:
            return False
        if waiting is not None and waiting.rebuild and not self._register(group, leading=True):
            return False
        began = time.perf_counter()
        try:
            advanced = self.projector.advance(group, head)
        except BuiltOtherwise:
            self._register(group, leading=True)
            return False
        except GroupStopped as exc:
            self._back_off(group, str(exc))
            return False
        except psycopg.Error as exc:
            if self.projector.connection.closed:
                self._lost(group, exc)
            if may_pass(exc):
                self._note_retried(group, exc)
            else:  # while the reason of a failure was looked for: a function left its transaction behind, for instance
                said = why_stopped(exc, self.projector.connection.info.user)
                self.projector.ledger.note_stopped(group, sqlstate_of(exc), said)
            self._back_off(group, str(exc))
            return False
        self._waiting.pop(group.name, None)
        if advanced is not None:
            seconds = time.perf_counter() - began
            self._note_batch(group, advanced, seconds)
            if advanced.events and tracing.is_on():
                self._trace_batch(group, advanced, seconds)
        return advanced is not None

    def _trace_batch(self, group: Group, advanced: Advanced, seconds: float) -> None:
        """Record the batch as a span, with links to those whose events it folded; without them where that fails."""
        try:
            asked = {"after": advanced.after, "upto": advanced.upto, "types": group.events, "most": tracing.MOST_LINKS}
            found = self._notes.execute(statement("traceparents"), asked).fetchall()
        except psycopg.Error as exc:
            if self._notes.closed:
                raise
            log.debug("the links of a batch could not be read: %s", exc)
            found = []
        facts: dict[str, str | int] = {
            "runfold.group": group.name,
            "runfold.position": advanced.upto,
            "runfold.events": advanced.events,
        }
        tracing.record_batch(seconds, facts, [text for (text,) in found])

    def _note_batch(self, group: Group, advanced: Advanced, seconds: float) -> None:
        self._numbers.folded(group.name, advanced.upto, advanced.events, seconds)
        if log.isEnabledFor(logging.DEBUG):
            facts = {"group": group.name, "position": advanced.upto, "events": advanced.events}
            said = {**facts, "event": "batch", "seconds": round(seconds, 6), "epoch": self.projector.ledger.epoch}
            log.debug("folded %s events of group %s", advanced.events, group.name, extra=said)

    def _register(self, group: Group, *, leading: bool) -> bool:
        """Note the group's projections; False where it has to wait, which is said once.

        It waits for a rebuild, or for policies: rows of its tables may be hidden.
        """
        before = self._waiting.get(group.name)
        try:
            require_visible(self.projector.connection, group)
        except RowsHidden as exc:
            reason: str | None = note_waiting(self._notes, group, str(exc))
        else:
            reason = register_group(self._notes, group, leading=leading)
        if reason is None:
            if before is not None and before.rebuild:
                log.info("projection group %s has what it waited for, and goes on", group.name)
                del self._waiting[group.name]
            return True
        if before is None or not before.rebuild:
            log.error(
                "projection group %s waits: %s", group.name, reason, extra={"event": "waits", "group": group.name}
            )
        self._waiting[group.name] = _Waiting(until=time.monotonic() + REBUILT_SECONDS, rebuild=True)
        return False

    def _note_retried(self, group: Group, exc: psycopg.Error) -> None:
        """Note why the group does not move: it is tried again, and nobody shall take it for well meanwhile."""
        noted = {
            "group": group.name,
            "sqlstate": sqlstate_of(exc),
            "error": one_line(exc),
            "epoch": self.projector.ledger.epoch,
        }
        try:
            self._notes.execute(statement("note_retried"), noted)
        except psycopg.Error as failed:
            if self._notes.closed:
                raise
            log.warning("and that could not be noted: %s", failed)

    def _back_off(self, group: Group, reason: str) -> None:
        self._numbers.failed(group.name)
        before = self._waiting.get(group.name)
        failed_before = before is not None and not before.rebuild
        seconds = min(2 * before.seconds, LONGEST_BACK_OFF) if failed_before and before else FIRST_BACK_OFF
        said = {"event": "retried", "group": group.name, "epoch": self.projector.ledger.epoch}
        log.warning("projection group %s is tried again in %.1f s: %s", group.name, seconds, reason, extra=said)
        self._waiting[group.name] = _Waiting(time.monotonic() + seconds, seconds)

"""The last change of a value: the events that its row depends on are folded in parts, the last part first."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import orjson
import psycopg
from psycopg import sql

from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.fold import fold_batch
from runfold.reading.past.affected import Reach, executions_of_workflows
from runfold.reading.status import statement

Progress = Callable[[int, int], None]
"""Told how many events are done with, and of how many."""

_DELETES = re.compile(r"\bDELETE\b", re.IGNORECASE)

# The first part; each one before it is so many times larger. Most values were changed a moment ago.
_FIRST_PART = 64
_LARGER = 8


@dataclass(frozen=True, slots=True)
class State:
    """A row's column at a moment: its JSON as text (None: no row), and the position that touched the row, if told."""

    value: str | None
    touched: str | None = None

    @property
    def exists(self) -> bool:
        return self.value is not None

    def json(self) -> Any:
        return None if self.value is None else orjson.loads(self.value)


NO_ROW = State(None)

Change = tuple[int, State, State]
"""A position, and what was before and after it."""


class _Event(NamedTuple):
    position: int
    type: str
    stream_id: str
    user_id: str | None


class _Execution(NamedTuple):
    """An execution of a workflow, and the bounds of the time by which the latest one is told."""

    stream_id: str
    created: int
    last_created: int
    earliest: datetime
    latest: datetime
    plain: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """Events to fold, which may be fewer than there are up to the last of them; the search is from `low` on."""

    events: list[_Event]
    low: int
    named: Mapping[str, Any]
    tenants: frozenset[str | None]

    def types(self, low: int, high: int) -> frozenset[str]:
        return frozenset(event.type for event in self.events[low:high])


class LastChange:
    """Looks for the last change of a value, on shadows that are bound and empty, and that it leaves so."""

    def __init__(
        self,
        cursor: psycopg.Cursor[Any],
        group: Group,
        projection: Projection,
        reach: Reach,
        head: int,
        *,
        column: str,
        row: sql.Composable,
        key: Mapping[str, str],
        workflow: str | None = None,
        progress: Progress = lambda *_: None,
    ) -> None:
        """`row` says, with the parameters of `key`, which row `t` is meant; `workflow`, whose status that is."""
        self._cursor = cursor
        self._group = group
        self._progress = progress
        self._condition: LiteralString
        self._condition, self._named = reach.condition(group)
        self._log = reach.events(group)
        self._removing = _events_of(projection, _DELETES)
        # What no statement that names the column folds can not change it in a row that stays; and no key changes there.
        named = re.compile(rf"\b{re.escape(column)}\b", re.IGNORECASE)
        changing = frozenset() if column in projection.key else _events_of(projection, named)
        self._changing = self._removing | changing
        # A row of one stream is touched by later and later events. One of several may go back to what it was before.
        self._touch_tells = not projection.cross_stream
        self._tells_tenant = column == "user_id"
        query = statement("events_in_scope").replace("{streams}", self._condition)
        parameters = {**self._named, "group": group.name, "types": group.events, "upto": head}
        self._events = [_Event(*found) for found in cursor.execute(query, parameters).fetchall()]
        self._deletions = [event.position for event in self._events if event.type in self._removing]
        self._executions: list[_Execution] | None = None
        if workflow is not None:
            asked = {"group": group.name, "workflows": [workflow], "upto": head}
            rows = cursor.execute(executions_of_workflows(), asked).fetchall()
            self._executions = [_Execution(*found[1:7]) for found in rows]
        self._read = sql.SQL(
            "SELECT (to_jsonb(t) -> %(column)s)::text,"
            " coalesce(to_jsonb(t) ->> 'last_event_position', to_jsonb(t) ->> 'position')"
            " FROM {} AS t WHERE {}"
        ).format(sql.Identifier("pg_temp", projection.table), row)
        self._place = {"column": column, **key}

    def find(self) -> Change | None:
        """The last change; None where there never was a row."""
        high, width = len(self._events), _FIRST_PART
        while high:
            self._progress(len(self._events) - high, len(self._events))
            last = next((n for n in range(high - 1, -1, -1) if self._events[n].type in self._changing), None)
            top = 0 if last is None else last + 1
            # Behind the last event that can change the value, the row can only come to be.
            if top < high and not self._exists(top) and (found := self._made(top, high)) is not None:
                return found
            low = max(top - width, 0)
            if (found := self._search(low, top)) is not None:
                return found
            high, width = low, width * _LARGER
        return None

    def _exists(self, at: int) -> bool:
        if at == 0:
            return False
        part = self._part(at, at)
        with self._cursor.connection.transaction(force_rollback=True):
            return self._fold(part, 0, len(part.events)).exists

    def _search(self, low: int, high: int) -> Change | None:
        """The last change by the events from `low` on, before `high`."""
        if low == high:
            return None
        part = self._part(low, high)
        types = part.types(part.low, len(part.events))
        with self._cursor.connection.transaction(force_rollback=True):
            before = self._fold(part, 0, part.low)
            if before.exists or not self._removing.isdisjoint(types):
                return self._within(part, part.low, len(part.events), before)
        # The row comes to be in here, at most once.
        made = self._made(low, high)
        if made is None:
            return None
        after = next(n for n in range(low, high) if self._events[n].position == made[0]) + 1
        return self._search(after, high) or made

    def _made(self, low: int, high: int) -> Change | None:
        """What made the row, which is not there at `low`, by events none of which removes one; the first ones first."""
        width = 1
        while low < high:
            end = min(low + width, high)
            streams = {event.stream_id for event in self._events[low:end]}
            part = self._part_of(streams, low, end)
            with self._cursor.connection.transaction(force_rollback=True):
                self._fold(part, 0, part.low)
                if (found := self._within(part, part.low, len(part.events), NO_ROW)) is not None:
                    return found
            low, width = end, width * _LARGER
        return None

    def _within(self, part: _Part, low: int, high: int, before: State) -> Change | None:
        self._progress(self._behind(part, high), len(self._events))
        types = part.types(low, high)
        if before.exists and (types.isdisjoint(self._changing) or self._one_tenant(part, types, before)):
            return None
        with self._cursor.connection.transaction(force_rollback=True):
            after = self._fold(part, low, high)
        if self._untouched(types, before, after):
            return None
        if high - low == 1:
            return (part.events[low].position, before, after) if before.value != after.value else None
        middle = (low + high) // 2
        with self._cursor.connection.transaction(force_rollback=True):
            between = self._fold(part, low, middle)
            if (found := self._within(part, middle, high, between)) is not None:
                return found
        return self._within(part, low, middle, before)

    def _behind(self, part: _Part, high: int) -> int:
        """How many events come behind those before `high` of a part."""
        last = part.events[high - 1].position if high else 0
        return len(self._events) - bisect_right(self._events, last, key=lambda event: event.position)

    def _fold(self, part: _Part, low: int, high: int) -> State:
        if low < high:
            fold_batch(
                self._cursor,
                self._group,
                after=part.events[low].position - 1,
                upto=part.events[high - 1].position,
                types=part.types(low, high),
                streams=self._condition,
                given=part.named,
                expected=high - low,
                events=self._log,
            )
        row = self._cursor.execute(self._read, self._place).fetchone()
        return NO_ROW if row is None else State(*row)

    def _untouched(self, types: frozenset[str], before: State, after: State) -> bool:
        """Whether no event of these types between the two can have changed the row; it may also have come and gone."""
        if before.exists and after.exists:
            return self._touch_tells and before.touched is not None and before.touched == after.touched
        if before.exists or after.exists:
            return False
        return self._removing.isdisjoint(types)

    def _one_tenant(self, part: _Part, types: frozenset[str], before: State) -> bool:
        """Whether the column is the tenant, and no stream of the part has another one than the row."""
        return self._tells_tenant and self._removing.isdisjoint(types) and part.tenants == {before.json()}

    def _part(self, low: int, high: int) -> _Part:
        """The events before `high` of all streams that a search from `low` on has to fold."""
        if self._executions is None:
            return self._part_of(None, low, high)
        begins = self._events[low - 1].position if low else 0
        ends = self._events[high - 1].position
        deleted = max((position for position in self._deletions if position <= begins), default=0)
        # That late an execution surely stands there, and the latest one from there on is none before it.
        reached = max(
            (each.earliest for each in self._executions if each.plain and deleted < each.created <= begins),
            default=None,
        )
        streams = {
            each.stream_id
            for each in self._executions
            if each.created <= ends and (each.last_created > begins or reached is None or each.latest >= reached)
        }
        return self._part_of(streams, low, high)

    def _part_of(self, executions: Iterable[str] | None, low: int, high: int) -> _Part:
        """The events before `high`: all, or of the executions these alone."""
        events = self._events[:high]
        named = self._named
        if self._executions is not None and executions is not None:
            left_out = {each.stream_id for each in self._executions} - set(executions)
            events = [event for event in events if event.stream_id not in left_out]
            for name in ("read_streams", "own_streams"):
                named = {**named, name: [stream for stream in named[name] if stream not in left_out]}
        begins = self._events[low - 1].position if low else 0
        first = bisect_right(events, begins, key=lambda event: event.position)
        return _Part(events, first, named, frozenset(event.user_id for event in events))


def _events_of(projection: Projection, pattern: re.Pattern[str]) -> frozenset[str]:
    """The events of the statements in which the pattern occurs."""
    return frozenset(event for part in projection.statements if pattern.search(part.text) for event in part.events)

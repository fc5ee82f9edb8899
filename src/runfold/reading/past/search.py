"""Search for the last change of a value: fold the events of its row in parts, the last part first."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import orjson
import psycopg
from psycopg import sql

from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.parts import fold_in_parts
from runfold.projections.reconciling.affected import executions_of_workflows
from runfold.reading.past.affected import Reach
from runfold.reading.status import statement

SearchProgress = Callable[[int, int], None]
"""A function of the number of events that were searched, and of their total."""

_DELETES = re.compile(r"\bDELETE\b", re.IGNORECASE)

# The size of the last part, which is searched first, and the factor from a part to the one before it. Most values
# changed a moment ago.
_FIRST_PART = 64
_LARGER = 8


@dataclass(frozen=True, slots=True)
class State:
    """A row's column at a position: its JSON as text (None: no row), and the last event of the row, if known."""

    value: str | None
    touched: str | None = None

    @property
    def exists(self) -> bool:
        return self.value is not None

    def json(self) -> Any:
        return None if self.value is None else orjson.loads(self.value)


NO_ROW = State(None)

Change = tuple[int, State, State]
"""A position, and the states before and after its event."""


class _Event(NamedTuple):
    position: int
    type: str
    stream_id: str
    user_id: str | None


class Execution(NamedTuple):
    """An execution of a workflow, with bounds of the time that decides which one is the latest.

    `deleted` is the position of the last deletion that concerns it, and `last` that of its last event.
    """

    stream_id: str
    created: int
    last_created: int
    earliest: datetime
    latest: datetime
    plain: bool
    deleted: int
    surely_deleted: int
    last: int


def read_executions(cursor: psycopg.Cursor[Any], group: Group, workflow: str, head: int) -> list[Execution]:
    """Return the executions of a workflow up to a position, those with the newest events first."""
    asked = {"group": group.name, "workflows": [workflow], "upto": head}
    found = [Execution(*row[1:10]) for row in cursor.execute(executions_of_workflows(), asked).fetchall()]
    return sorted(found, key=lambda each: each.last, reverse=True)


def newest(executions: Sequence[Execution], count: int) -> tuple[list[Execution], int]:
    """Return the executions that decide which one is the latest after a position, and that position.

    They are `count` with the newest events, and those that may be the latest at the position, after which no other has
    an event. All of them, and 0, where a deletion lies behind it.
    """
    floor = executions[count].last if count < len(executions) else 0
    if not floor or any(each.deleted > floor for each in executions):
        return list(executions), 0
    # An execution with this time surely has a row at the position.
    reached = max(
        (each.earliest for each in executions if each.plain and each.deleted < each.created <= floor), default=None
    )
    chosen = [
        each
        for each in executions
        if each.last > floor or each.last_created > floor or reached is None or each.latest >= reached
    ]
    return chosen, floor


@dataclass(frozen=True, slots=True)
class _Part:
    """Events to fold, perhaps only a part of those up to the last of them; the search is in those from `low` on."""

    events: list[_Event]
    low: int
    parameters: Mapping[str, Any]
    tenants: frozenset[str | None]

    def types(self, low: int, high: int) -> frozenset[str]:
        return frozenset(event.type for event in self.events[low:high])


class LastChangeSearch:
    """Searches for the last change of a value, on bound and empty shadows, which are empty again afterwards."""

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
        executions: list[Execution] | None = None,
        computed: bool = False,
        progress: SearchProgress = lambda *_: None,
    ) -> None:
        """Keep the condition `row` on the row `t` with its parameters `key`.

        `executions` are given if a workflow's status is searched. `computed` says that the column is computed from
        others.
        """
        self._cursor = cursor
        self._group = group
        self._progress = progress
        self._condition: LiteralString
        self._condition, self._parameters = reach.condition(group)
        self._log = reach.events(group)
        # A function can do anything to a row.
        every = frozenset[str]() if projection.handler is None else frozenset(projection.events)
        self._removing = _events_of(projection, _DELETES) | every
        # Only a statement that names the column can change it in an existing row, and no statement changes a key.
        named = re.compile(rf"\b{re.escape(column)}\b", re.IGNORECASE)
        changing = frozenset() if column in projection.key else _events_of(projection, named)
        if computed:
            changing = frozenset(projection.events)
        self._changing = self._removing | changing
        # In a row of one stream, the last event's position only grows. A row of several streams may go back.
        # A user's column may have such a name and mean something else.
        self._touch_decides = not projection.cross_stream and not group.of_user
        self._is_tenant = column == "user_id" and not group.of_user
        query = statement("events_in_scope").replace("{streams}", self._condition).replace("{events}", self._log)
        parameters = {**self._parameters, "group": group.name, "types": group.events, "upto": head}
        self._events = [_Event(*found) for found in cursor.execute(query, parameters).fetchall()]
        self._deletions = [event.position for event in self._events if event.type in self._removing]
        # A tenant's barrier removes some of a workflow's executions, and so lets an earlier one be the latest.
        some = {each.type for each in group.barrier_streams if each.column == "user_id"}
        self._partly = [event.position for event in self._events if event.type in some]
        self._executions = executions
        self._read = sql.SQL(
            "SELECT (to_jsonb(t) -> %(column)s)::text,"
            " coalesce(to_jsonb(t) ->> 'last_event_position', to_jsonb(t) ->> 'position')"
            " FROM {} AS t WHERE {}"
        ).format(sql.Identifier("pg_temp", projection.table), row)
        self._place = {"column": column, **key}

    def find(self, floor: int = 0) -> Change | None:
        """Return the last change, or None if there never was a row; changes up to `floor` need not be found."""
        high, width = len(self._events), _FIRST_PART
        while high and self._events[high - 1].position > floor:
            self._progress(len(self._events) - high, len(self._events))
            last = next((n for n in range(high - 1, -1, -1) if self._events[n].type in self._changing), None)
            top = 0 if last is None else last + 1
            # After the last event that can change the value, the row can only be created.
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
        """Return the last change by the events from `low` up to `high`, or None."""
        if low == high:
            return None
        part = self._part(low, high)
        types = part.types(part.low, len(part.events))
        with self._cursor.connection.transaction(force_rollback=True):
            before = self._fold(part, 0, part.low)
            if before.exists or not self._removing.isdisjoint(types):
                return self._within(part, part.low, len(part.events), before)
        # The row is created in this part, at most once.
        made = self._made(low, high)
        if made is None:
            return None
        after = next(n for n in range(low, high) if self._events[n].position == made[0]) + 1
        return self._search(after, high) or made

    def _made(self, low: int, high: int) -> Change | None:
        """Return the change that created the row, which is missing at `low`, by events that remove no row."""
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
        """Return the number of events after those before `high` of a part."""
        last = part.events[high - 1].position if high else 0
        return len(self._events) - bisect_right(self._events, last, key=lambda event: event.position)

    def _fold(self, part: _Part, low: int, high: int) -> State:
        if low < high:
            fold_in_parts(
                self._cursor,
                self._group,
                after=part.events[low].position - 1,
                upto=part.events[high - 1].position,
                types=part.types(low, high),
                streams=self._condition,
                given=part.parameters,
                expected=high - low,
                events=self._log,
            )
        row = self._cursor.execute(self._read, self._place).fetchone()
        return NO_ROW if row is None else State(*row)

    def _untouched(self, types: frozenset[str], before: State, after: State) -> bool:
        """Return whether no event of these types between the states can have changed, created or removed the row."""
        if before.exists and after.exists:
            return self._touch_decides and before.touched is not None and before.touched == after.touched
        if before.exists or after.exists:
            return False
        return self._removing.isdisjoint(types)

    def _one_tenant(self, part: _Part, types: frozenset[str], before: State) -> bool:
        """Return whether the column is the tenant, and all streams of the part have the tenant of the row."""
        return self._is_tenant and self._removing.isdisjoint(types) and part.tenants == {before.json()}

    def _part(self, low: int, high: int) -> _Part:
        """Return the events before `high` of all streams that a search from `low` on has to fold."""
        if self._executions is None:
            return self._part_of(None, low, high)
        begins = self._events[low - 1].position if low else 0
        ends = self._events[high - 1].position
        deleted = max((position for position in self._deletions if position <= begins), default=0)
        # An execution with this time surely has a row at `low`, so the latest one afterwards is not an earlier one.
        reached = max(
            (each.earliest for each in self._executions if each.plain and deleted < each.created <= begins),
            default=None,
        )
        if any(begins < position <= ends for position in self._partly):
            reached = None
        streams = {
            each.stream_id
            for each in self._executions
            if each.created <= ends and (each.last_created > begins or reached is None or each.latest >= reached)
        }
        return self._part_of(streams, low, high)

    def _part_of(self, executions: Iterable[str] | None, low: int, high: int) -> _Part:
        """Return the events before `high`; of executions, only those given, unless None."""
        events = self._events[:high]
        named = self._parameters
        if self._executions is not None and executions is not None:
            left_out = {each.stream_id for each in self._executions} - set(executions)
            events = [event for event in events if event.stream_id not in left_out]
            for name in ("read_streams", "own_streams"):
                named = {**named, name: [stream for stream in named[name] if stream not in left_out]}
        begins = self._events[low - 1].position if low else 0
        first = bisect_right(events, begins, key=lambda event: event.position)
        return _Part(events, first, named, frozenset(event.user_id for event in events))


def _events_of(projection: Projection, pattern: re.Pattern[str]) -> frozenset[str]:
    """Return the events of the statements that match the pattern."""
    return frozenset(event for part in projection.statements if pattern.search(part.text) for event in part.events)

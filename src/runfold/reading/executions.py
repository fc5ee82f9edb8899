"""Read executions: a list, or one with its nodes, pauses and log lines, as it is now or as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from runfold.errors import PositionUnavailable, UnknownExecution
from runfold.projections.definition.catalogue import Catalogue
from runfold.reading.ids import find_id
from runfold.reading.lists import Listing, page, place
from runfold.reading.pages import PageToken
from runfold.reading.status import Row, statement

_LIKE_SIGNS = re.compile(r"([%_\\])")
_ESCAPED = r"\\\1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Conditions on executions, all of which must hold; those created at `until` or later are excluded.

    `error` is a part of the error message in any case; `min_duration` is in milliseconds.
    """

    status: str | None = None
    workflow_id: UUID | None = None
    mode: str | None = None
    trigger: str | None = None
    parent: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_duration: int | None = None
    error: str | None = None


def list_executions(
    connection: psycopg.Connection[Any], wanted: Filter = Filter(), *, after: PageToken | None = None, limit: int = 20
) -> list[Row]:
    """Return at most `limit` executions, the newest first, after a page token; each row has its `page_token`."""
    return page(connection, executions(wanted, after=after, limit=limit))


def executions(wanted: Filter = Filter(), *, after: PageToken | None = None, limit: int = 20) -> Listing:
    """Return the page that `list_executions` reads."""
    error = None if wanted.error is None else f"%{_LIKE_SIGNS.sub(_ESCAPED, wanted.error)}%"
    parameters = {
        "status": wanted.status,
        "workflow": wanted.workflow_id,
        "mode": wanted.mode,
        "trigger": wanted.trigger,
        "parent": wanted.parent,
        "since": wanted.since,
        "until": wanted.until,
        "min_duration": wanted.min_duration,
        "error": error,
        "limit": limit,
        **place(after),
    }
    return Listing(statement("executions"), parameters, "created_at")


def read_execution(connection: psycopg.Connection[Any], execution_id: str, *, logs: int = 50) -> Row:
    """Return one execution with `nodes`, `attempts`, `pauses`, `children` and its last `logs`; raises UnknownExecution.

    `attempts` are the starts and failures of node attempts (from the log, at most 10,000); `children` are the
    executions whose parent is this one (at most 1,000). The beginning of an id does, where no other begins so; else
    AmbiguousId or IdTooShort is raised.
    """

    def ask(name: str, parameters: Row) -> list[Row]:
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_bound(name, "public"), parameters).fetchall()

    found = _read(ask, execution_id, logs) or _read(ask, find_id(connection, "execution", execution_id), logs)
    if found is None:
        raise UnknownExecution(f"there is no execution {execution_id!r}", hint="see `runfold execution list`")
    return found


def read_execution_at(
    connection: psycopg.Connection[Any],
    catalogue: Catalogue,
    execution_id: str,
    *,
    position: int | None = None,
    time: datetime | None = None,
    event: int | None = None,
    logs: int = 50,
) -> Row:
    """Return the same as it was at a position, at a time, or after event number `event` of the execution's stream.

    `as_of` in the result has the `position`, the execution's last `event` up to there, `parked_streams` and
    `discarded_events`. Only the execution's streams are read, by index. The connection must be in autocommit. Raises
    UnknownExecution and PositionUnavailable; a beginning of an id does, as for `read_execution`.
    """
    from runfold.reading.past.reader import open_past

    execution_id = find_id(connection, "execution", execution_id)
    if event is not None:
        position = _position_of_event(connection, execution_id, event)
    with open_past(connection, catalogue, position=position, time=time, execution=execution_id) as past:

        def ask(name: str, parameters: Row) -> list[Row]:
            return past.execute(_bound(name, "pg_temp"), parameters, row_factory=dict_row).fetchall()

        found = _read(ask, execution_id, logs)
        last = _event(connection, execution_id, upto=past.position)
        if found is None or last is None:
            known = _event(connection, execution_id) is not None
            raise UnknownExecution(
                f"there was no execution {execution_id!r} at position {past.position}",
                hint="choose a later position, or one before its workflow was deleted"
                if known
                else "see `runfold execution list`",
            )
        as_of = {
            "position": past.position,
            "event": last,
            "parked_streams": past.parked(),
            "discarded_events": past.discarded(),
        }
    return {**found, "as_of": as_of}


def _read(ask: Callable[[str, Row], list[Row]], execution_id: str, logs: int) -> Row | None:
    found = ask("execution", {"execution_id": execution_id})
    if not found:
        return None
    parts = parts_of_execution(execution_id, found[0]["id"], logs)
    return {**found[0], **{part: ask(f"execution_{part}", parameters) for part, parameters in parts.items()}}


def parts_of_execution(execution_id: str, row_id: UUID, logs: int) -> dict[str, Row]:
    """Return the parts of an execution, each with the parameters of its statement, `execution_` and the part's name."""
    named = {"execution_id": execution_id}
    return {
        "nodes": named,
        "attempts": {**named, "limit": 10_000},
        "pauses": {"execution_row": row_id},
        "children": {**named, "limit": 1_000},
        "logs": {**named, "table": "public.workflow_execution_logs", "limit": logs},
    }


def read_reasons(connection: psycopg.Connection[Any], execution_id: str, *, upto: int | None = None) -> list[Row]:
    """Return the events of an execution that say who did something and why, at most 10,000, up to a position."""
    with connection.cursor(row_factory=dict_row) as cursor:
        parameters = {"execution_id": execution_id, "upto": upto, "limit": 10_000}
        return cursor.execute(statement("execution_reasons"), parameters).fetchall()


def archived_in(connection: psycopg.Connection[Any], execution_id: str) -> str | None:
    """Return the files in which an execution's events are archived, None where they are in the log."""
    row = connection.execute(statement("archive_of_stream"), {"stream": f"execution-{execution_id}"}).fetchone()
    return None if row is None else str(row[0])


def require_history(connection: psycopg.Connection[Any], execution_ids: list[str]) -> None:
    """Return if the events of these executions are in the log; raises StreamArchived."""
    from runfold.projections.reconciling.archived import require_streams_in_log

    with connection.cursor() as cursor:
        require_streams_in_log(cursor, [f"execution-{execution_id}" for execution_id in execution_ids])


def _bound(name: str, schema: LiteralString) -> LiteralString:
    return statement(name).replace("{tables}", schema)


def _position_of_event(connection: psycopg.Connection[Any], execution_id: str, event: int) -> int:
    found = _event(connection, execution_id, version=event)
    if found is not None:
        return int(found["position"])
    last = _event(connection, execution_id)
    if last is None:
        raise UnknownExecution(f"there is no execution {execution_id!r}", hint="see `runfold execution list`")
    raise PositionUnavailable(
        f"execution {execution_id} has no event {event}",
        hint=f"choose one from 1 to {last['stream_version']}",
        position=None,
        safe_head=None,
    )


def _event(
    connection: psycopg.Connection[Any], execution_id: str, *, version: int | None = None, upto: int | None = None
) -> Row | None:
    from runfold.events.streams import stream_id  # and with it every model of an event, which a list does without

    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            statement("event_of_stream"),
            {"stream": stream_id("execution", execution_id), "version": version, "upto": upto},
        ).fetchone()

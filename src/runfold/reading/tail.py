"""Follow new events of the whole log, or of one execution with its log lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row

from runfold.errors import UnknownExecution
from runfold.events import types_that_end
from runfold.events.machines import EXECUTION
from runfold.events.streams import streams_of_execution
from runfold.reading.ids import find_id
from runfold.reading.status import Row, statement

POLL_SECONDS = 0.2
_PAGE = 1000

_ENDS = frozenset(types_that_end(EXECUTION))


def tail_log(
    connection: psycopg.Connection[Any], *, after: int | None = None, follow: bool = True, archived: str | None = None
) -> Iterator[Row]:
    """Yield the log's events after a position, or from now on; without end, unless `follow` is false.

    Raises LogArchived where some of them are archived, unless `archived` is "skip".

    The connection must be in autocommit, because every read needs its own snapshot.
    """
    if after is None:
        after = _safe_head(connection)
    while True:
        found = _read(connection, "tail_log", {"after": after, "limit": _PAGE, "archived": archived})
        yield from found
        if found:
            after = found[-1]["position"]
        if len(found) < _PAGE:
            if not follow:
                return
            time.sleep(POLL_SECONDS)


def tail_execution(connection: psycopg.Connection[Any], execution_id: str, *, follow: bool = True) -> Iterator[Row]:
    """Yield an execution's events and log lines from the first one until it has ended; raises UnknownExecution.

    The beginning of an id does. The events of one read are in the order of the log. One more read follows the end, for
    late log lines.
    """
    after = dict.fromkeys(streams_of_execution(find_id(connection, "execution", execution_id)), 0)
    ended = known = False
    while True:
        last_look = ended or not follow
        found: list[Row] = []
        for stream in after:
            while rows := _read(connection, "tail_stream", {"stream": stream, "after": after[stream], "limit": _PAGE}):
                found += rows
                after[stream] = rows[-1]["stream_version"]
                if len(rows) < _PAGE:
                    break
        known = known or bool(found)
        if not known:
            raise UnknownExecution(f"there is no execution {execution_id!r}", hint="see `runfold execution list`")
        yield from sorted(found, key=lambda row: int(row["position"]))
        ended = ended or any(row["type"] in _ENDS for row in found)
        if last_look:
            return
        time.sleep(POLL_SECONDS)


def _safe_head(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(statement("log_status")).fetchone()
    return 0 if row is None else int(row[1])


def _read(connection: psycopg.Connection[Any], name: str, parameters: Row) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement(name), parameters).fetchall()

"""The log with what is archived: one segment at a time in a temporary table of the session that folds it.

A temporary table, because a fold in one snapshot sees what its own transaction put there, and nothing of it is left
when the session is killed.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any, LiteralString, NamedTuple

import psycopg

from runfold.archive.files import read_segment
from runfold.archive.records import write_records
from runfold.projections.folding.fold import THE_LOG
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

LOG_AND_ARCHIVED: LiteralString = (
    "(SELECT l.* FROM runfold.events l UNION ALL SELECT a.* FROM pg_temp.archived_events a)"
)
"""The relation of all events of the segment that is loaded, and of those that are in the log."""


class _Segment(NamedTuple):
    first: int
    last: int
    file: str
    state: str
    """Another one than was seen before says that events have left since, or came back."""


class ArchivedEvents:
    """What is archived, for one session that folds the log from its beginning on, in the order of positions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def behind(self, cursor: psycopg.Cursor[Any], after: int, upto: int) -> tuple[int, LiteralString]:
        """Return how far to fold next behind a position, and the relation that has the events up to there.

        In the caller's transaction, which keeps the log as it is to its end. A segment that is needed is loaded.
        """
        cursor.execute(statement("hold_log"))
        asked = {"after": after, "upto": upto}
        row = cursor.execute(statement("next_segment"), asked).fetchone()
        if row is None:
            return upto, THE_LOG
        segment = _Segment(*row)
        if segment.first > after + 1:
            return min(segment.first - 1, upto), THE_LOG
        if cursor.execute(statement("loaded_segment")).fetchone() != (str(segment),):
            self._load(cursor, segment)
        return min(segment.last, upto), LOG_AND_ARCHIVED

    def _load(self, cursor: psycopg.Cursor[Any], segment: _Segment) -> None:
        cursor.execute(statement("drop_archived_events"))
        cursor.execute(statement("make_archived_events"))
        with cursor.copy(statement("copy_archived_events")) as copy:
            records = chain.from_iterable(read_segment(self._folder / segment.file))
            # Of an erased tenant the file has hashes: the barrier takes the rows away in any case.
            write_records(copy, (record for record in records if record.erased is None))
        # The file holds all events of the segment, those that stayed in the log, too.
        cursor.execute(statement("forget_events_in_log"), {"first": segment.first, "last": segment.last})
        cursor.execute(statement("index_archived_events"))
        # In the transaction: what is rolled back is loaded again.
        cursor.execute(statement("note_loaded_segment"), {"segment": str(segment)})

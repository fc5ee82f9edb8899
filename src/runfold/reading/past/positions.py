"""The position of a look at the past: as it was given, or found by a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import psycopg

from runfold.database.safe_head import safe_head
from runfold.errors import InvalidInput, PositionUnavailable
from runfold.reading.status import Row, statement


def position_of(
    connection: psycopg.Connection[Any], *, position: int | None = None, time: datetime | None = None
) -> int:
    """Return the position of the arguments; raises PositionUnavailable if it is not in the log, and InvalidInput."""
    if (position is None) == (time is None):
        raise InvalidInput("give either a position or a time", code="invalid_option")
    # The safe head needs its own snapshot, so it is read in its own statement.
    settled = safe_head(connection)
    if time is not None:
        if not isinstance(time, datetime):
            raise InvalidInput(f"{time!r} is not a time", hint="give a datetime with a zone", code="naive_timestamp")
        if time.tzinfo is None:
            raise InvalidInput(
                f"the time {time} has no zone", hint="give it one, for example UTC", code="naive_timestamp"
            )
        if (found := _one(connection, "position_at", {"time": time})) < 1:
            raise PositionUnavailable(
                f"no event was recorded up to {time.isoformat()}",
                hint=_where_the_log_begins(connection),
                position=0,
                safe_head=settled,
            )
        return found
    wanted = cast("int", position)
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        raise InvalidInput(f"{wanted!r} is not a position", hint="give a whole number from 1", code="invalid_position")
    if wanted < 1:
        raise PositionUnavailable(
            f"the log has no position {wanted}",
            hint="give a position from 1",
            position=wanted,
            safe_head=settled,
        )
    if wanted > settled:
        raise PositionUnavailable(
            f"position {wanted} is beyond the safe head, {settled}",
            hint="choose an earlier one: later events may still be added before it, or are not written yet",
            position=wanted,
            safe_head=settled,
        )
    return wanted


def _where_the_log_begins(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute(statement("first_recorded")).fetchone()
    if row is None:
        return "append events first, the log is empty"
    return f"choose a later time, the log begins at {row[0].astimezone(UTC).isoformat()}"


def _one(connection: psycopg.Connection[Any], name: str, parameters: Row) -> int:
    (found,) = connection.execute(statement(name), parameters).fetchone() or (0,)
    return int(found)

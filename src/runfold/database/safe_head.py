"""Read the safe head of the log."""

from __future__ import annotations

from typing import Any

import psycopg

from runfold.runtime_sql import runtime_sql

SAFE_HEAD = runtime_sql("runfold.database")("safe_head")
"""The statement, for callers that run their statements in another way."""


def safe_head(connection: psycopg.Connection[Any]) -> int:
    """Return the position up to which no open transaction can still add an event.

    The connection must be in autocommit: the safe head needs its own snapshot, and a later statement reads the events.
    """
    (position,) = connection.execute(SAFE_HEAD).fetchone() or (0,)
    return int(position)

"""Read the engines that run, and what each holds."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from runfold.reading.status import Row, statement


def read_engines(connection: psycopg.Connection[Any], *, limit: int = 1000) -> list[Row]:
    """Return the engines, the silent ones first, then by name; with how many executions each holds."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("engines"), {"limit": limit}).fetchall()

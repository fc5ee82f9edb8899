"""The operator's marks that base backups were made. Whether one can be restored, no mark says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from runfold.errors import InvalidInput
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.health")

LONGEST_LABEL = 200
"""Characters of a label."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One base backup, as it was noted."""

    taken_at: datetime
    label: str
    noted_at: datetime
    noted_by: str


def note_backup(connection: psycopg.Connection[Any], *, at: datetime | None = None, label: str = "") -> Backup:
    """Note a base backup that was made then, by default now, and return the mark; the same time is noted once.

    Raises InvalidInput for a time in the future or a label over 200 characters.
    """
    if len(label) > LONGEST_LABEL or not label.isprintable():
        raise InvalidInput(
            f"the label has {len(label)} characters, or one that cannot be printed",
            hint=f"give at most {LONGEST_LABEL} characters in a line",
            pointer="/label",
            limit=LONGEST_LABEL,
            found=len(label),
        )
    row = connection.execute(statement("note_backup"), {"at": at, "label": label}).fetchone()
    if row is None:
        raise InvalidInput(
            f"{at:%Y-%m-%d %H:%M:%S %Z} is in the future, by the server's clock",
            hint="give the time at which the backup was made",
            pointer="/at",
            found=str(at),
        )
    return Backup(*row)


def read_backups(connection: psycopg.Connection[Any], *, limit: int = 100) -> list[Backup]:
    """Return the base backups that were noted, the newest first."""
    return [Backup(*row) for row in connection.execute(statement("backups"), {"limit": limit})]

"""The erasure ledger: which tenants' keys were destroyed, kept outside of the database that it is about.

A backup from before an erasure brings rows back, and with keys in the same database the keys too. A key store that is
behind its ledger destroys those keys again before it opens the first one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import orjson

from runfold.errors import LedgerMissing
from runfold.files import append_line
from runfold.keys.database_home import KeptConnection, database_name, statement
from runfold.settings import Settings


@dataclass(frozen=True, slots=True)
class Erasure:
    """One tenant's erasure: the ids of its keys, and when they were destroyed."""

    user_id: UUID
    key_ids: tuple[UUID, ...]
    destroyed_at: datetime


class ErasureLedger(Protocol):
    """Remembers erasures, outside of the database. Safe to share between threads."""

    description: str

    def entries(self) -> list[Erasure]:
        """Return all erasures, the oldest first; raises LedgerMissing where the ledger was lost."""

    def add(self, erasure: Erasure) -> None:
        """Remember an erasure, durably; one that it has is no second entry."""

    def create(self) -> None:
        """Make an empty ledger where there is none."""

    def close(self) -> None:
        """Close what it holds open."""


class FileLedger:
    """A ledger in a file: one line of JSON an erasure."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = f"the file {path}"

    def entries(self) -> list[Erasure]:
        """Return all erasures, the oldest first."""
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError as error:
            raise LedgerMissing(
                f"the erasure ledger {self.path} cannot be read: {type(error).__name__}",
                hint="restore it; where no tenant was ever erased, make an empty file of that name",
            ) from None
        try:
            return [_read(orjson.loads(line)) for line in lines if line.strip()]
        except (ValueError, KeyError, TypeError):
            raise LedgerMissing(f"{self.path} is no erasure ledger", hint="check RUNFOLD_ERASURE_LEDGER") from None

    def add(self, erasure: Erasure) -> None:
        """Remember an erasure."""
        self.create()
        if any(one.user_id == erasure.user_id and {*one.key_ids} >= {*erasure.key_ids} for one in self.entries()):
            return
        said: dict[str, Any] = {
            "user_id": str(erasure.user_id),
            "key_ids": [str(key_id) for key_id in erasure.key_ids],
            "destroyed_at": erasure.destroyed_at,
        }
        append_line(self.path, orjson.dumps(said) + b"\n")

    def create(self) -> None:
        """Make an empty file where there is none."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch(mode=0o600)

    def close(self) -> None:
        """Do nothing: nothing is open."""


class DatabaseLedger:
    """A ledger in a table of another database."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._kept = KeptConnection(url, settings, set_up=statement("create_ledger"))
        self.description = database_name(url)

    def entries(self) -> list[Erasure]:
        """Return all erasures, the oldest first."""
        with self._kept.transaction() as connection:
            rows = connection.execute(statement("ledger_entries")).fetchall()
        return [Erasure(user_id, tuple(key_ids), destroyed_at) for user_id, key_ids, destroyed_at in rows]

    def add(self, erasure: Erasure) -> None:
        """Remember an erasure."""
        parameters = {"user_id": erasure.user_id, "key_ids": list(erasure.key_ids), "at": erasure.destroyed_at}
        with self._kept.transaction() as connection:
            connection.execute(statement("add_ledger_entry"), parameters)

    def create(self) -> None:
        """Do nothing: the table is made by the connection."""

    def close(self) -> None:
        """Close the connection."""
        self._kept.close()


def missing_in(ledger: Iterable[Erasure], destroyed: Iterable[UUID]) -> list[Erasure]:
    """Return the erasures of a ledger whose keys are not all among the destroyed ones."""
    gone = set(destroyed)
    return [erasure for erasure in ledger if not gone.issuperset(erasure.key_ids)]


def _read(said: dict[str, Any]) -> Erasure:
    return Erasure(
        UUID(said["user_id"]),
        tuple(UUID(key_id) for key_id in said["key_ids"]),
        datetime.fromisoformat(said["destroyed_at"]).astimezone(UTC),
    )

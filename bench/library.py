"""The `eventsourcing` library on the same server: its default recorder, and its projection runner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import DomainEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresFactory
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict


def environment(url: str) -> dict[str, str]:
    """Return the library's settings for a database; everything else has its default."""
    parts = conninfo_to_dict(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts.get("host", "localhost")),
        "POSTGRES_PORT": str(parts.get("port", "5432")),
        "POSTGRES_USER": str(parts.get("user", "")),
        "POSTGRES_PASSWORD": str(parts.get("password", "")),
    }


def application_recorder(url: str) -> PostgresApplicationRecorder:
    """Return the recorder that an application of the library gets by default, and create its missing tables."""
    factory = PostgresFactory(Environment("Stored", environment(url)))
    return cast(PostgresApplicationRecorder, factory.application_recorder())


@dataclass(frozen=True)
class Recorded(DomainEvent):
    """An event of our log as an event of the library: ours in its body, with our position."""

    stream_id: str
    type: str
    data: dict[str, Any]
    position: int
    occurred_at: str

    @property
    def happened(self) -> datetime:
        return datetime.fromisoformat(self.occurred_at)


class Log(Application[UUID]):
    """Holds the events that the runner projects."""

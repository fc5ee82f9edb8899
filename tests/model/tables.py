"""The model's input and output: a recorded event, and read tables as plain dictionaries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

Row = dict[str, Any]
Table = dict[Any, Row]

_NAMES = (
    "workflow_executions",
    "node_executions",
    "workflow_execution_pauses",
    "workflow_execution_logs",
    "model_calls",
    "workflow_status",
    "human_interactions",
    "hil_responses",
    "workflow_deployment_history",
    "trigger_index",
    "anomalies",
)
_SOURCES = Path(__file__).parents[2] / "schema" / "tables"


def _columns_of(name: str) -> dict[str, str]:
    """The columns of a table with their types, as its source in schema/tables/ creates it."""
    created = re.search(rf"^CREATE TABLE \w+\.{name} \((.*?)^\)", (_SOURCES / f"{name}.sql").read_text(), re.S | re.M)
    assert created is not None, name
    return dict(re.findall(r"^    ([a-z_]+) ([a-z]+)", created[1], re.M))


COLUMNS: Mapping[str, tuple[str, ...]] = {name: tuple(_columns_of(name)) for name in _NAMES}
"""The columns of each read table: the events decide all of them."""

JSON_COLUMNS = frozenset(column for name in _NAMES for column, kind in _columns_of(name).items() if kind == "jsonb")
"""The columns that hold JSON, which is compared as JSON (1 is not 1.0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event as it is in the log."""

    position: int
    stream_id: str
    stream_version: int
    event_id: UUID
    type: str
    schema_version: int = 1
    user_id: UUID | None = None
    data: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    occurred_at: datetime
    recorded_at: datetime = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)
    """By the server's clock; by default later than anything that a producer says."""


@dataclass(slots=True)
class Tables:
    """The read tables so far.

    `execution_of` names each stream's execution row, `created_for` the executions that were ever created for a
    workflow, and `deployed` holds each workflow's status by its deployments.
    """

    workflow_executions: Table = field(default_factory=dict)
    node_executions: Table = field(default_factory=dict)
    workflow_execution_pauses: Table = field(default_factory=dict)
    workflow_execution_logs: Table = field(default_factory=dict)
    model_calls: Table = field(default_factory=dict)
    human_interactions: Table = field(default_factory=dict)
    hil_responses: Table = field(default_factory=dict)
    workflow_deployment_history: Table = field(default_factory=dict)
    trigger_index: Table = field(default_factory=dict)
    anomalies: Table = field(default_factory=dict)
    execution_of: dict[str, UUID] = field(default_factory=dict)
    created_for: dict[UUID, set[str]] = field(default_factory=dict)
    deployed: Table = field(default_factory=dict)

    def execution(self, event: Recorded) -> Row | None:
        """Return the execution row of the event's stream, or None."""
        row = self.execution_of.get(event.stream_id)
        return None if row is None else self.workflow_executions[row]

    def anomaly(self, event: Recorded, projection: str, code: str, detail: Row | None = None) -> None:
        """Note that the event did not do what its type says, or should not have."""
        self.anomalies[event.position, projection] = {
            "position": event.position,
            "projection": projection,
            "code": code,
            "stream_id": event.stream_id,
            "user_id": event.user_id,
            "detail": detail or {},
        }


def row_id(stream_id: str, kind: str, name: str) -> UUID:
    """Return the row's id, written here a second time, from the decision's words."""
    digest = sha256(f"{stream_id}\x1f{kind}\x1f{name}".encode()).hexdigest()[:32]
    version_nibble = "8"
    variant_nibble = "89ab"[int(digest[16], 16) % 4]  # binary 10, then the two bits that were there
    return UUID(digest[:12] + version_nibble + digest[13:16] + variant_nibble + digest[17:])


def stream_uuid(event: Recorded) -> UUID:
    """Return the UUID in the name of the event's stream: an interaction's, a response's, or a workflow's."""
    return UUID(event.stream_id.partition("-")[2])


def touch(row: Row, event: Recorded) -> None:
    """Note that the event applied to the row."""
    row["updated_at"] = event.occurred_at
    row["last_event_position"] = event.position


def given(event: Recorded, field_name: str) -> bool:
    """Return whether the field is present and not null."""
    return event.data.get(field_name) is not None


def uuid_of(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


def two_places(value: float | None) -> Decimal | None:
    """Return a JSON number as a NUMERIC with two places: rounded half away from zero."""
    return None if value is None else Decimal(json.dumps(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def instant_of(value: str | None) -> datetime | None:
    """Return the instant of an RFC 3339 text."""
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


def instant_of_ms(milliseconds: int) -> datetime:
    """Return the instant of epoch milliseconds, exactly, without a float."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)

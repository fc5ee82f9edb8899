"""System status: the log's head, the lag of each group, the leader, parked streams and discarded events."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from runfold.projections.definition.catalogue import Catalogue
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.reading")

LAG_COUNTED_TO = 10_000

SHOWN = 20
"""The most waiting or discarded events in a result that also has their number."""

Row = dict[str, Any]


def read_status(connection: psycopg.Connection[Any], catalogue: Catalogue) -> Row:
    """Return the state of the log and of every group of projections, JSON-ready.

    Lag is the number of the group's events (counted up to 10,000; `lag_is_exact` says whether there are fewer) and the
    seconds since the first of them was recorded. The connection must be in autocommit, because the safe head needs its
    own snapshot.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        log = cursor.execute(statement("log_status")).fetchone() or {}
        groups = []
        for group in catalogue.groups.values():
            row = cursor.execute(statement("group_status"), {"group": group.name, "types": group.events}).fetchone()
            groups.append(
                {
                    "group": group.name,
                    **(row or {}),
                    "lag_is_exact": row is not None and row["lag_events"] < LAG_COUNTED_TO,
                    "tables": [projection.name for projection in group.projections],
                }
            )
        holders = cursor.execute(statement("head_holders")).fetchall() if log["safe_head"] < log["head"] else []
    discarded = read_discarded(connection, limit=SHOWN)
    return {
        "head": log["head"],
        "safe_head": log["safe_head"],
        "held_back_by": holders,
        "groups": groups,
        "parked_streams": read_parked(connection, catalogue),
        "discarded": discarded[0]["total"] if discarded else 0,
        "discarded_events": discarded,
        "anomalies": log["anomalies"],
        "leader": {name: log[name] for name in ("worker", "epoch", "led_since", "beat_at")} if log["leads"] else None,
        "verified": {
            "position": log["verified_position"],
            "at": log["verified_at"],
            "differences": log["verified_differences"],
        },
        "sample_verified": {
            "position": log["sample_position"],
            "at": log["sample_at"],
            "streams": log["sample_streams"],
            "differences": log["sample_differences"],
        },
    }


def read_projections(connection: psycopg.Connection[Any], catalogue: Catalogue) -> list[Row]:
    """Return every projection: its file's version, the version that built its table, and its last verification."""
    with connection.cursor(row_factory=dict_row) as cursor:
        noted = {row["name"]: row for row in cursor.execute(statement("projections")).fetchall()}
    found = []
    for projection in catalogue.projections:
        built = noted.get(projection.name, {})
        found.append(
            {
                "name": projection.name,
                "group": projection.group,
                "table": f"{projection.schema}.{projection.table}",
                "version": projection.version,
                "built_version": built.get("built_version"),
                "text_changed": bool(built) and built["digest"] != projection.digest,
                "verified_position": built.get("verified_position"),
                "verified_at": built.get("verified_at"),
                "verified_differences": built.get("verified_differences"),
            }
        )
    return found


def read_parked(connection: psycopg.Connection[Any], catalogue: Catalogue, stream_id: str | None = None) -> list[Row]:
    """Return parked streams, or one, newest first, with the error and the number of events behind the poison event."""
    groups = Jsonb({group.name: group.events for group in catalogue.groups.values()})
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("parked_streams"), {"groups": groups, "stream": stream_id}).fetchall()


def read_parking(connection: psycopg.Connection[Any], catalogue: Catalogue, stream_id: str) -> list[Row]:
    """Return the rows of `read_parked` for one stream, with the poison `event` and the first events behind it."""
    found = []
    for row in read_parked(connection, catalogue, stream_id):
        group = catalogue.groups.get(row["group_name"])
        behind = {
            "stream": stream_id,
            "position": row["position"],
            "types": None if group is None else group.events,
            "limit": SHOWN,
        }
        with connection.cursor(row_factory=dict_row) as cursor:
            event = cursor.execute(statement("event_at"), {"position": row["position"]}).fetchone()
            waiting = cursor.execute(statement("events_behind"), behind).fetchall()
        found.append({**row, "event": event, "waiting_events": waiting})
    return found


def read_discarded(
    connection: psycopg.Connection[Any], stream_id: str | None = None, *, limit: int = 1000
) -> list[Row]:
    """Return discarded events, newest first, each with its reason, who discarded it, and the `total` number."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("discarded_events"), {"stream": stream_id, "limit": limit}).fetchall()

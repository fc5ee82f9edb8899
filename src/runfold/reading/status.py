"""How the whole is: the log, each group, who leads, what waits."""

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
"""How many waiting or discarded events are told at most, where their number is told as well."""

Row = dict[str, Any]


def read_status(connection: psycopg.Connection[Any], catalogue: Catalogue) -> Row:
    """The state of the log and of every group of projections, as JSON-ready facts.

    Lag is in events of the group (counted to 10,000, `lag_is_exact` says whether that was enough) and in seconds since
    the first of them was recorded. The connection is in autocommit: the safe head wants a snapshot of its own.
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
    """Every projection: its file's version, the version its table was built with, and its last verification."""
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
    """Every parked stream, or one, with its error and how many events wait behind its bad one; newest first."""
    groups = Jsonb({group.name: group.events for group in catalogue.groups.values()})
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("parked_streams"), {"groups": groups, "stream": stream_id}).fetchall()


def read_parking(connection: psycopg.Connection[Any], catalogue: Catalogue, stream_id: str) -> list[Row]:
    """Where one stream is parked, by group: as `read_parked`, with its bad `event` whole and the first that wait."""
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
    """Events that were given up, newest first, each with the reason, who gave it up, and the `total` there is."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("discarded_events"), {"stream": stream_id, "limit": limit}).fetchall()

"""How the whole is: the log, each group, who leads, what waits."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from runfold.projections.catalogue import Catalogue
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.history")

LAG_COUNTED_TO = 10_000

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
        parked = cursor.execute(statement("parked_streams")).fetchall()
    return {
        "head": log["head"],
        "safe_head": log["safe_head"],
        "held_back_by": holders,
        "groups": groups,
        "parked_streams": parked,
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


def read_parked(connection: psycopg.Connection[Any]) -> list[Row]:
    """Every parked stream with its error, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("parked_streams")).fetchall()

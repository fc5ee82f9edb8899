"""System status: the log's head, the lag of each group, the leader, parked streams and discarded events."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from runfold.errors import PermissionDenied, VectorsUnavailable
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.runtime_sql import runtime_sql
from runfold.vectors.indexes import read_indexes

statement = runtime_sql("runfold.reading")
database_statement = runtime_sql("runfold.database")

LAG_COUNTED_TO = 10_000
LAG_LOOKED_AT = 200_000
"""How many positions past its checkpoint a group's events are counted: a sparse group's would be all of the log."""

MOVES_WITHIN_SECONDS = 60.0
"""A group with events that are older than this, and a checkpoint that has stayed for as long, does not move."""

SHOWN = 20
"""The most waiting or discarded events in a result that also has their number."""

Row = dict[str, Any]


def read_status(connection: psycopg.Connection[Any], catalogue: Catalogue) -> Row:
    """Return the state of the log and of every group of projections, JSON-ready.

    Lag is the number of the group's events (up to 10,000, within the 200,000 positions after the checkpoint;
    `lag_is_exact` says whether that is all) and the seconds since the first of them was recorded. `state` is `ok` only
    for a group that is at the head or on its way there; else it says why not, as `_state` does. The connection must be
    in autocommit, because the safe head needs its own snapshot.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        log = cursor.execute(statement("log_status")).fetchone() or {}
        groups = cursor.execute(statement("group_states"), {"groups": list(catalogue.groups)}).fetchall()
        for row in groups:
            group = catalogue.groups[row["group"]]
            row.update(_lag(cursor, group, row["checkpoint"], log["head"]))
            row["tables"] = [projection.name for projection in group.projections]
            row["state"] = _state(row, log)
        copies = cursor.execute(statement("stale_copies"), {"limit": SHOWN}).fetchone()
        holders = cursor.execute(statement("head_holders")).fetchall() if log["safe_head"] < log["head"] else []
    discarded = read_discarded(connection, limit=SHOWN)
    return {
        "head": log["head"],
        "safe_head": log["safe_head"],
        "room": log["log_end"] - 1 - log["head"],
        "held_back_by": holders,
        "groups": groups,
        "parked_streams": read_parked(connection, catalogue),
        "discarded": discarded[0]["total"] if discarded else 0,
        "discarded_events": discarded,
        "workflow_copies": copies,
        "vectors": _vectors(connection),
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


def _vectors(connection: psycopg.Connection[Any]) -> Row:
    """Return how collections of vectors are searched, and why this database has none where it has none.

    `state` is `ok`, `unindexed` (collections want an index that nobody built yet), `unavailable`, or `unseen` for a
    login that may not read them.
    """
    found: Row = {"state": "ok", "collections": 0, "unindexed": [], "reason": None}
    try:
        indexes = read_indexes(connection)
    except VectorsUnavailable:
        state = connection.execute(database_statement("vectors_state")).fetchone()
        lacks = "pgvector is there: run `runfold migrate`" if state and state[1] else "this server has no pgvector"
        return {**found, "state": "unavailable", "reason": lacks}
    except PermissionDenied:
        return {**found, "state": "unseen"}
    late = [each.collection_name for each in indexes if each.wanted]
    return {**found, "state": "unindexed" if late else "ok", "collections": len(indexes), "unindexed": late[:SHOWN]}


def _lag(cursor: psycopg.Cursor[Row], group: Group, checkpoint: int, head: int) -> Row:
    """Return what a group has still to fold, as far as it is looked at."""
    upto = checkpoint + LAG_LOOKED_AT
    asked = {"after": checkpoint, "upto": upto, "types": group.events, "most": LAG_COUNTED_TO}
    lag = cursor.execute(statement("group_lag"), asked).fetchone() or {"lag_events": 0, "lag_seconds": 0.0}
    return {**lag, "lag_is_exact": lag["lag_events"] < LAG_COUNTED_TO and head <= upto}


def _state(row: Row, log: Row) -> str:
    """Return how a group is, in a word or two.

    `stopped` waits for an operator; `retried` fails, and is tried again; `no worker` has nobody who folds it; `held
    back` waits for an open append; `not moving` has no other reason to show, and has not moved for a minute; else `ok`.
    """
    if row["stopped_error"] is not None:
        return "stopped"
    if row["lag_is_exact"] and not row["lag_events"]:
        return "ok"
    if row["retried_error"] is not None:
        return "retried"
    if not log["leads"] and not log["is_replica"]:
        return "no worker"
    moved_lately = row["moved_at"] is not None and row["unmoved_seconds"] <= MOVES_WITHIN_SECONDS
    if moved_lately or (row["lag_is_exact"] and row["lag_seconds"] <= MOVES_WITHIN_SECONDS):
        return "ok"
    return "held back" if row["checkpoint"] >= log["safe_head"] else "not moving"


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

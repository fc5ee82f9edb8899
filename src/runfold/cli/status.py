"""`runfold status`: show the state of the log and of the read tables."""

from __future__ import annotations

from typing import Any

import typer

from runfold.cli._connection import Projections, catalogue, open_database
from runfold.cli.durations import short
from runfold.cli.output import Json, instant, print_facts, print_json, print_table, print_text


def status(
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Show the log's head and safe head, what holds it back, the lag of each group, parked streams and the leader."""
    from runfold.database.backfills import read_backfills
    from runfold.reading.status import read_status

    with open_database(shared=True) as connection:
        found = read_status(connection, catalogue())
        found["backfills"] = [each.name for each in read_backfills(connection) if each.pending]
    if as_json:
        print_json(found)
        return
    leader = found["leader"]
    verified = found["verified"]
    print_facts(
        {
            "head": f"{found['head']:,}",
            "safe head": f"{found['safe_head']:,}",
            **({"room": f"{found['room']:,} events: {_NO_ROOM}"} if found["room"] < _LITTLE_ROOM else {}),
            "leader": f"{leader['worker']} (epoch {leader['epoch']})" if leader else "none: run `runfold worker`",
            "anomalies": f"{found['anomalies']:,}" + (": see `runfold anomalies list`" if found["anomalies"] else ""),
            **({"discarded": f"{found['discarded']:,} events are in no table"} if found["discarded"] else {}),
            "verified": f"up to {verified['position']:,}, {verified['differences']:,} differences"
            if verified["position"] is not None
            else "never: run `runfold projection verify`",
            **_sample(found["sample_verified"]),
            **_vectors(found["vectors"]),
            **_backfills(found["backfills"]),
        }
    )
    print_text()
    print_table(
        [_group(row) for row in found["groups"]], columns=["group", "checkpoint", "lag", "age", "parked", "state"]
    )
    if found["held_back_by"]:
        print_text("\nthe safe head is held back by")
        print_table(
            [{**row, "since (UTC)": instant(row["since"])} for row in found["held_back_by"]],
            columns=["bound", "pid", "prepared_gid", "application_name", "state", "since (UTC)"],
        )
    for row in found["groups"]:
        if said := _trouble(row):
            print_text(f"\n{said}")
    if found["workflow_copies"]["failing"]:
        print_text("\nworkflows whose copy of workflow_status is refused, and tried again")
        print_table(found["workflow_copies"]["failing"], columns=["workflow_id", "tries", "error"])
    if found["parked_streams"]:
        print_text("\nparked streams, see `runfold parked list`")
        print_table(found["parked_streams"], columns=["group_name", "stream_id", "position", "sqlstate"])
    if found["discarded_events"]:
        print_text("\ndiscarded events, see `runfold parked list --discarded`")
        print_table(found["discarded_events"], columns=["group_name", "stream_id", "position", "type", "reason"])


# A partition of the log, of which the worker keeps four ahead.
_LITTLE_ROOM = 5_000_000
_NO_ROOM = "run a worker; if one leads, its log says why it makes no partition"


def _sample(sample: dict[str, Any]) -> dict[str, str]:
    """Return the line on the last verification of a sample of streams, or nothing if there was none."""
    if sample["position"] is None:
        return {}
    said = f"{sample['streams']:,} streams up to {sample['position']:,}, {sample['differences']:,} differences"
    return {"verified sample": said}


def _backfills(pending: list[str]) -> dict[str, str]:
    """Return the line on what a migration left to be done, or nothing."""
    return {"backfills": f"{', '.join(pending)}: run `runfold backfill run`"} if pending else {}


def _vectors(vectors: dict[str, Any]) -> dict[str, str]:
    """Return the line on vectors where there is something to say."""
    if vectors["state"] == "unavailable":
        return {"vectors": f"none: {vectors['reason']}"}
    if vectors["state"] == "unindexed":
        named = ", ".join(vectors["unindexed"])
        return {"vectors": f"{named} should have an index: run `runfold vector index --auto` as the tables' owner"}
    return {}


def _group(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "group": row["group"],
        "checkpoint": f"{row['checkpoint']:,}",
        "lag": f"{row['lag_events']:,}" + ("" if row["lag_is_exact"] else " or more"),
        "age": short(round(row["lag_seconds"] * 1000)) if row["lag_events"] else None,
        "parked": row["parked"],
        "state": row["state"],
    }


def _trouble(row: dict[str, Any]) -> str | None:
    """Return why a group does not move, and what to do; None where all is well, or the page says it elsewhere."""
    at = f"at {row['checkpoint']:,}"
    if row["state"] == "stopped":
        return f"{row['group']} is stopped {at}: {row['stopped_error']}"
    if row["state"] == "retried":
        since = instant(row["retried_since"])
        return f"{row['group']} is tried again {at}, since {since} UTC: {row['retried_error']}"
    if row["state"] == "not moving":
        return f"{row['group']} has stayed {at} for a minute: see the log of the worker that leads"
    return None


def register(root: typer.Typer) -> None:
    """Add `runfold status`."""
    root.command("status", epilog="Example: runfold status --json")(status)

"""`runfold status`: how the log and its read tables are."""

from __future__ import annotations

from typing import Any

import typer

from runfold.cli.database import catalogue, open_database
from runfold.cli.output import Json, print_facts, print_json, print_table


def status(as_json: Json = False) -> None:
    """Show the head and safe head of the log and who holds it back, each group's lag, parked streams and the leader."""
    from runfold.history.status import read_status

    with open_database() as connection:
        found = read_status(connection, catalogue())
    if as_json:
        print_json(found)
        return
    leader = found["leader"]
    verified = found["verified"]
    print_facts(
        {
            "head": f"{found['head']:,}",
            "safe head": f"{found['safe_head']:,}",
            "leader": f"{leader['worker']} (epoch {leader['epoch']})" if leader else "none: run `runfold worker`",
            "anomalies": f"{found['anomalies']:,}",
            "verified": f"up to {verified['position']:,}, {verified['differences']:,} differences"
            if verified["position"] is not None
            else "never: run `runfold projection verify`",
        }
    )
    typer.echo()
    print_table([_group(row) for row in found["groups"]], columns=["group", "checkpoint", "lag", "age", "parked", "state"])
    for title, rows, columns in (
        ("held back by", found["held_back_by"], ["bound", "pid", "prepared_gid", "application_name", "state", "since"]),
        ("parked streams", found["parked_streams"], ["group_name", "stream_id", "position", "sqlstate", "error"]),
    ):
        if rows:
            typer.echo(f"\n{title}")
            print_table(rows, columns=columns)


def _group(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "group": row["group"],
        "checkpoint": f"{row['checkpoint']:,}",
        "lag": f"{row['lag_events']:,}" + ("" if row["lag_is_exact"] else " or more"),
        "age": f"{row['lag_seconds']:.1f} s",
        "parked": row["parked"],
        "state": row["stopped_error"] or "ok",
    }


def register(root: typer.Typer) -> None:
    """Add `runfold status`."""
    root.command("status", epilog="Example: runfold status --json")(status)

"""`runfold engine`: the engines that run, and what each holds."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from runfold.cli._connection import open_database
from runfold.cli.durations import short
from runfold.cli.output import Json, print_json, print_table, print_text

app = typer.Typer(help="Engines: who runs executions, and whether they beat.", no_args_is_help=True)


@app.command("list", epilog="Example: runfold engine list")
def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Show at most this many.")] = 1000,
    as_json: Json = False,
) -> None:
    """List the engines: the silent ones first, how many executions each holds, and when it was last heard.

    An engine is silent when the leading worker has beaten so often without hearing from it as its patience says. Its
    executions are found by `runfold execution stuck`, and another engine may take them over.
    """
    from runfold.reading.engines import read_engines

    with open_database(shared=True) as connection:
        rows = read_engines(connection, limit=limit)
    if as_json:
        print_json(rows)
        return
    if not rows:
        print_text("no engine runs")
        return

    def ago(seconds: float) -> str:
        return f"{short(max(0, round(seconds * 1000)))} ago"

    shown: list[dict[str, Any]] = [
        {
            **row,
            "state": "given up" if row["gone_at"] is not None else "silent" if row["silent"] else "beats",
            "heard": ago(row["heard_seconds"]),
            "started": ago(row["started_seconds"]),
        }
        for row in rows
    ]
    print_table(shown, columns=["name", "state", "executions", "heard", "started", "host", "pid"])


def register(root: typer.Typer) -> None:
    """Add `runfold engine`."""
    root.add_typer(app, name="engine")

"""`runfold anomalies`: list events that the vocabulary does not allow at their place."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from runfold.cli._connection import open_database
from runfold.cli.durations import parse_instant
from runfold.cli.output import Json, instant, print_json, print_text
from runfold.cli.paging import Limit, one_of, print_next

app = typer.Typer(help="Anomalies: events that the vocabulary does not allow at their place.", no_args_is_help=True)

_CODES = (
    "missing_row",
    "already_exists",
    "old_attempt",
    "after_end",
    "execution_ended",
    "illegal_transition",
    "clock_went_back",
)


@app.command("list", epilog="Example: runfold anomalies list --code after_end --since 2h")
def list_(
    stream: Annotated[str | None, typer.Option("--stream", help="Only of this stream.", metavar="STREAM")] = None,
    projection: Annotated[
        str | None, typer.Option("--projection", help="Only those that this projection noted.", metavar="NAME")
    ] = None,
    code: Annotated[
        str | None,
        typer.Option("--code", help="Only of this code.", metavar="CODE", autocompletion=lambda: _CODES),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            parser=parse_instant,
            help="Recorded after this time (UTC); 2h means 2 hours ago.",
            metavar="TIME",
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--after", help="Continue after this position, or after a row: its page token.", metavar="POSITION|TOKEN"
        ),
    ] = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List anomalies in the order of the log, and whether the fold applied each of them.

    In JSON, each row has its `page_token` for --after.
    """
    from runfold.reading.anomalies import AnomalyToken, list_anomalies

    chosen = one_of(code, lambda: _CODES, "--code")
    with open_database(shared=True) as connection:
        rows = list_anomalies(
            connection,
            stream_id=stream,
            projection=projection,
            code=chosen,
            since=since,
            after=None if after is None else AnomalyToken.parse(after),
            limit=limit,
        )
    if as_json:
        print_json(rows)
        return
    if not rows:
        print_text("no anomalies")
    for row in rows:
        print_text(f"{row['position']:,}  {row['stream_id']}  {instant(row['recorded_at'])} UTC")
        print_text(f"  {row['type']}, event {row['stream_version']}: {row['code']} in {row['projection']}")
        print_text(f"  {row['made']}")
    print_next(rows, limit)


def register(root: typer.Typer) -> None:
    """Add `runfold anomalies`."""
    root.add_typer(app, name="anomalies")

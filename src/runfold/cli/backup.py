"""`runfold backup`: note that a base backup was made, and show the marks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from runfold.cli._connection import open_database
from runfold.cli.output import Json, instant, print_json, print_table, print_text

app = typer.Typer(help="Backups: the operator's marks that they were made.", no_args_is_help=True)


@app.command(epilog="Example: runfold backup noted --label s3://backups/2026-11-28")
def noted(
    at: Annotated[
        str | None,
        typer.Option("--at", help="When it was made, as 2026-11-28T03:00:00Z; now without it.", metavar="TIME"),
    ] = None,
    label: Annotated[str, typer.Option("--label", help="Where it is, or what it is called.")] = "",
    as_json: Json = False,
) -> None:
    """Note that a base backup was made, so that `runfold doctor` can say when the last one is old."""
    from runfold.health.backups import note_backup

    with open_database(role="runfold_operator") as connection:
        made = note_backup(connection, at=None if at is None else _time(at), label=label)
    if as_json:
        print_json(made)
        return
    print_text(f"noted: a base backup of {instant(made.taken_at)} UTC{f', {made.label}' if made.label else ''}")


@app.command("list", epilog="Example: runfold backup list")
def list_(as_json: Json = False) -> None:
    """List the base backups that were noted, the newest first, up to 100."""
    from runfold.health.backups import read_backups

    with open_database(shared=True) as connection:
        found = read_backups(connection)
    if as_json:
        print_json(found)
        return
    print_table(
        [
            {"made (UTC)": instant(each.taken_at), "label": each.label or "-", "noted by": each.noted_by}
            for each in found
        ],
        columns=["made (UTC)", "label", "noted by"],
        empty="no backup was noted: `runfold backup noted` after each",
    )


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time: write 2026-11-28T03:00:00Z", param_hint="--at") from None
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no time zone: write 2026-11-28T03:00:00Z", param_hint="--at")
    return at


def register(root: typer.Typer) -> None:
    """Add `runfold backup`."""
    root.add_typer(app, name="backup")

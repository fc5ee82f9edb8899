"""`runfold doctor`: what would make the database faster."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from runfold.cli._connection import open_database
from runfold.cli.output import Json, print_json, print_table, print_text


def doctor(
    advise: Annotated[
        bool, typer.Option("--advise", help="Look for indexes, statistics and settings to change.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Run the statements that are harmless: statistics and autovacuum.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Advise on indexes, statistics and autovacuum, with the statements that would change them.

    Nothing is changed without `--apply`, and no index is ever made or dropped: the statements are printed.
    """
    from runfold.reading.advice import apply_advice, read_advice

    if not (advise or apply):
        raise typer.BadParameter("say what to look for: `runfold doctor --advise`")
    with open_database() as connection:
        found = read_advice(connection)
        applied = list(apply_advice(connection, found)) if apply else []
    if as_json:
        print_json([{**asdict(each), "applied": each in applied} for each in found])
        return
    if not found:
        print_text("nothing to advise")
        return
    print_table(
        [{"kind": each.kind, "object": each.object, "reason": each.reason} for each in found],
        columns=["kind", "object", "reason"],
    )
    print_text()
    for each in found:
        if each.statement is not None:
            print_text(f"{each.statement};{'  -- done' if each in applied else ''}")


def register(root: typer.Typer) -> None:
    """Add `runfold doctor`."""
    root.command("doctor", epilog="Example: runfold doctor --advise")(doctor)

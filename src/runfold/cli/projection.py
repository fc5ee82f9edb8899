"""`runfold projection`: the read tables' folds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli.database import Projections, catalogue, open_database
from runfold.cli.output import Json, print_json, print_table

if TYPE_CHECKING:
    from runfold.projections.verify import Verification

app = typer.Typer(help="Projections: the folds of the read tables.", no_args_is_help=True)

_SHOWN = 20


@app.command("list", epilog="Example: runfold projection list --json")
def list_(
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """List the projections: group, table, versions and what was verified last."""
    from runfold.history.status import read_projections

    with open_database() as connection:
        rows = read_projections(connection, catalogue())
    if as_json:
        print_json(rows)
        return
    print_table(
        [_listed(row) for row in rows], columns=["projection", "group", "version", "verified up to", "differing"]
    )


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    version = str(row["version"])
    if row["built_version"] not in (None, row["version"]):
        version += f", built with {row['built_version']}: rebuild it"
    elif row["text_changed"]:
        version += ", text changed"
    return {
        "projection": row["name"],
        "group": row["group"],
        "version": version,
        "verified up to": row["verified_position"],
        "differing": row["verified_differences"],
    }


@app.command(epilog="Example: runfold projection verify node_executions")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Projections to verify; all without.")] = None,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold the log again and compare the result with the read tables, whole rows.

    Changes nothing and holds nobody up. Exit code 1 when a row differs; the differing columns are printed.
    """
    from runfold.projections.verify import verify as verify_projections

    with open_database() as connection, _progress(shown=not as_json) as progress:
        found = verify_projections(connection, catalogue(), names or [], progress=progress)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if any(verification.differing for verification in found):
        raise typer.Exit(1)


def _print(found: list[Verification]) -> None:
    print_table(
        [
            {
                "projection": verification.projection,
                "position": f"{verification.position:,}",
                "rows": f"{verification.rows:,}",
                "differing": f"{verification.differing:,}",
                "parked": len(verification.parked_streams),
            }
            for verification in found
        ],
        columns=["projection", "position", "rows", "differing", "parked"],
    )
    for verification in found:
        if not verification.differing:
            continue
        shown = verification.differences[:_SHOWN]
        counted = "1 row differs" if verification.differing == 1 else f"{verification.differing:,} rows differ"
        cut = "" if len(shown) == verification.differing else f", {len(shown)} shown"
        typer.echo(f"\n{verification.projection}: {counted}{cut}")
        print_table(
            [
                {
                    "row": ", ".join(f"{name} {value}" for name, value in difference.key.items()),
                    "what": difference.kind,
                    "column": column,
                    "in the table": pair[0],
                    "in the log": pair[1],
                }
                for difference in shown
                for column, pair in (difference.columns or {"": (None, None)}).items()
            ],
            columns=["row", "what", "column", "in the table", "in the log"],
        )


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each group, on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal), transient=True) as progress:

        def show(group: str, position: int, upto: int) -> None:
            task = tasks.setdefault(group, progress.add_task(group)) if group not in tasks else tasks[group]
            progress.update(task, completed=position, total=upto)

        yield show


def register(root: typer.Typer) -> None:
    """Add `runfold projection`."""
    root.add_typer(app, name="projection")

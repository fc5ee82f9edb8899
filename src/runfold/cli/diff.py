"""`runfold execution diff`: two executions beside each other."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer

from runfold.cli.database import open_database
from runfold.cli.durations import clock, short
from runfold.cli.output import Json, print_json, print_table

_LONGEST = 60
_SHOWN_CHANGES = 20


def diff(
    first: Annotated[str, typer.Argument(help="An execution's id.")],
    second: Annotated[str, typer.Argument(help="The id of the one to compare with it.")],
    everything: Annotated[bool, typer.Option("--all", help="Also the nodes that do not differ.")] = False,
    as_json: Json = False,
) -> None:
    """Compare two executions, node by node: where they first went different ways, and what differs.

    Statuses, attempts, inputs, outputs and errors count; times are shown and do not. Exit code 1 when they differ.
    """
    from runfold.history.diff import diff_executions
    from runfold.history.executions import read_execution

    with open_database() as connection:
        found = diff_executions(read_execution(connection, first, logs=0), read_execution(connection, second, logs=0))
    if as_json:
        print_json(found)
    else:
        _print(found, everything=everything)
    if not found["same"]:
        raise typer.Exit(1)


def _print(found: dict[str, Any], *, everything: bool) -> None:
    sides = [found["execution"]["first"], found["execution"]["second"]]
    print_table(
        [{**side, "started": clock(side["start_time"]), "took": short(side["duration_ms"])} for side in sides],
        columns=["execution_id", "workflow", "status", "started", "took"],
    )
    if found["same"]:
        typer.echo("\nthe two went the same way")
    if found["execution"]["changes"]:
        typer.echo("\nthe executions")
        _print_changes(found["execution"]["changes"])
    diverging = found["first_divergence"]
    if diverging is not None:
        typer.echo(f"\nfirst divergence: {_name(diverging)}, {', '.join(diverging['differs'])}")
        _print_changes(diverging["changes"])
    nodes = [node for node in found["nodes"] if everything or node["differs"]]
    if nodes:
        alike = len(found["nodes"]) - sum(bool(node["differs"]) for node in found["nodes"])
        typer.echo("\nnodes" if everything else f"\nnodes that differ; {alike:,} do not")
        print_table(
            [
                {
                    "node": _name(node),
                    "first": _side(node["first"]),
                    "second": _side(node["second"]),
                    "differs": ", ".join(node["differs"]),
                }
                for node in nodes
            ],
            columns=["node", "first", "second", "differs"],
        )


def _name(node: dict[str, Any]) -> str:
    return str((node["first"] or node["second"])["activation"])


def _side(side: dict[str, Any] | None) -> str | None:
    if side is None:
        return None
    said = [side["status"].lower(), short(side["duration_ms"]) or ""]
    if (side["attempts"] or 1) > 1:
        said.insert(1, f"attempt {side['attempts']}")
    return " ".join(filter(None, said))


def _print_changes(changes: list[dict[str, Any]]) -> None:
    if not changes:
        return
    print_table(
        [
            {"what": change["path"], "first": _value(change["first"]), "second": _value(change["second"])}
            for change in changes[:_SHOWN_CHANGES]
        ],
        columns=["what", "first", "second"],
    )
    if len(changes) > _SHOWN_CHANGES:
        typer.echo(f"… {len(changes) - _SHOWN_CHANGES} more, see --json")


def _value(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

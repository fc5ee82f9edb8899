"""`runfold execution`: list executions, and show one as it is or as it was."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

import typer

from runfold.cli import diff, tail
from runfold.cli._connection import catalogue, open_database, workflow_of
from runfold.cli._opened import opened
from runfold.cli.details import print_full
from runfold.cli.durations import clock, parse_duration, parse_instant, short
from runfold.cli.output import Json, console, instant, print_facts, print_json, print_table, print_text
from runfold.cli.paging import After, Limit, Workflow, one_of, parse_after, print_next
from runfold.cli.words import modes, statuses_of, trigger_kinds

app = typer.Typer(help="Executions of workflows.", no_args_is_help=True)


def _statuses() -> tuple[str, ...]:
    return statuses_of("execution")


@app.command("list", epilog="Example: runfold execution list --status error --since 2h")
def list_(
    status: Annotated[
        str | None,
        typer.Option("--status", help="Only of this status.", metavar="STATUS", autocompletion=_statuses),
    ] = None,
    workflow: Workflow = None,
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="Only of this mode.", metavar="MODE", autocompletion=modes),
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(
            "--trigger",
            help="Only executions that this kind of trigger started.",
            metavar="TRIGGER",
            autocompletion=trigger_kinds,
        ),
    ] = None,
    parent: Annotated[str | None, typer.Option("--parent", help="Only the children of this execution.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            parser=parse_instant,
            help="Created at or after this time (UTC); 2h means 2 hours ago.",
            metavar="TIME",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            parser=parse_instant,
            help="Created before this time (UTC); 2h means 2 hours ago.",
            metavar="TIME",
        ),
    ] = None,
    min_duration: Annotated[
        int | None,
        typer.Option(
            "--min-duration", parser=parse_duration, help="Took at least this long: 500ms, 10s, 5m.", metavar="DURATION"
        ),
    ] = None,
    error: Annotated[
        str | None, typer.Option("--error", help="Only with this text in the error message.", metavar="TEXT")
    ] = None,
    after: After = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List executions, the newest first. In JSON, each row has its `page_token` for --after."""
    from runfold.reading.executions import Filter, list_executions
    from runfold.reading.ids import find_id

    chosen, kind, place = one_of(status, _statuses, "--status"), one_of(mode, modes, "--mode"), parse_after(after)
    with open_database(shared=True) as connection:
        wanted = Filter(
            status=chosen,
            workflow_id=workflow_of(connection, workflow),
            mode=kind,
            trigger=None if trigger is None else trigger.upper(),
            parent=None if parent is None else find_id(connection, "execution", parent),
            since=since,
            until=until,
            min_duration=min_duration,
            error=error,
        )
        rows = opened(list_executions(connection, wanted, after=place, limit=limit))
    if as_json:
        print_json(rows)
        return
    print_table(
        [
            {
                **row,
                "started": clock(row["start_time"]),
                "took": short(row["duration_ms"]),
                "error": row["error_message"],
            }
            for row in rows
        ],
        columns=["execution_id", "status", "workflow", "started", "took", "error"],
        empty="no executions",
    )
    print_next(rows, limit)


@app.command(epilog="Example: runfold execution show 173688")
def show(
    execution_id: Annotated[str, typer.Argument(help="The execution's id, or its beginning.")],
    logs: Annotated[
        int, typer.Option("--logs", min=0, max=10_000, help="Show this many log lines, the last ones.")
    ] = 50,
    lines: Annotated[
        int, typer.Option("--lines", min=2, max=100_000, help="Show at most this many lines of the tree.")
    ] = 200,
    full: Annotated[
        bool, typer.Option("--full", help="Show also every input, output and reason, with nothing cut.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show an execution as a tree with time bars: nodes and attempts, pauses, children; then its log.

    Signs of the bars: ━ work, × failed attempt, ░ pause, ' log line.
    """
    from runfold.reading.executions import archived_in, read_execution, read_reasons

    with open_database(shared=True) as connection:
        found = read_execution(connection, execution_id, logs=logs)
        if full:
            found["reasons"] = read_reasons(connection, found["execution_id"])
        file = archived_in(connection, found["execution_id"])
        found = opened(found)
    if as_json:
        print_json(found)
        return
    _print_execution(found, now=time.time() * 1000, lines=lines)
    if file is not None:
        print_text(f"its events are archived, in {file}: earlier attempts and reasons are not shown")


@app.command(epilog="Example: runfold execution at 173688 --event 12")
def at(
    execution_id: Annotated[str, typer.Argument(help="The execution's id, or its beginning.")],
    position: Annotated[
        int | None, typer.Option("--position", help="As of this position of the log.", metavar="POSITION")
    ] = None,
    when: Annotated[
        datetime | None,
        typer.Option(
            "--time",
            parser=parse_instant,
            help="As of this time of the server's clock (UTC); 2h means 2 hours ago.",
            metavar="TIME",
        ),
    ] = None,
    event: Annotated[
        int | None, typer.Option("--event", min=1, help="After the execution's event with this number.", metavar="N")
    ] = None,
    logs: Annotated[
        int, typer.Option("--logs", min=0, max=10_000, help="Show this many log lines, the last ones.")
    ] = 50,
    lines: Annotated[
        int, typer.Option("--lines", min=2, max=100_000, help="Show at most this many lines of the tree.")
    ] = 200,
    full: Annotated[
        bool, typer.Option("--full", help="Show also every input, output and reason, with nothing cut.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show an execution as it was: at a position, at a time, or after one of its events.

    The same folds run over the log up to that event. The tree is that of `runfold execution show`; bars of unfinished
    work end at the given time, or at the execution's last event.
    """
    from runfold.reading.executions import read_execution_at, read_reasons

    if [position, when, event].count(None) != 2:
        raise typer.BadParameter("give exactly one of --position, --time and --event")
    with open_database() as connection:
        found = read_execution_at(
            connection, catalogue(), execution_id, position=position, time=when, event=event, logs=logs
        )
        if full:
            found["reasons"] = read_reasons(connection, found["execution_id"], upto=found["as_of"]["position"])
        found = opened(found)
    if as_json:
        print_json(found)
        return
    last = found["as_of"]["event"]
    now = last["occurred_at"].timestamp() * 1000
    if when is not None:
        now = max(now, when.timestamp() * 1000)
    _print_execution(found, now=now, lines=lines)
    print_left_out(found["as_of"])


def _print_execution(found: dict[str, Any], *, now: float, lines: int) -> None:

    from runfold.cli.timeline import render_timeline

    print_facts(
        {
            "execution": found["execution_id"],
            **_as_of(found),
            "workflow": found["workflow"] or found["workflow_id"],
            "status": found["status"],
            "mode": " ".join(dict.fromkeys(filter(None, (found["mode"], found["trigger_subtype"])))),
            **({"parent": found["parent_execution_id"]} if found["parent_execution_id"] else {}),
            "started": clock(found["start_time"]),
            "took": short(found["duration_ms"]),
            **({"error": found["error_message"]} if found["error_message"] else {}),
            "last change": f"position {found['last_event_position']:,}",
        }
    )
    screen = console(drawing=True)
    screen.print()
    screen.print(render_timeline(found, now=now, width=screen.width, height=lines))
    _print_failures(found)
    if "reasons" in found:
        print_full(found, found["reasons"])
    if found["logs"]:
        print_text("\nlog")
        print_table(
            [{**row, "at": _offset(found, row["created_at"])} for row in found["logs"]],
            columns=["at", "level", "node_id", "message"],
        )


def _as_of(found: dict[str, Any]) -> dict[str, Any]:
    if "as_of" not in found:
        return {}
    event = found["as_of"]["event"]
    return {
        "as of": f"position {found['as_of']['position']:,}, after event {event['stream_version']}: {event['type']},"
        f" recorded {instant(event['recorded_at'])} UTC"
    }


def print_left_out(as_of: dict[str, Any]) -> None:
    """Print which events the rows of the past lack, and why."""
    for row in as_of["parked_streams"]:
        print_text(
            f"\n{row['stream_id']} is parked in group {row['group_name']} from position {row['position']:,} on:"
            " its rows end there, see `runfold parked list`"
        )
    for row in as_of["discarded_events"]:
        print_text(
            f"\nposition {row['position']:,}, {row['type']} of {row['stream_id']}, was discarded in group"
            f" {row['group_name']}: {row['reason']}"
        )


def _print_failures(found: dict[str, Any]) -> None:
    failed = [row for row in found["attempts"] if not row["started"]]
    if failed:
        print_text("\nfailed attempts")
        print_table(
            [{**row, "error": _message(row["error_data"])} for row in failed],
            columns=["activation", "attempt", "error"],
        )


def _message(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    said = [str(error[name]) for name in ("type", "code", "message") if error.get(name)]
    return ": ".join(said) or str(error)


def _offset(found: dict[str, Any], instant: datetime) -> str:
    """Return the time since the execution's start, as `+3.4 s`."""
    if found["start_time"] is None:
        return instant.isoformat(" ", "seconds")
    milliseconds = round(instant.timestamp() * 1000) - found["start_time"]
    return f"{'+' if milliseconds >= 0 else '-'}{short(abs(milliseconds))}"


app.command("diff", epilog="Example: runfold execution diff 173688 173691")(diff.diff)
app.command("tail", epilog="Example: runfold execution tail 173688")(tail.tail)


def register(root: typer.Typer) -> None:
    """Add `runfold execution`."""
    root.add_typer(app, name="execution")

"""`runfold parked`: list, retry and discard the streams that could not be folded."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from runfold.cli._connection import Projections, catalogue, open_database, user_login
from runfold.cli.output import Json, instant, print_facts, print_json, print_table, print_text

if TYPE_CHECKING:
    from runfold.projections.definition.catalogue import Catalogue, Group

app = typer.Typer(help="Parked streams: their events wait behind a poison event.", no_args_is_help=True)

Stream = Annotated[str, typer.Argument(help="The parked stream.", metavar="STREAM")]
OneGroup = Annotated[str | None, typer.Option("--group", help="Only in this group of projections.")]


@app.command("list", epilog="Example: runfold parked list")
def list_(
    discarded: Annotated[
        bool, typer.Option("--discarded", help="List the events that were discarded instead, the last 1,000.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the parked streams: the error, the position of the poison event, and how many events wait behind it."""
    from runfold.reading.status import read_discarded, read_parked

    with open_database(shared=True) as connection:
        rows = read_discarded(connection) if discarded else read_parked(connection, catalogue())
    if as_json:
        print_json(rows)
        return
    if not rows:
        print_text("no discarded events" if discarded else "no parked streams")
    for row in rows:
        if discarded:
            _print_discarded(row)
            continue
        print_text(
            f"{row['stream_id']}  group {row['group_name']}, from position {row['position']:,} on,"
            f" {_counted(row['waiting'])} behind it"
        )
        print_text(f"  {row['sqlstate']}: {row['error']}")
        print_text(f"  since {instant(row['parked_at'])} UTC")


@app.command(epilog="Example: runfold parked show execution-7")
def show(stream_id: Stream, as_json: Json = False) -> None:
    """Show why a stream is parked: the error, the poison event, and the first events that wait behind it."""
    from runfold.errors import StreamNotParked
    from runfold.reading.status import read_discarded, read_parking

    with open_database(shared=True) as connection:
        rows = read_parking(connection, catalogue(), stream_id)
        discarded = read_discarded(connection, stream_id)
    if not rows:
        raise StreamNotParked(f"{stream_id} is not parked", hint="see `runfold parked list`")
    if as_json:
        print_json(rows)
        return
    for number, row in enumerate(rows):
        _print_parking(row, first=number == 0)
    for row in discarded:
        print_text()
        _print_discarded(row)


def _print_parking(row: dict[str, Any], *, first: bool) -> None:
    if not first:
        print_text()
    event = row["event"] or {}
    print_facts(
        {
            "stream": row["stream_id"],
            "group": row["group_name"],
            "error": f"{row['sqlstate']}: {row['error']}",
            "since": f"{instant(row['parked_at'])} UTC",
            "poison event": f"{event.get('type')}, event {event.get('stream_version')}",
            "position": f"{row['position']:,}",
            "event id": event.get("event_id"),
            "recorded": f"{instant(event.get('recorded_at'))} UTC",
            "actor": event.get("actor"),
            "data": orjson.dumps(event.get("data"), option=orjson.OPT_INDENT_2).decode(),
            "behind it": _counted(row["waiting"]),
        }
    )
    if row["waiting_events"]:
        print_text(f"\nwaiting{'' if len(row['waiting_events']) == row['waiting'] else ', the first ones'}")
        print_table(
            [{**waiting, "recorded (UTC)": instant(waiting["recorded_at"])} for waiting in row["waiting_events"]],
            columns=["position", "stream_version", "type", "recorded (UTC)"],
        )


def _print_discarded(row: dict[str, Any]) -> None:
    print_text(
        f"{row['stream_id']}  group {row['group_name']}, position {row['position']:,}: {row['type']} was discarded"
    )
    print_text(f"  {row['sqlstate']}: {row['error']}")
    print_text(f"  by {row['discarded_by']}, {instant(row['discarded_at'])} UTC: {row['reason']}")


def _counted(waiting: int) -> str:
    return "1 event waits" if waiting == 1 else f"{waiting:,} events wait"


@app.command(epilog="Example: runfold parked retry execution-7")
def retry(
    stream_id: Stream,
    group: OneGroup = None,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold a parked stream again, after you fixed the cause.

    If a later event fails now, what comes before it is folded, and the stream is parked at that event. Exit code 1 when
    it fails again.
    """
    from runfold.projections.reconciling.retry import retry as fold_again

    known = catalogue()
    done: list[dict[str, object]] = []
    with open_database(folds=True) as connection:
        for one in _groups(connection, known, stream_id, group):
            bad = fold_again(connection, one, stream_id, login=user_login(known))
            done.append({"group": one.name, "stream_id": stream_id, "error": bad and str(bad.error)})
    if as_json:
        print_json(done)
    else:
        for row in done:
            outcome = f"still parked: {row['error']}" if row["error"] else "folded"
            print_text(f"{stream_id}  group {row['group']}, {outcome}")
    if any(row["error"] for row in done):
        raise typer.Exit(1)


@app.command(epilog='Example: runfold parked discard execution-7 --reason "sent by a test, see ticket 42" --dry-run')
def discard(
    stream_id: Stream,
    reason: Annotated[str, typer.Option("--reason", help="The reason, which is recorded for ever.", metavar="TEXT")],
    group: OneGroup = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Who discards it; by default you, by your login name.", metavar="NAME")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be discarded and the result; change nothing.")
    ] = False,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Discard the poison event of a parked stream, only that one, and fold the events behind it.

    The event stays in the log, but no row of the group's tables contains it, now and after every rebuild. This cannot
    be undone. If a later event fails too, the stream is parked again at that event, and the exit code is 1.
    """
    from runfold.projections.reconciling.discard import discard as discard_event

    known = catalogue()
    with open_database(folds=True) as connection:
        groups = _groups(connection, known, stream_id, group)
        about = {"reason": reason, "by": by or getpass.getuser()}
        login = user_login(known)
        done = [discard_event(connection, one, stream_id, **about, dry_run=dry_run, login=login) for one in groups]
    if as_json:
        print_json(done)
    else:
        for row in done:
            would = "would be " if dry_run else ""
            print_text(
                f"{stream_id}  group {row.group}, position {row.position:,}: {row.type} {would or 'is '}discarded"
            )
            print_text(f"  {row.error}")
            if row.parked_again_at is None:
                print_text(f"  the waiting events {would or 'are '}folded")
            else:
                print_text(
                    f"  {would or 'is '}parked again at position {row.parked_again_at:,}: {row.parked_again_error}"
                )
    if any(row.parked_again_at is not None for row in done):
        raise typer.Exit(1)


def _groups(connection: Any, known: Catalogue, stream_id: str, group: str | None) -> list[Group]:
    """Return the groups in which a stream is parked, or only the named one; raises StreamNotParked."""
    from runfold.errors import ProjectionInvalid, StreamNotParked
    from runfold.reading.status import read_parked

    names = [row["group_name"] for row in read_parked(connection, known, stream_id)]
    if group is not None:
        names = [name for name in names if name == group]
    if not names:
        where = "" if group is None else f" in group {group}"
        raise StreamNotParked(f"{stream_id} is not parked{where}", hint="see `runfold parked list`")
    for name in names:
        if name not in known.groups:
            raise ProjectionInvalid(
                f"no projection of the group {name} was loaded", hint="set RUNFOLD_PROJECTIONS to its files"
            )
    return [known.groups[name] for name in names]


def register(root: typer.Typer) -> None:
    """Add `runfold parked`."""
    root.add_typer(app, name="parked")

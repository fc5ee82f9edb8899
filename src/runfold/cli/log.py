"""`runfold log`: verify the log by its seals, and export and check these."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from runfold.cli._connection import open_database
from runfold.cli.archived import ArchiveFolder
from runfold.cli.differences import progress_bar
from runfold.cli.invocation import settings
from runfold.cli.output import Json, print_facts, print_json, print_json_line, print_text

if TYPE_CHECKING:
    from runfold.seals.exports import SealCheck
    from runfold.seals.verifying import DifferentEvent, DifferentRange, LogVerification

app = typer.Typer(help="The log itself: proof that nobody changed it.", no_args_is_help=True)
seal = typer.Typer(help="Seals: the chain over the log, to be kept elsewhere.", no_args_is_help=True)

NOT_CHECKED = 3
"""The exit code where nothing differs, and something was not checked."""
_SHOWN_EVENTS = 5


@app.command(epilog="Example: runfold log verify --from 1000000")
def verify(
    from_position: Annotated[int, typer.Option("--from", min=1, help="Verify from this position on.")] = 1,
    to_position: Annotated[
        int | None, typer.Option("--to", min=1, help="Verify up to this position.", show_default="the safe head")
    ] = None,
    archive: ArchiveFolder = None,
    as_json: Json = False,
) -> None:
    """Compare the events of the log with its seals, and name the first range and event that differ.

    Whole ranges are verified. Changes nothing and blocks nobody. Exit code 1 when something differs, and 3 when nothing
    does but some events were not checked: those behind the last seal, which a worker seals within a minute.
    """
    from runfold.seals.verifying import verify_log

    with (
        open_database() as connection,
        progress_bar(shown=not as_json) as progress,
    ):
        found = verify_log(
            connection,
            from_position=from_position,
            to_position=to_position,
            archive=archive or settings().archive,
            progress=lambda position, upto: progress("log", "verify", position, upto),
        )
    if as_json:
        print_json({**asdict(found), "unchecked_events": found.unchecked_events})
    else:
        _print_verified(found)
    if found.differing:
        raise typer.Exit(1)
    if found.unchecked_events or found.archived_ranges:
        raise typer.Exit(NOT_CHECKED)


def _print_verified(found: LogVerification) -> None:
    for different in found.differences:
        _print_range(different)
    if found.differing > len(found.differences):
        print_text(f"{found.differing - len(found.differences):,} more ranges differ")
    print_facts(
        {
            "verified": f"{found.events:,} events in {found.ranges:,} ranges",
            "ranges that differ": f"{found.differing:,}",
            "sealed up to": found.sealed_position,
        }
    )
    if found.unsealed_events:
        print_text(
            f"not checked: {found.unsealed_events:,} events behind the last seal; `runfold worker --once` seals them"
        )
    if found.archived_ranges:
        print_text(
            f"not checked: {found.archived_events:,} events of {found.archived_ranges:,} ranges that have left for the"
            f" archive, which could not be read: {found.unread}"
        )


def _print_range(different: DifferentRange) -> None:
    where = f"the range {different.first_position} to {different.last_position}"
    if different.kind == "gap":
        print_text(f"{where}: the seal before it is missing")
        return
    if different.kind == "seal":
        print_text(f"{where}: its seal does not follow from the one before; its events are as they were sealed")
        return
    counted = f"{different.sealed:,} events were sealed, {different.found:,} are there"
    if different.differing is None:
        print_text(f"{where} differs: {counted}; which event differs cannot be said")
        return
    print_text(f"{where} differs: {counted}")
    for event in different.events[:_SHOWN_EVENTS]:
        print_text(f"  {_said(event)}")
    if different.differing > _SHOWN_EVENTS:
        print_text(f"  and {different.differing - _SHOWN_EVENTS:,} more events")


def _said(event: DifferentEvent) -> str:
    if event.kind == "missing":
        return f"position {event.position}: the event is missing"
    about = f"{event.type} of {event.stream_id} at version {event.stream_version}, event {event.event_id}"
    if event.kind == "moved":
        return f"position {event.position}: {about}, was moved here from {event.moved_from}"
    return f"position {event.position}: {about}, was {event.kind}"


@seal.command(epilog="Example: runfold log seal export >> /mnt/elsewhere/seals.jsonl")
def export(
    after: Annotated[int, typer.Option("--after", min=0, help="Only seals behind this position.")] = 0,
) -> None:
    """Print each seal as a line of JSON: the identity of the log, the last position of the range, and its seal.

    Keep them where nobody who can write this database can write: with them, a chain that was made anew is found.
    """
    from runfold.seals.exports import export_seals

    with open_database() as connection:
        for row in export_seals(connection, after=after):
            print_json_line(row)


@seal.command(epilog="Example: runfold log seal check /mnt/elsewhere/seals.jsonl")
def check(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help="What `runfold log seal export` wrote; - for standard input.")
    ],
    as_json: Json = False,
) -> None:
    """Compare exported seals with those of the log.

    Exit code 0 when every exported seal is in the log, also when the log has gone on since then; 1 when one differs;
    3 when the log ends before the export, as a restored one does. `runfold log verify` compares the events.
    """
    from runfold.seals.exports import LONGEST_LINE, check_seals

    with open_database() as connection:
        lines = iter(partial(file.readline, LONGEST_LINE + 1), b"")
        found = check_seals(connection, lines, file="standard input" if file.name == "<stdin>" else file.name)
    if as_json:
        print_json(found)
    else:
        print_text(_answer(found))
    if found.answer == "differs":
        raise typer.Exit(1)
    if found.answer == "log_is_older":
        raise typer.Exit(NOT_CHECKED)


def _answer(found: SealCheck) -> str:
    if found.answer == "differs":
        return (
            f"differs: the seal at position {found.first_different} is not the exported one; up to {found.last_same}"
            " they are the same. The log was changed behind that position, or restored to before it and continued"
        )
    if found.answer == "log_is_older":
        return (
            f"the log is older than the export: it is sealed up to {found.sealed}, the export up to {found.exported},"
            f" and {found.beyond:,} seals could not be compared. It was restored, or its last seals were deleted; up to"
            f" {found.last_same} they are the same"
        )
    if found.answer == "export_is_older":
        return (
            f"the same: all {found.seals:,} exported seals, up to position {found.exported}; the export is older, and"
            f" the log is sealed up to {found.sealed}"
        )
    return f"the same: all {found.seals:,} seals, up to position {found.sealed}"


app.add_typer(seal, name="seal")


def register(root: typer.Typer) -> None:
    """Add `runfold log`."""
    root.add_typer(app, name="log")

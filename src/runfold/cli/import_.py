"""`runfold import xes`: import recorded processes as executions; and what the other imports share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli.invocation import settings
from runfold.cli.output import Json, print_facts, print_json, progress_on_stderr

if TYPE_CHECKING:
    from runfold.client.sync.store import Store
    from runfold.interop.xes import ImportSummary
    from runfold.interop.xes_options import XesOptions

app = typer.Typer(help="Import recorded processes, and events of other logs.", no_args_is_help=True)


@app.command(epilog="Example: runfold import xes loans.xes.gz")
def xes(
    file: Annotated[Path, typer.Argument(help="An IEEE 1849 (XES) log, plain or gzipped; - for standard input.")],
    timezone: Annotated[
        str | None,
        typer.Option(help="The zone of times that have none: Europe/Amsterdam, +01:00.", metavar="ZONE"),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(help="Goes before each trace's name: for a second log with the same names.", metavar="TEXT"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The log's name, instead of the one in the file.", metavar="TEXT")
    ] = None,
    transition: Annotated[
        list[str] | None,
        typer.Option(
            help="What a transition does that is not the standard's: schedule, start, complete or log; '*' for every "
            "other. Give it several times.",
            metavar="NAME=STEP",
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out events and traces that cannot be imported, and count them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count the log; write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Import an XES log: each trace becomes an execution, and each event acts on one of its nodes.

    You can run it again with the same options, after an interruption or when the log has grown at its end: no event is
    imported twice. A trace that was imported before with other events stays as it was; it is named, and the exit code
    is 1.
    """
    from runfold.interop.xes import import_xes
    from runfold.interop.xes_source import check_readable

    options = _options(timezone, prefix or "", name, transition or [], skip_bad=skip_bad)
    # Before there is a database for it.
    check_readable(file)
    with progress(file, shown=not as_json) as on_bytes, open_store(dry_run=dry_run) as store:
        summary = import_xes(store, file, options=options, dry_run=dry_run, on_bytes=on_bytes)
    if as_json:
        print_json(asdict(summary))
    else:
        print_summary(summary)
    if summary.traces_changed:
        raise typer.Exit(1)


def _options(
    timezone: str | None, prefix: str, name: str | None, transitions: list[str], *, skip_bad: bool
) -> XesOptions:
    from runfold.interop.xes_options import XesOptions, parse_timezone, parse_transitions

    try:
        zone = None if timezone is None else parse_timezone(timezone)
    except ValueError as bad:
        raise typer.BadParameter(str(bad), param_hint="--timezone") from None
    try:
        steps = parse_transitions(transitions)
    except ValueError as bad:
        raise typer.BadParameter(str(bad), param_hint="--transition") from None
    return XesOptions(log_name=name or None, prefix=prefix, timezone=zone, skip_bad=skip_bad, transitions=steps)


@contextmanager
def open_store(*, dry_run: bool = False, role: str = "runfold_operator") -> Iterator[Store | None]:
    """A store on the database that was named; an embedded one that is new is migrated first. A dry run needs none.

    `role` is the one that a login without a permission needs.
    """
    if dry_run:
        yield None
        return
    import runfold
    from runfold.database import migrations
    from runfold.database.connections import mapped_errors, resolve_url

    chosen = settings()
    url = resolve_url(chosen)
    if chosen.database_url is None and not migrations.check(url, chosen).applied:
        migrations.migrate(url, chosen)
    with mapped_errors(role, url=url), runfold.connect(url, settings=chosen) as store:
        yield store


@contextmanager
def progress(file: Path, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar over the file's bytes on stderr, because stdout is for the summary."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with progress_on_stderr(*columns, shown=shown) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size if file.is_file() else None)
        yield lambda bytes_read: progress.update(task, completed=bytes_read)


def print_summary(summary: ImportSummary) -> None:
    """Print the result of an import of traces."""
    facts: dict[str, Any] = {
        "log": summary.log_name,
        "workflow": summary.workflow_id,
        "traces": f"{summary.traces:,}",
        "events read": f"{summary.events_read:,}",
        "nodes": f"{summary.nodes:,}",
        "events appended": f"{summary.events_appended:,}",
        "events repeated": f"{summary.events_repeated:,}",
        "seconds": f"{summary.seconds:.1f}",
    }
    if summary.dry_run:
        del facts["events appended"], facts["events repeated"]
        facts["events to append"] = f"{summary.events_mapped:,}"
    if summary.events_logged:
        counted = [f"{name} ({count:,})" for name, count in summary.transitions_logged.items()]
        facts["log lines only"] = f"{summary.events_logged:,} events, by their transition: {', '.join(counted)}"
    if not summary.nodes and summary.traces:
        facts["no node"] = _why_no_node(summary)
    if summary.events_skipped or summary.traces_skipped:
        facts["left out"] = f"{summary.events_skipped:,} events; {summary.traces_skipped:,} whole traces"
        facts["the first of them"] = "\n".join(
            f"line {place.line}{'' if place.trace is None else f', trace {place.trace!r}'}: {place.reason}"
            for place in summary.skipped
        )
    if summary.traces_changed:
        more = summary.traces_changed - len(summary.changed)
        facts["changed, left as imported"] = ", ".join(summary.changed) + (f" and {more:,} more" if more else "")
        facts["to import them beside"] = (
            "give the log a --prefix: the options changed, or it is another log of that name"
        )
    print_facts(facts)


def _why_no_node(summary: ImportSummary) -> str:
    if not summary.events_logged:
        return "no trace has an event"
    first = next(iter(summary.transitions_logged))
    again = "" if summary.dry_run else ", and import it with another --prefix or into another database"
    return (
        "no event became a node: the log's lifecycle is not the standard one. Say what its transitions do, as in "
        f"--transition '{first}=start' or --transition '*=complete'{again}"
    )


def register(root: typer.Typer) -> None:
    """Add `runfold import`."""
    root.add_typer(app, name="import")

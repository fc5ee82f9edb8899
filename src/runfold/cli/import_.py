"""`runfold import`: import recorded processes as executions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runfold.cli.invocation import settings
from runfold.cli.output import Json, print_facts, print_json

if TYPE_CHECKING:
    from runfold.interop.xes import ImportSummary

app = typer.Typer(help="Import recorded processes.", no_args_is_help=True)


@app.command(epilog="Example: runfold import xes loans.xes.gz")
def xes(
    file: Annotated[Path, typer.Argument(help="An IEEE 1849 (XES) log, plain or gzipped.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count the log; write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Import an XES log: each trace becomes an execution, and each event acts on one of its nodes.

    You can run it again after an interruption, or when the log has grown at its end: no event is imported twice. A
    trace that was imported before with other events stays as it was; it is named, and the exit code is 1.
    """
    import runfold
    from runfold.interop.xes import import_xes

    with _progress(file, shown=not as_json) as on_bytes:
        if dry_run:
            summary = import_xes(None, file, dry_run=True, on_bytes=on_bytes)
        else:
            with runfold.connect(settings=settings()) as store:
                summary = import_xes(store, file, on_bytes=on_bytes)
    if as_json:
        print_json(asdict(summary))
    else:
        _print(summary)
    if summary.traces_changed:
        raise typer.Exit(1)


@contextmanager
def _progress(file: Path, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar over the file's bytes on stderr, because stdout is for the summary."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal), transient=True) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size if file.is_file() else None)
        yield lambda bytes_read: progress.update(task, completed=bytes_read)


def _print(summary: ImportSummary) -> None:
    facts = {
        "log": summary.log_name,
        "workflow": summary.workflow_id,
        "traces": f"{summary.traces:,}",
        "events read": f"{summary.events_read:,}",
        "events appended": f"{summary.events_appended:,}",
        "events repeated": f"{summary.events_repeated:,}",
        "seconds": f"{summary.seconds:.1f}",
    }
    if summary.dry_run:
        del facts["events appended"], facts["events repeated"]
        facts["events to append"] = f"{summary.events_mapped:,}"
    if summary.traces_changed:
        more = summary.traces_changed - len(summary.changed)
        facts["changed, left as imported"] = ", ".join(summary.changed) + (f" and {more:,} more" if more else "")
    print_facts(facts)


def register(root: typer.Typer) -> None:
    """Add `runfold import`."""
    root.add_typer(app, name="import")

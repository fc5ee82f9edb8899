"""`runfold export`: write the log's events into a file for another system, or for another log."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from runfold.cli._store import open_store
from runfold.cli.archived import Archived
from runfold.cli.output import Json, print_facts, print_json, print_text, progress_on_stderr

STANDARD_OUTPUT = Path("-")


class Format(StrEnum):
    """The form of the file."""

    JSONL = "jsonl"
    CLOUDEVENTS = "cloudevents"
    OCEL = "ocel"
    XES = "xes"
    PARQUET = "parquet"


def export(
    format: Annotated[  # noqa: A002  the option's name
        Format,
        typer.Option("--format", help="jsonl; cloudevents, one a line; ocel (2.0, JSON); xes (1.0); parquet."),
    ] = Format.JSONL,
    out: Annotated[
        Path, typer.Option("--out", help="The file, gzipped if its name ends with .gz; - for standard output.")
    ] = STANDARD_OUTPUT,
    after: Annotated[int, typer.Option("--after", min=0, help="Only events after this position.")] = 0,
    source: Annotated[
        str | None, typer.Option("--source", help="The source of CloudEvents, a URI.", metavar="URI")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The name of a log of XES.", metavar="TEXT")] = None,
    archived: Archived = None,
    as_json: Json = False,
) -> None:
    """Export the events of the log, in their order, up to the safe head.

    A summary is printed, to standard error where the events go to standard output. Values of encrypted fields are
    opened where their keys are.
    """
    if format is Format.PARQUET and out.name.endswith(".gz"):
        raise typer.BadParameter("Parquet is compressed already: leave out .gz", param_hint="--out")
    if format is Format.PARQUET and out == STANDARD_OUTPUT and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal: name a file", param_hint="--out")
    from runfold.interop.cloud_events import SOURCE
    from runfold.interop.exporting import export_events
    from runfold.interop.xes_writing import LOG_NAME

    with open_store() as store, _progress(shown=not as_json) as on_events, _opened(out) as output:
        summary = export_events(
            store,
            output,
            format.value,
            after=after,
            source=source or SOURCE,
            name=name or LOG_NAME,
            archived=None if archived is None else "skip",
            on_events=on_events,
        )
    if out == STANDARD_OUTPUT:
        last = "" if summary.last_position is None else f", the last at position {summary.last_position}"
        print_text(f"{summary.events:,} events{last}", err=True)
    elif as_json:
        print_json(asdict(summary))
    else:
        print_facts(
            {"file": str(out), "events": f"{summary.events:,}", "last position": f"{summary.last_position or 0:,}"}
        )


@contextmanager
def _opened(out: Path) -> Iterator[BinaryIO]:
    """Open the output; a file appears under its name when it is complete, and replaces one of that name."""
    from runfold.errors import ExportFailed

    if out == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as raw:
            if out.name.endswith(".gz"):
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
                    yield packed  # type: ignore[misc]
            else:
                yield raw
        partial.replace(out)
    except OSError as refused:
        raise ExportFailed(
            f"{out} cannot be written: {refused.strerror or refused}", hint="choose another place, or free space"
        ) from refused
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show the number of events on stderr, in a terminal."""
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} events"), TimeElapsedColumn())
    with progress_on_stderr(*columns, shown=shown) as shown_at:
        task = shown_at.add_task("export", total=None)
        yield lambda events: shown_at.update(task, completed=events)


def register(root: typer.Typer) -> None:
    """Add `runfold export`."""
    root.command("export", epilog="Example: runfold export --format cloudevents --out log.jsonl.gz")(export)

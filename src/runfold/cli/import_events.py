"""`runfold import jsonl`, `cloudevents`, `ocel` and `parquet`: import events of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli.import_ import app, open_store, print_summary, progress
from runfold.cli.output import Json, print_facts, print_json

if TYPE_CHECKING:
    from runfold.interop.documents import Document
    from runfold.interop.importing import EventsSummary
    from runfold.interop.portable import Portable

DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check the file; write nothing.")]


@app.command(epilog="Example: runfold import jsonl log.jsonl.gz")
def jsonl(
    file: Annotated[Path, typer.Argument(help="Events as JSON lines, plain or gzipped; - for standard input.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import events that `runfold export --format jsonl` wrote: same streams, versions, ids and data.

    You can run it again, after an interruption or when the file has grown at its end: no event is imported twice.
    """
    from runfold.interop.jsonl import decode

    def read(one: Document) -> Portable:
        return decode(*one)

    _import(file, read, dry_run=dry_run, as_json=as_json)


@app.command(epilog="Example: runfold import cloudevents orders.json --category orders")
def cloudevents(
    file: Annotated[
        Path, typer.Argument(help="CloudEvents 1.0 in JSON: one a line, or a batch; plain or gzipped; - for input.")
    ],
    category: Annotated[
        str | None,
        typer.Option(
            "--category",
            help="For events of other systems: their streams are of this category, which takes their types.",
            metavar="NAME",
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import CloudEvents: those that `runfold export` wrote, or, with --category, those of any other system.

    You can run it again, after an interruption or when the file has grown at its end: no event is imported twice.
    """
    from runfold.interop.cloud_events import decode

    def read(one: Document) -> Portable:
        return decode(*one, category=category)

    _import(file, read, dry_run=dry_run, as_json=as_json)


@app.command(epilog="Example: runfold import ocel orders.json --case order")
def ocel(
    file: Annotated[Path, typer.Argument(help="A log of OCEL 2.0 in JSON, plain or gzipped; - for standard input.")],
    case: Annotated[
        str | None,
        typer.Option(
            "--case", help="For logs of other systems: each object of this type becomes an execution.", metavar="TYPE"
        ),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Goes before each object's id, with --case.", metavar="TEXT")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The log's name, instead of the file's, with --case.", metavar="TEXT")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import an object-centric log: one that `runfold export` wrote, or, with --case, one of any other system.

    The whole log is read into memory. You can run it again: no event is imported twice. With --case, executions that
    were imported before with other events stay as they were, and the exit code is 1.
    """
    from runfold.errors import ImportFailed
    from runfold.interop.importing import import_events
    from runfold.interop.ocel import OcelLog
    from runfold.interop.xes import import_traces
    from runfold.interop.xes_options import Skips, XesOptions
    from runfold.interop.xes_source import check_readable

    check_readable(file)
    with progress(file, shown=not as_json) as on_bytes:
        log = OcelLog(file, on_bytes)
        kinds = log.object_types()
        if case is None and not log.is_ours:
            raise ImportFailed(
                f"{log.shown} was not exported by runfold",
                hint=f"choose the objects that become executions: --case {kinds[0] if kinds else 'TYPE'!r}",
            )
        if case is None:
            with open_store(dry_run=dry_run) as store:
                _report(import_events(store, log.events(), dry_run=dry_run), as_json=as_json)
            return
        if case not in kinds:
            raise typer.BadParameter(f"no object has this type; choose one of {', '.join(kinds)}", param_hint="--case")
        with open_store(dry_run=dry_run) as store:
            traces = log.traces(case, name, prefix or "")
            summary = import_traces(store, traces, options=XesOptions(), skips=Skips(), dry_run=dry_run)
    if as_json:
        print_json(asdict(summary))
    else:
        print_summary(summary)
    if summary.traces_changed:
        raise typer.Exit(1)


@app.command(epilog="Example: runfold import parquet log.parquet")
def parquet(
    file: Annotated[Path, typer.Argument(help="Events in Parquet, of an export or of the archive.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import events that `runfold export --format parquet` or the archive wrote: same streams, versions, ids and data.

    You can run it again, after an interruption: no event is imported twice.
    """
    from runfold.interop.importing import import_events
    from runfold.interop.parquet import read_parquet
    from runfold.interop.xes_source import check_readable

    check_readable(file)
    with open_store(dry_run=dry_run, role="runfold_engine") as store:
        summary = import_events(store, read_parquet(file), dry_run=dry_run)
    _report(summary, as_json=as_json)


def _import(file: Path, read: Callable[[Document], Portable], *, dry_run: bool, as_json: bool) -> None:
    from runfold.interop.documents import read_documents
    from runfold.interop.importing import import_events
    from runfold.interop.xes_source import check_readable

    check_readable(file)
    needed = open_store(dry_run=dry_run, role="runfold_engine")
    with progress(file, shown=not as_json) as on_bytes, needed as store:

        def events() -> Iterator[Portable]:
            return (read(one) for one in read_documents(file, on_bytes))

        summary = import_events(store, events(), dry_run=dry_run)
    _report(summary, as_json=as_json)


def _report(summary: EventsSummary, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(summary))
        return
    facts: dict[str, Any] = {"events read": f"{summary.events_read:,}", "streams": f"{summary.streams:,}"}
    if not summary.dry_run:
        facts["events appended"] = f"{summary.events_appended:,}"
        facts["events repeated"] = f"{summary.events_repeated:,}"
    if summary.events_left_out:
        facts["left out"] = f"{summary.events_left_out:,} events that only runfold appends"
    facts["seconds"] = f"{summary.seconds:.1f}"
    print_facts(facts)

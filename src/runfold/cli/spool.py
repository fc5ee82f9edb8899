"""`runfold spool`: what an emitter kept on this machine while the database was away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runfold.cli._store import open_store
from runfold.cli.output import Json, instant, print_facts, print_json, print_table, print_text, progress_on_stderr

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from runfold.emitter.replay import Sent

app = typer.Typer(help="Spools: what emitters keep while the database is away.", no_args_is_help=True)


def _spool_folder(folder: Path) -> Path:
    from runfold.emitter.contents import is_spool

    if not is_spool(folder):
        raise typer.BadParameter(f"{folder} is not a spool: give the folder of an emitter's `spool`")
    return folder


Folder = Annotated[
    Path, typer.Argument(help="The folder of the emitter's `spool`.", metavar="DIR", callback=_spool_folder)
]
ToThisLog = Annotated[
    bool, typer.Option("--to-this-log", help="Send events of another log, too: this one is the right one for them.")
]


@app.command(epilog="Example: runfold spool show /var/lib/engine/spool")
def show(folder: Folder, as_json: Json = False) -> None:
    """Show what is in a spool, since when, and for which log. The emitter may go on meanwhile.

    Needs no database.
    """
    from runfold.emitter.contents import read_contents

    found = read_contents(folder)
    if as_json:
        print_json(asdict(found))
        return
    print_facts(
        {
            "folder": found.folder,
            "used by": "nobody" if found.used_by is None else f"process {found.used_by}",
            "log": found.log or "not known yet: no database has answered",
            "calls": f"{found.calls:,}",
            "events": f"{found.events:,} of {found.streams:,} streams",
            "bytes": f"{found.bytes:,}",
            "oldest": instant(found.oldest) or "",
            "newest": instant(found.newest) or "",
            "refused": f"{found.refused:,}" + (": see `runfold spool refused`" if found.refused else ""),
            "damaged": ", ".join(found.damaged),
        }
    )


@app.command(epilog="Example: runfold spool send /var/lib/engine/spool --dry-run")
def send(
    folder: Folder,
    to_this_log: ToThisLog = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be sent; send nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Send what is in a spool to the log, in its order, without the engine, which must not run.

    What the log has already is recognized, so it can be run again. What the log refuses for good goes into the
    folder's refused.jsonl, and the exit code is 1.
    """
    from runfold.emitter.contents import read_contents
    from runfold.emitter.replay import Sent
    from runfold.emitter.replay import send as send_all
    from runfold.emitter.spool import Spool

    found = read_contents(folder)
    sent = Sent()
    with open_store() as store:
        log = store.log_identity()
        if dry_run:
            _require_log(folder, found.log if found.calls else None, log, to_this_log=to_this_log)
            sent = Sent(found.calls, found.events, 0, found.bytes)
        else:
            with Spool.open(folder) as spool, _progress(found.bytes, shown=not as_json) as show_bytes:
                spool.bind(log, force=to_this_log)
                for sent in send_all(spool, store):
                    show_bytes(sent.bytes)
    _print_sent(sent, "would be sent" if dry_run else "in the log now", dry_run=dry_run, as_json=as_json)


@app.command(epilog="Example: runfold spool refused /var/lib/engine/spool --resend")
def refused(
    folder: Folder,
    resend: Annotated[
        bool, typer.Option("--resend", help="Offer them again, as they are; those that the log takes now leave.")
    ] = False,
    to_this_log: ToThisLog = False,
    as_json: Json = False,
) -> None:
    """List the events that the log refused for good, with the errors. They are nowhere else.

    With --resend the engine must not run, and the exit code is 1 when some were refused again.
    """
    from runfold.emitter.contents import read_refusals
    from runfold.emitter.replay import Sent, resend_refused
    from runfold.emitter.spool import Spool

    if resend:
        with Spool.open(folder) as spool, open_store() as store:
            _require_log(folder, spool.log, store.log_identity(), to_this_log=to_this_log)
            *_, sent = Sent(), *resend_refused(spool, store)
        _print_sent(sent, "in the log now", dry_run=False, as_json=as_json)
        return
    found = read_refusals(folder)
    if as_json:
        print_json(found)
        return
    print_table(
        [
            {
                "refused at": entry.get("refused_at"),
                "stream": entry.get("stream_id"),
                "type": entry["event"].get("type"),
                "error": entry.get("error", {}).get("message"),
            }
            for entry in found
        ],
        columns=["refused at", "stream", "type", "error"],
        empty="nothing was refused",
    )


def _require_log(folder: Path, spooled: UUID | None, log: UUID, *, to_this_log: bool) -> None:
    from runfold.emitter.spool import elsewhere

    if spooled is not None and spooled != log and not to_this_log:
        raise elsewhere(folder, spooled, log, "give --to-this-log")


def _print_sent(sent: Sent, done: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(sent), "dry_run": dry_run})
    else:
        print_text(f"{sent.events:,} events {done}, {sent.refused:,} refused")
    if sent.refused:
        raise typer.Exit(1)


@contextmanager
def _progress(total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar over the spool's bytes on stderr, because stdout is for the result."""
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with progress_on_stderr(*columns, shown=shown) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


def register(root: typer.Typer) -> None:
    """Add `runfold spool`."""
    root.add_typer(app, name="spool")

"""`runfold tenant`: erase a tenant for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from runfold.cli._connection import Projections, catalogue, open_database
from runfold.cli._opened import open_keys
from runfold.cli.output import Json, instant, print_json, print_table, print_text

if TYPE_CHECKING:
    from runfold.blobs.homes import FolderBlobs
    from runfold.erasure.erasing import Report
    from runfold.keys.keyring import Keyring

app = typer.Typer(help="Tenants: the users to whom streams and rows belong.", no_args_is_help=True)


def _user(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a user's id: give its UUID") from None


@contextmanager
def _keys() -> Iterator[Keyring | None]:
    """Open the keys of tenants, where this process is told where they are; else there are none."""
    from runfold.cli.invocation import settings
    from runfold.keys.opening import are_configured

    if not are_configured(settings()):
        yield None
        return
    with open_keys() as keyring:
        yield keyring


def _blobs() -> FolderBlobs | None:
    """Return the folder of blobs, where this process has one."""
    from runfold.blobs.homes import FolderBlobs
    from runfold.cli.invocation import settings

    folder = settings().blob_folder
    return None if folder is None else FolderBlobs(folder)


@app.command(epilog="Example: runfold tenant erase 7c9e6679-7425-40de-944b-e07fc1f90ae7 --dry-run")
def erase(
    user: Annotated[UUID, typer.Argument(help="The user's id, in full.", parser=_user, metavar="USER")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be erased and what stays readable; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0, help="Give up after so many seconds of waiting.", metavar="SECONDS"),
    ] = None,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Erase a tenant for good: the user, its rows, and its keys. Its streams take no more events.

    The events stay in the log, and what is encrypted in them cannot be opened any more. It waits until a worker has
    removed the rows. Run it again if it is interrupted: each step can be repeated.
    """
    from runfold.erasure.erasing import erase_tenant, require_keys

    if not dry_run and not yes:
        typer.confirm(f"erase the tenant {user} for good?", abort=True)
    chosen = catalogue()
    with open_database(role="runfold_operator") as connection, _keys() as keys:
        if keys is None and not dry_run:
            require_keys(connection, user)
        report = erase_tenant(
            connection,
            chosen,
            user,
            keys=keys,
            blobs=_blobs(),
            dry_run=dry_run,
            timeout=timeout,
            progress=lambda said: print_text(said, err=True),
        )
    if as_json:
        print_json(_plain(report))
    else:
        _print(report)
    if not dry_run and not report.is_erased:
        raise typer.Exit(1)


def _plain(report: Report) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(report), "is_erased": report.is_erased}


def _print(report: Report) -> None:
    if report.dry_run:
        print_text(f"tenant {report.user_id}: {report.streams:,} streams, {report.events:,} events; would be removed:")
        print_table([{"table": name, "rows": rows} for name, rows in report.rows.items()], columns=["table", "rows"])
    elif report.is_erased:
        print_text(
            f"tenant {report.user_id} is erased, at position {report.position:,}, {instant(report.erased_at)} UTC"
        )
        print_text(f"  {sum(report.rows.values()):,} rows of {len(report.rows)} tables were there before")
        if report.keys_destroyed is None:
            print_text("  there are no keys: nothing of this store is encrypted")
        else:
            print_text(f"  {report.keys_destroyed} keys are destroyed")
        if report.blobs_deleted is not None:
            print_text(f"  {report.blobs_deleted:,} blobs of the folder are deleted")
    else:
        print_text(f"tenant {report.user_id} is not erased wholly: rows are left in {', '.join(report.left)}")
    for name in report.unaware:
        rows = (report.rows if report.dry_run else report.left).get(name, 0)
        print_text(f"{name}: its projection does not fold TenantErased, {rows:,} rows of the tenant stay")
    _print_readable(report)


def _print_readable(report: Report) -> None:
    if report.readable:
        print_text("\nstays readable in the log: events whose field is not encrypted")
        print_table(report.readable, columns=["type", "field", "events"])
    if report.quoting_errors:
        print_text(f"{report.quoting_errors} discarded events keep an error text that may quote the tenant")
    print_text("backups from before this stay as they are until they are deleted, and so do exports and copies")


def register(root: typer.Typer) -> None:
    """Add `runfold tenant`."""
    root.add_typer(app, name="tenant")

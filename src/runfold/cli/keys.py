"""`runfold keys`: the keys of tenants, their rotation, and which fields are encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from runfold.cli._connection import open_database
from runfold.cli._opened import open_keys
from runfold.cli.output import Json, print_facts, print_json, print_table, print_text

if TYPE_CHECKING:
    import psycopg

    from runfold.keys.keyring import Keyring

app = typer.Typer(help="Keys of tenants, and which fields are encrypted.", no_args_is_help=True)


@contextmanager
def _opened() -> Iterator[tuple[psycopg.Connection[Any], Keyring]]:
    """Open the database and the keys of its tenants."""
    with open_database(shared=True, role="runfold_operator") as connection, open_keys() as keyring:
        yield connection, keyring


@app.command(epilog="Example: runfold keys status")
def status(as_json: Json = False) -> None:
    """Show where the keys are, how many there are and by which master key, the ledger, and the policies.

    Exit code 1 when a key cannot be read with this process's master keys.
    """
    from runfold.keys.policy import read_policies
    from runfold.keys.status import read_status

    with _opened() as (connection, keyring):
        found = read_status(keyring, read_policies(connection).rows)
    if as_json:
        print_json(found)
    else:
        print_facts(
            {
                "home": found.home,
                "erasure ledger": "none" if found.ledger is None else f"{found.ledger}, {found.erasures:,} erasures",
                "cipher": "AES-256-GCM-SIV" if found.can_encrypt else "missing: cryptography needs OpenSSL 3.2",
                "tenants": f"{found.tenants:,}",
                "keys": f"{found.keys:,}",
                "by the newest master": f"{found.by_newest_master:,}",
                "by an older master": f"{found.by_older_master:,}" + ((found.by_older_master and _ROTATE) or ""),
                "not readable here": f"{found.unreadable:,}",
                "destroyed": f"{found.destroyed:,}",
            }
        )
        print_text("\nencrypted fields")
        print_table(
            [{**policy, "tenant": policy["tenant"] or "every tenant"} for policy in found.policies],
            columns=["tenant", "type", "field"],
            empty="none: see `runfold keys encrypt`",
        )
    if found.unreadable:
        raise typer.Exit(1)


_ROTATE = ": run `runfold keys rotate`"


@app.command(epilog="Example: runfold keys rotate --dry-run")
def rotate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be wrapped again; change nothing.")
    ] = False,
    batch: Annotated[int, typer.Option("--batch", help="Tenants in one step.", min=1, max=10_000)] = 500,
    as_json: Json = False,
) -> None:
    """Wrap the keys of all tenants with the newest master key, the first one of RUNFOLD_MASTER_KEYS.

    Values are not touched. It can be stopped and run again: what is done is done. When it has ended, the older master
    keys can be taken away. Exit code 1 when a key could not be read.
    """
    from runfold.keys.rotation import Rotation
    from runfold.keys.rotation import rotate as rotate_keys

    progress = Rotation()
    with _opened() as (_, keyring):
        for progress in rotate_keys(keyring, dry_run=dry_run, batch=batch):
            if not as_json:
                print_text(f"{progress.keys:,} keys seen, {progress.rewrapped:,} {_done(dry_run)}", err=True)
    if as_json:
        print_json({**asdict(progress), "dry_run": dry_run})
    else:
        print_text(
            f"{progress.rewrapped:,} keys {_done(dry_run)}, {progress.current:,} had the newest master key,"
            f" {progress.destroyed:,} are destroyed, {progress.unreadable:,} cannot be read"
        )
    if progress.unreadable:
        raise typer.Exit(1)


def _done(dry_run: bool) -> str:
    return "would be wrapped again" if dry_run else "wrapped again"


@app.command(epilog="Example: runfold keys encrypt input_data output_data --tenant 6f9c…")
def encrypt(
    fields: Annotated[list[str], typer.Argument(help="Fields, or * for all that may be encrypted.", metavar="FIELD…")],
    event_type: Annotated[str, typer.Option("--type", help="Only in events of this type.", metavar="TYPE")] = "*",
    tenant: Annotated[
        UUID | None, typer.Option("--tenant", help="Only for this tenant; for every tenant without it.", metavar="USER")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Encrypt them no more; what is encrypted stays so.")] = False,
    as_json: Json = False,
) -> None:
    """Encrypt fields of events from now on. Running engines follow within a minute.

    Engines need the keys from then on: without them an append of such a field is refused.
    """
    from runfold.keys.policy import add_policies

    if stop:
        with open_database(role="runfold_operator") as connection:
            changed = add_policies(connection, fields, event_type=event_type, user_id=tenant, remove=True)
    else:
        with _opened() as (connection, _):  # where no key can be opened, no engine could encrypt
            changed = add_policies(connection, fields, event_type=event_type, user_id=tenant)
    if as_json:
        print_json({"fields": fields, "type": event_type, "tenant": tenant, "stop": stop, "changed": changed})
        return
    who = "every tenant" if tenant is None else f"tenant {tenant}"
    where = "" if event_type == "*" else f" of {event_type}"
    what = f"not encrypted any more ({changed} removed)" if stop else f"encrypted from now on ({changed} new)"
    print_text(f"{', '.join(fields)}{where}: {what}, for {who}")


def register(root: typer.Typer) -> None:
    """Add `runfold keys`."""
    root.add_typer(app, name="keys")

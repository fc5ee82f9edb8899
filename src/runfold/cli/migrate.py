"""`runfold migrate`: migrate the database to this runfold's version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from runfold.cli.invocation import settings
from runfold.cli.output import Json, print_json, print_text

if TYPE_CHECKING:
    from runfold.settings import Settings


def migrate(
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing; exit code 1 unless the database is at this runfold's version."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Apply the pending migrations.

    You can run it again after an interruption, and several at once. A migration that fails is rolled back.
    """
    from runfold.database import migrations
    from runfold.database.connections import resolve_url

    chosen = settings()
    url = resolve_url(chosen, create=not check)
    before = migrations.check(url, chosen)
    state = before if check else migrations.migrate(url, chosen)
    pending = [] if state.pending or state.newer else _pending_backfills(url, chosen)
    applied = [version for version in state.applied if version not in before.applied]
    if as_json:
        print_json({"current": state.current, "applied": state.applied, "pending": state.pending,
                    "newer": state.newer, "engines_go_on": state.engines_go_on, "applied_now": applied,
                    "backfills": pending,
                    "vectors": {"applied": state.vectors.applied, "pending": state.vectors.pending,
                                "skipped": state.vectors.skipped}})  # fmt: skip
    elif state.newer:
        what = "its engines go on, its workers wait" if state.engines_go_on else "upgrade runfold"
        print_text(f"newer than this runfold: at version {state.newer[-1]}; {what}")
    elif state.pending:
        print_text(f"{len(state.pending)} migrations pending: {', '.join(state.pending)}; run `runfold migrate`")
    else:
        print_text(f"at version {state.applied[-1]}, {len(applied)} migrations applied now")
    if not as_json and (state.vectors.skipped is not None or state.vectors.pending):
        print_text(f"vectors: {state.vectors.sentence()}")
    if pending and not as_json:
        print_text(f"backfills to run beside everything else: {', '.join(pending)}; run `runfold backfill run`")
    if check and not state.current:
        raise typer.Exit(1)


def _pending_backfills(url: str, chosen: Settings) -> list[str]:
    """Return the names of the backfills that migrations have entered and nobody has run to their end."""
    from runfold.database.backfills import read_backfills
    from runfold.database.connections import connect
    from runfold.errors import PermissionDenied

    with connect(url, chosen, application="runfold migrate", autocommit=True, shared=True) as connection:
        try:
            return [each.name for each in read_backfills(connection) if each.pending]
        except PermissionDenied:
            return []  # any login may look how far the schema is


def register(root: typer.Typer) -> None:
    """Add `runfold migrate`."""
    root.command("migrate", epilog="Example: runfold migrate --check --json")(migrate)

"""`runfold doctor`: what is wrong with the store and its server, and what would make the database faster."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli._connection import open_database
from runfold.cli.invocation import settings
from runfold.cli.output import Json, print_json, print_table, print_text

if TYPE_CHECKING:
    from runfold.health.doctor import Report

NOT_CHECKED = 3
"""The exit code where nothing is wrong as far as could be looked at, and something could not."""

Names = Annotated[
    list[str] | None, typer.Option("--check", help="Make only this check; may be given again.", metavar="CHECK")
]
Skipped = Annotated[
    list[str] | None, typer.Option("--skip", help="Do not make this check; may be given again.", metavar="CHECK")
]
Spools = Annotated[
    list[Path] | None,
    typer.Option("--spool", help="Look into this spool of an engine, too; may be given again.", metavar="DIR"),
]


def doctor(
    check: Names = None,
    skip: Skipped = None,
    after_restore: Annotated[
        bool,
        typer.Option("--after-restore", help="List what a restore leaves ahead of the log, and what to do with each."),
    ] = False,
    spool: Spools = None,
    advise: Annotated[
        bool, typer.Option("--advise", help="Look for indexes, statistics and settings to change instead.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Run the harmless statements of --advise: statistics and autovacuum.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at the store and its server, and say what is wrong, where, and what to do. Nothing is changed.

    The exit code is 1 for an error or a warning, 3 where something could not be checked, and 0 otherwise. With
    `--advise` it looks for what would make the database faster, and prints statements; no index is ever made or
    dropped.
    """
    if advise or apply:
        if check or skip or after_restore or spool:
            raise typer.BadParameter("--advise looks for something else: give it without the options of checks")
        _advise(apply=apply, as_json=as_json)
        return
    _examine(check or [], skip or [], spool or [], after_restore=after_restore, as_json=as_json)


def _examine(only: list[str], skip: list[str], spools: list[Path], *, after_restore: bool, as_json: bool) -> None:
    """Make the checks, print what they found, and exit by it."""
    from runfold.database.connections import connect, mapped_errors, resolve_url
    from runfold.emitter.contents import is_spool, read_contents
    from runfold.health.doctor import examine, patient
    from runfold.health.doctor_list import checks

    known = {each.name for each in checks()}
    for name in (*only, *skip):
        if name not in known:
            raise typer.BadParameter(f"there is no check {name}{_near(name, known)}")
    for folder in spools:
        if not is_spool(folder):
            raise typer.BadParameter(f"{folder} is not a spool: give the folder of an emitter's `spool`")
    contents = [read_contents(folder) for folder in spools]
    chosen = settings()
    url = resolve_url(chosen, create=False)
    # A database that is not migrated is a finding, so the version is not asked for here.
    with (
        mapped_errors("runfold_operator", url=url),
        connect(url, chosen, application="runfold doctor", autocommit=True, shared=True) as connection,
    ):
        found = examine(patient(connection, chosen, spools=contents), only=only, skip=skip, after_restore=after_restore)
    if as_json:
        print_json({"healthy": found.healthy, **asdict(found)})
    else:
        _print(found)
    if not found.healthy:
        raise typer.Exit(1 if found.ill else NOT_CHECKED)


def _print(found: Report) -> None:
    for each in found.findings:
        print_text(f"{each.severity}: {each.check}: {each.object}")
        print_text(f"  {each.problem}")
        print_text(f"  do: {each.remedy}")
        print_text(f"  see: {each.page}")
    for name, reason in found.not_checked.items():
        print_text(f"not checked: {name}: {reason}")
    counted = {severity: sum(each.severity == severity for each in found.findings) for severity in _WORDS}
    said = [f"{count} {_WORDS[severity][count != 1]}" for severity, count in counted.items() if count]
    left = f"; {len(found.not_checked)} could not be made" if found.not_checked else ""
    print_text(f"{len(found.checked)} checks made: {', '.join(said) or 'nothing is wrong'}{left}")


_WORDS = {
    "error": ("error", "errors"),
    "warning": ("warning", "warnings"),
    "advice": ("piece of advice", "pieces of advice"),
}


def _near(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, sorted(known), n=1)
    return f": do you mean {close[0]}?" if close else ": docs/reference/doctor.md lists them"


def _advise(*, apply: bool, as_json: bool) -> None:
    """Print what would make the database faster, and run what is harmless when that is asked for."""
    from runfold.reading.advice import apply_advice, read_advice

    with open_database() as connection:
        found = read_advice(connection)
        applied: list[Any] = list(apply_advice(connection, found)) if apply else []
    if as_json:
        print_json([{**asdict(each), "applied": each in applied} for each in found])
        return
    if not found:
        print_text("nothing to advise")
        return
    print_table(
        [{"kind": each.kind, "object": each.object, "reason": each.reason} for each in found],
        columns=["kind", "object", "reason"],
    )
    print_text()
    for each in found:
        if each.statement is not None:
            print_text(f"{each.statement};{'  -- done' if each in applied else ''}")


def register(root: typer.Typer) -> None:
    """Add `runfold doctor`."""
    root.command("doctor", epilog="Example: runfold doctor --json")(doctor)

"""`runfold schema`: the shapes of events, for other languages."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from runfold.cli.output import print_json, print_text

app = typer.Typer(help="The shapes of events, for other languages.", no_args_is_help=True)


class Format(StrEnum):
    """What is exported."""

    JSON_SCHEMA = "json-schema"
    TYPESCRIPT = "typescript"


@app.callback()
def schema() -> None:
    """The shapes of events, for other languages."""


@app.command(epilog="Example: runfold schema export --format typescript --out src/generated")
def export(
    format: Annotated[  # noqa: A002  the option's name
        Format | None, typer.Option("--format", help="json-schema or typescript; both with --out, if it is left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder to write to; without it, standard output.", metavar="DIR")
    ] = None,
) -> None:
    """Export the events' shapes as a JSON Schema or as TypeScript. No database is needed."""
    from runfold.errors import ExportFailed
    from runfold.events.json_schema import events_schema
    from runfold.events.shapes import FILES

    if out is None:
        if format is Format.TYPESCRIPT:
            print_text(FILES["typescript"].text().rstrip("\n"))
        else:
            print_json(events_schema())
        return
    for name, file in FILES.items():
        if format is None or name == format:
            path = out / file.name
            try:
                out.mkdir(parents=True, exist_ok=True)
                path.write_text(file.text(), encoding="utf-8")
            except OSError as refused:
                raise ExportFailed(
                    f"{path} cannot be written: {refused.strerror or refused}", hint="choose another folder"
                ) from refused
            print_text(str(path))


def register(root: typer.Typer) -> None:
    """Add `runfold schema`."""
    root.add_typer(app, name="schema")

"""The options `--archived` of commands that read or fold the log, and `--archive`, the folder of the archive."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from runfold.cli.invocation import settings


class WhatIsArchived(StrEnum):
    """What a command does with events that are archived."""

    SKIP = "skip"


Archived = Annotated[
    WhatIsArchived | None,
    typer.Option(
        "--archived", help="Leave out events that are archived; without it the command refuses to begin below them."
    ),
]

WithArchived = Annotated[
    bool, typer.Option("--archived", help="Fold what is archived as well, from the files of the archive.")
]
ArchiveFolder = Annotated[
    Path | None,
    typer.Option(
        "--archive",
        help="The folder of the archive.",
        metavar="FOLDER",
        show_default="RUNFOLD_ARCHIVE",
    ),
]


def archive_folder(given: Path | None, *, is_there: bool = False) -> Path:
    """Return the folder of the archive that is given or in RUNFOLD_ARCHIVE.

    Raises a usage error for none, and for one that has to be there and is not.
    """
    found = given or settings().archive
    if found is None:
        raise typer.BadParameter("name the folder of the archive, or set RUNFOLD_ARCHIVE", param_hint="--archive")
    if is_there and not found.is_dir():
        raise typer.BadParameter(
            f"{found} is not a folder: name another, or set RUNFOLD_ARCHIVE", param_hint="--archive"
        )
    return found

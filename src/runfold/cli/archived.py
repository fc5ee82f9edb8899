"""The options `--archived` of commands that read or fold the log."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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
        help="The folder of the archive, with --archived.",
        metavar="FOLDER",
        show_default="RUNFOLD_ARCHIVE",
    ),
]


def archive_folder(given: Path | None) -> Path:
    """Return the folder of the archive that is given or in RUNFOLD_ARCHIVE; raises a usage error for none."""
    found = given or Path(os.environ.get("RUNFOLD_ARCHIVE", ""))
    if found == Path() or not found.is_dir():
        wrong = "there is no folder of the archive" if found == Path() else f"{found} is not a folder"
        raise typer.BadParameter(f"{wrong}: name it, or set RUNFOLD_ARCHIVE to it", param_hint="--archive")
    return found

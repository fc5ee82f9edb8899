"""The option `--archived skip` of commands that read the log from a position on."""

from __future__ import annotations

from enum import StrEnum
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

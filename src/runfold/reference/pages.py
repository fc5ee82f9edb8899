"""Generate all pages of the reference, and find those that are stale."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

import runfold
from runfold.events.shapes import FILES
from runfold.projections.definition.catalogue import load_catalogue
from runfold.reference.catalog import read_catalog
from runfold.reference.commands import cli_page
from runfold.reference.doctor import doctor_page
from runfold.reference.errors import errors_page
from runfold.reference.events import events_page
from runfold.reference.functions import functions_page
from runfold.reference.metrics import metrics_page
from runfold.reference.tables import tables_page

FOLDER = Path(runfold.__file__).parents[2] / "docs" / "reference"
"""The folder of the pages in the source tree."""


def pages(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the text of every page, and of the files for other languages, by name, from the code and a database."""
    catalog = read_catalog(connection)
    projections = load_catalogue()
    return {
        "events.md": events_page(projections),
        "read-tables.md": tables_page(catalog, projections),
        "sql.md": functions_page(catalog),
        "cli.md": cli_page(),
        "errors.md": errors_page(),
        "doctor.md": doctor_page(),
        "metrics.md": metrics_page(),
        **{file.name: file.text() for file in FILES.values()},
    }


def stale(made: Mapping[str, str], folder: Path) -> list[str]:
    """Return the names of the pages that are missing in the folder, or differ."""
    return [
        name
        for name, text in made.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]

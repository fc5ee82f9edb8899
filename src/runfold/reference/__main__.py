"""`python -m runfold.reference --write|--check [--url URL]`: write or check docs/reference and the tables' modules."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from runfold.database.migrations import migrate
from runfold.database.server import EmbeddedServer
from runfold.reference import modules as tables
from runfold.reference.catalog import read_catalog
from runfold.reference.pages import FOLDER, pages, stale
from runfold.settings import load_settings


@contextmanager
def _migrated(url: str | None) -> Iterator[str]:
    """Yield the URL, or that of a temporary embedded server with a migrated database."""
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="runfold-reference-") as folder:
        server = EmbeddedServer(Path(folder) / "home", load_settings().binaries)
        try:
            started = server.start()
            migrate(started)
            yield started
        finally:
            server.stop("immediate")


def main() -> None:
    """Write the pages and modules, or fail if one differs from the code or from the migrated database."""
    parser = argparse.ArgumentParser(prog="python -m runfold.reference", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write them")
    action.add_argument("--check", action="store_true", help="exit code 1 when one is stale")
    parser.add_argument("--url", help="a migrated database; an embedded one is started without it")
    parser.add_argument("--to", type=Path, default=FOLDER, help="the folder of the pages")
    arguments = parser.parse_args()
    with _migrated(arguments.url) as url, psycopg.connect(url, autocommit=True) as connection:
        made = [(arguments.to, pages(connection)), (tables.FOLDER, tables.modules(read_catalog(connection)))]
    for folder, files in made:
        if arguments.write:
            for name, text in files.items():
                (folder / name).write_text(text, encoding="utf-8")
        elif names := stale(files, folder):
            sys.exit(f"stale: {', '.join(names)}: run `python -m runfold.reference --write`")


if __name__ == "__main__":
    main()

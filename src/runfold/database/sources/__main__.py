"""`python -m runfold.database.sources`: write the next migration, or the first one."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from runfold.database.migrations import migrations, write_checksums
from runfold.database.sources.compare import catalogue_of_migrations, catalogue_of_sources, scratch_server
from runfold.database.sources.files import read_sources
from runfold.database.sources.migration import LIMITS, migration_between
from runfold.settings import migrations_dir

BASELINE = "create_schema"


def write_migration(name: str, server_url: str, folder: Path) -> str:
    """Write the next migration of the folder from the changes of the sources, and return a sentence about it."""
    sources = read_sources(folder.parent)
    written = migration_between(
        catalogue_of_migrations(server_url, folder), catalogue_of_sources(server_url, sources), sources
    )
    if not written:
        return "nothing changed: no migration is written"
    path = folder / f"{_next_version(folder)}_{name}.sql"
    path.write_text(written.text(), encoding="utf-8")
    write_checksums(folder)
    said = [f"wrote {path.name}"]
    if written.by_hand:
        said.append(f"{len(written.by_hand)} changes are for you to write, see `by hand` there; then `make checksums`")
    return "\n".join(said)


def write_baseline(folder: Path) -> str:
    """Replace all migrations by one that creates everything; only before a release."""
    found = migrations(folder)
    path = folder / f"{found[-1].version}_{BASELINE}.sql"
    for migration in found:
        migration.path.unlink()
    statements = read_sources(folder.parent).statements()
    path.write_text(f"-- migrate:up\n\n{LIMITS}\n\n{statements}\n-- migrate:down\n", encoding="utf-8")
    write_checksums(folder)
    return f"wrote {path.name}"


def _next_version(folder: Path) -> str:
    newest = migrations(folder)[-1].version
    return max(datetime.now(UTC).strftime("%Y%m%d%H%M%S"), str(int(newest) + 1))


def main() -> None:
    """Write a migration."""
    parser = argparse.ArgumentParser(prog="python -m runfold.database.sources", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--migration", metavar="NAME", help="write the next migration, as verb_object")
    action.add_argument("--baseline", action="store_true", help="write one migration in place of all; before a release")
    parser.add_argument("--url", help="a server to make two databases on; an embedded one is started without it")
    arguments = parser.parse_args()
    folder = migrations_dir()
    if arguments.baseline:
        sys.stdout.write(write_baseline(folder) + "\n")
        return
    if not re.fullmatch(r"[a-z0-9_]+", arguments.migration):
        parser.error(f"{arguments.migration!r} is not a name: write verb_object, in small letters")
    if arguments.url:
        sys.stdout.write(write_migration(arguments.migration, arguments.url, folder) + "\n")
        return
    with scratch_server() as url:
        sys.stdout.write(write_migration(arguments.migration, url, folder) + "\n")


if __name__ == "__main__":
    main()

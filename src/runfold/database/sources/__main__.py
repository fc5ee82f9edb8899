"""`python -m runfold.database.sources`: write the next migration, or the first one."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from runfold.database.compatibility import declared
from runfold.database.migrations import migrations, write_checksums
from runfold.database.sources.compare import (
    catalogue_of_migrations,
    catalogue_of_sources,
    has_pgvector,
    scratch_server,
)
from runfold.database.sources.files import Sources, read_sources
from runfold.database.sources.migration import LIMITS, Migration, migration_between
from runfold.database.vector_migrations import VECTORS
from runfold.settings import migrations_dir

BASELINE = "create_schema"
VECTOR_BASELINE = "create_vectors"


def write_migration(name: str, server_url: str, folder: Path) -> str:
    """Write the next migration of the folder, and that for vectors, from the changes of the sources; say what it wrote.

    Those for vectors are compared where the server has pgvector, and where the others are the sources already.
    """
    sources, vectors = read_sources(folder.parent), read_sources(folder.parent / VECTORS)
    migrated = catalogue_of_migrations(server_url, folder, vectors=False)
    written = migration_between(migrated, catalogue_of_sources(server_url, sources), sources)
    said = _write(written, name, folder)
    if not written.by_hand and has_pgvector(server_url):
        migrated = catalogue_of_migrations(server_url, folder)
        written = migration_between(migrated, catalogue_of_sources(server_url, sources, vectors), vectors)
        said += _write(written, name, folder, VECTORS)
    return "\n".join(said) or "nothing changed: no migration is written"


def _write(written: Migration, name: str, folder: Path, part: str = "") -> list[str]:
    if not written:
        return []
    version, before = _next_version(folder / part), migrations(folder / part)[-1]
    path = folder / part / f"{version}_{name}.sql"
    since = declared(before.path.read_text(encoding="utf-8")) or before.version
    path.write_text(written.text(version, since), encoding="utf-8")
    write_checksums(folder)
    said = [f"wrote {path.relative_to(folder)}"]
    if written.by_hand:
        said.append(f"{len(written.by_hand)} changes are for you to write, see `by hand` there; then `make checksums`")
    return said


def write_baseline(folder: Path) -> str:
    """Replace all migrations by one that creates everything; only before a release."""
    path = _in_one(folder, BASELINE, read_sources(folder.parent))
    vectors = _in_one(folder / VECTORS, VECTOR_BASELINE, read_sources(folder.parent / VECTORS))
    write_checksums(folder)
    return f"wrote {path.name} and {vectors.name}"


def _in_one(folder: Path, name: str, sources: Sources) -> Path:
    found = migrations(folder)
    path = folder / f"{found[-1].version}_{name}.sql"
    for migration in found:
        migration.path.unlink()
    path.write_text(f"-- migrate:up\n\n{LIMITS}\n\n{sources.statements()}\n-- migrate:down\n", encoding="utf-8")
    return path


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

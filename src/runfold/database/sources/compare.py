"""Make a migrated database and one from the sources on one server, and read both."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runfold.database.migrations import migrate
from runfold.database.server import EmbeddedServer
from runfold.database.sources.catalogue import Catalogue, read_catalogue
from runfold.database.sources.files import Sources
from runfold.runtime_sql import runtime_sql
from runfold.settings import load_settings

_database_sql = runtime_sql("runfold.database")


@contextmanager
def scratch_server() -> Iterator[str]:
    """Run a temporary embedded server and yield its URL."""
    with tempfile.TemporaryDirectory(prefix="runfold-sources-") as folder:
        server = EmbeddedServer(Path(folder) / "home", load_settings().binaries)
        try:
            yield server.start()
        finally:
            server.stop("immediate")


def catalogue_of_sources(server_url: str, *sources: Sources) -> Catalogue:
    """Make a database from the sources, each in a transaction, and return its catalogue."""
    with _database(server_url) as url, psycopg.connect(url, autocommit=True) as connection:
        for each in sources:
            connection.execute(each.statements().encode())
        return read_catalogue(connection)


def catalogue_of_migrations(server_url: str, folder: Path, *, vectors: bool = True) -> Catalogue:
    """Migrate a new database by the files of a folder and return its catalogue; `vectors`: those for pgvector too."""
    with _database(server_url) as url:
        migrate(url, folder=folder, vectors=vectors)
        with psycopg.connect(url, autocommit=True) as connection:
            return read_catalogue(connection)


def has_pgvector(server_url: str) -> bool:
    """Return whether the server has pgvector."""
    with psycopg.connect(server_url) as connection:
        row = connection.execute(_database_sql("vectors_state")).fetchone()
        return row is not None and row[1] is not None


@contextmanager
def _database(server_url: str) -> Iterator[str]:
    name = f"runfold_sources_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield make_conninfo("", **{**conninfo_to_dict(server_url), "dbname": name})
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

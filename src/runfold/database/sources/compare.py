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
from runfold.settings import load_settings


@contextmanager
def scratch_server() -> Iterator[str]:
    """Run a temporary embedded server and yield its URL."""
    with tempfile.TemporaryDirectory(prefix="runfold-sources-") as folder:
        server = EmbeddedServer(Path(folder) / "home", load_settings().binaries)
        try:
            yield server.start()
        finally:
            server.stop("immediate")


def catalogue_of_sources(server_url: str, sources: Sources) -> Catalogue:
    """Make a database from the sources and return its catalogue."""
    with _database(server_url) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sources.statements().encode())
        return read_catalogue(connection)


def catalogue_of_migrations(server_url: str, folder: Path) -> Catalogue:
    """Migrate a new database by the files of a folder and return its catalogue."""
    with _database(server_url) as url:
        migrate(url, folder=folder)
        with psycopg.connect(url, autocommit=True) as connection:
            return read_catalogue(connection)


@contextmanager
def _database(server_url: str) -> Iterator[str]:
    name = f"runfold_sources_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield make_conninfo("", **{**conninfo_to_dict(server_url), "dbname": name})
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

"""The server of a bench, its databases, and the command line."""

from __future__ import annotations

import argparse
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from runfold.database.migrations import migrate
from runfold.database.server import EmbeddedServer

REPOSITORY = Path(__file__).parents[1]
REAL_LOG = REPOSITORY.parent / "shared" / "data" / "bpic2012.xes.gz"


def options(description: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """Return the options of every bench."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--url", help="a superuser's URL of another server; a private one is started without it")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"rounds to take medians of (default {rounds})")
    parser.add_argument("--quick", action="store_true", help="a smaller run, to see whether it works")
    return parser


class Server:
    """Creates databases on a server, and drops them again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: list[str] = []

    def create(self, *, template: str | None = None, migrated: bool = False) -> str:
        """Return a new database's URL: empty, migrated, or a copy of another one (its URL) that nobody uses."""
        name = f"runfold_bench_{secrets.token_hex(4)}"
        source = _database(template) if template else "template0"
        with psycopg.connect(self.url, autocommit=True) as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(source)))
            # What the copy wrote must not be written back in the middle of a measurement.
            connection.execute("CHECKPOINT")
        url = urlsplit(self.url)._replace(path=f"/{name}").geturl()
        self._made.append(url)
        if migrated:
            migrate(url)
        return url

    def drop(self, url: str) -> None:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_database(url)))
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)
        self._made.remove(url)

    def keep(self, url: str) -> None:
        """Leave a database when the bench ends."""
        self._made.remove(url)

    def drop_all(self) -> None:
        for url in list(self._made):
            self.drop(url)


@contextmanager
def server(url: str | None) -> Iterator[Server]:
    """The server at the URL, or a private one with default settings and fsync, which is removed at the end."""
    if url is not None:
        given = Server(url)
        try:
            yield given
        finally:
            given.drop_all()
        return
    home = Path(tempfile.mkdtemp(prefix="runfold-bench-"))
    embedded = EmbeddedServer(home)
    try:
        yield Server(embedded.start())
    finally:
        embedded.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)


def number(connection: psycopg.Connection[Any], statement: str) -> int:
    """Return the one number of a statement."""
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


def command(url: str, *arguments: str) -> list[str]:
    """Return the command line of `runfold` on a database."""
    return [sys.executable, "-m", "runfold", "--url", url, *arguments]


def run(url: str, *arguments: str) -> None:
    """Run `runfold` on a database; fail with its output if it fails."""
    done = subprocess.run(command(url, *arguments), check=False, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"runfold {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")


def _database(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")

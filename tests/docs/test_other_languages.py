"""The programs of the pages on other languages do what the pages say, with real drivers on a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.docs.pages import DOCS, Block, blocks
from tests.fixtures.processes import worker

NODE, GO, PSQL = (DOCS / "how-to" / f"use-from-{name}.md" for name in ("node", "go", "psql"))
GO_SOURCES = Path("/usr/share/gocode")
"""Where Debian's golang-github-lib-pq-dev puts the driver, so that no proxy is asked."""

pytestmark = pytest.mark.large


def uri(url: str) -> str:
    """Return a connection string as an address, the form that every driver reads."""
    parts = conninfo_to_dict(url)
    password = f":{parts['password']}" if parts.get("password") else ""
    return f"postgresql://{parts['user']}{password}@{parts['host']}:{parts['port']}/{parts['dbname']}?sslmode=disable"


def run(folder: Path, url: str, *command: str, **more: str) -> str:
    environment = {**os.environ, **more, "RUNFOLD_DATABASE_URL": uri(url)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


def printed(page: Path) -> str:
    """Return what a page says that its program prints."""
    return blocks(page, "text")[-1].text


@pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is not installed")
def test_the_program_for_node_prints_what_the_page_says(database_url: str, tmp_path: Path) -> None:
    (program,) = blocks(NODE, "js")
    (tmp_path / "program.js").write_text(program.text)
    subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", "pg@8"], cwd=tmp_path, check=True)
    with worker(database_url):
        assert run(tmp_path, database_url, "node", "program.js") == printed(NODE)


@pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is not installed")
def test_without_the_parser_node_gets_texts(database_url: str, tmp_path: Path) -> None:
    subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", "pg@8"], cwd=tmp_path, check=True)
    (tmp_path / "one.js").write_text(
        'const { Client } = require("pg"); (async () => { const c = new Client(process.env.RUNFOLD_DATABASE_URL);'
        'await c.connect(); const r = await c.query("SELECT 9007199254740993::bigint AS n");'
        "console.log(typeof r.rows[0].n, r.rows[0].n); await c.end(); })();"
    )
    assert run(tmp_path, database_url, "node", "one.js") == "string 9007199254740993\n"


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
@pytest.mark.skipif(not (GO_SOURCES / "src/github.com/lib/pq").is_dir(), reason="Go's driver lib/pq is not installed")
def test_the_program_for_go_prints_what_the_page_says(database_url: str, tmp_path: Path) -> None:
    (program,) = blocks(GO, "go")
    (tmp_path / "main.go").write_text(program.text)
    places = {"GOPATH": str(GO_SOURCES), "GO111MODULE": "off", "GOCACHE": str(tmp_path / "cache")}
    assert run(tmp_path, database_url, "gofmt", "-l", "main.go") == ""
    with worker(database_url):
        assert run(tmp_path, database_url, "go", "run", "main.go", **places) == printed(GO)


def psql_cases() -> list[tuple[Block, str]]:
    """Each block of shell on the page, with what the page says it prints; the next block of text is its output."""
    both = blocks(PSQL, "bash", "text")
    return [(one, then.text) for one, then in pairwise(both) if one.language == "bash"]


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_the_blocks_for_psql_print_what_the_page_says(database_url: str, tmp_path: Path) -> None:
    with worker(database_url):
        for block, expected in psql_cases():
            assert run(tmp_path, database_url, "bash", "-euc", block.text) == expected, str(block)
    assert len(psql_cases()) == 4
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (1,)

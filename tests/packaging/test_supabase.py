"""The Supabase CLI from npm applies the migrations, and its advisors find nothing that has no reason."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runfold.database.migrations import migrate
from runfold.settings import migrations_dir
from tests.cli.running import run as run_command
from tests.fixtures.databases import create_database, drop_database

pytestmark = [pytest.mark.large, pytest.mark.process, pytest.mark.database]

CLI = "supabase@3.1"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the CLI and a project of its own that has runfold's migrations, as the page about Supabase says."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("supabase")
    (folder / "package.json").write_text('{"private": true}')
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", CLI], cwd=folder, check=True, capture_output=True)
    supabase(folder, "init")
    (folder / "supabase" / "migrations").mkdir()
    for path in (*migrations_dir().glob("*.sql"), *(migrations_dir() / "vectors").glob("*.sql")):
        shutil.copy(path, folder / "supabase" / "migrations")
    return folder


@pytest.fixture
def empty(server_url: str) -> Iterator[str]:
    url = create_database(server_url)
    try:
        yield url
    finally:
        drop_database(server_url, url)


def supabase(folder: Path, *words: str, code: int = 0) -> str:
    """Run the CLI in a folder, and return what it printed."""
    done = subprocess.run(
        [folder / "node_modules" / ".bin" / "supabase", "--yes", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "DO_NOT_TRACK": "1", "HOME": str(folder)},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def remote(url: str) -> str:
    return f"--remote={url}?sslmode=disable"


def test_what_the_cli_pushes_is_what_runfold_migrates_and_each_sees_the_others_work(project: Path, empty: str) -> None:
    supabase(project, "db", "push", remote(empty))
    assert run_command(empty, "migrate", "--check").returncode == 0
    assert "up to date" in supabase(project, "db", "push", remote(empty))


def test_the_cli_has_nothing_to_push_after_runfold_migrated(project: Path, empty: str) -> None:
    migrate(empty)
    assert "up to date" in supabase(project, "db", "push", remote(empty))


# Such a function runs with its caller's rights, and is called in each append or fold: with a search path of its own it
# could not be inlined. Functions that set theirs call it.
INVOKERS = """
SELECT n.nspname || '.' || p.proname
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE NOT p.prosecdef
"""


def advice(project: Path, url: str) -> list[str]:
    """Return what the advisors find; that nothing has used an index yet is left out."""
    said = json.loads(supabase(project, "db", "advisors", remote(url), "--level", "info", "--output-format", "json"))
    with psycopg.connect(url) as connection:
        allowed = {f"Function `{name}` has a role mutable search_path" for (name,) in connection.execute(INVOKERS)}
    return sorted(
        f"{one['name']}: {one['detail']}"
        for one in said["results"]
        if one["name"] != "unused_index" and one["detail"] not in allowed
    )


def test_the_advisors_find_nothing_in_a_migrated_database(project: Path, empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA extensions")  # as on Supabase, where extensions are not in public
    migrate(empty)
    assert advice(project, empty) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "CREATE TABLE public.open (id integer PRIMARY KEY); GRANT ALL ON public.open TO anon",
            "rls_disabled_in_public",
        ),
        ("ALTER FUNCTION runfold.head_holders() RESET search_path", "function_search_path_mutable"),
        ("CREATE INDEX twice ON public.workflows (user_id)", "duplicate_index"),
        ("CREATE TABLE public.child (s uuid REFERENCES public.sessions (id))", "unindexed_foreign_keys"),
    ],
)
def test_control_the_advisors_see_what_is_planted(project: Path, empty: str, change: str, found: str) -> None:
    migrate(empty)
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(change)  # type: ignore[call-overload]
    assert any(one.startswith(f"{found}:") for one in advice(project, empty))

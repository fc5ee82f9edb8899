"""A linter of migrations finds nothing in them that has no reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runfold.database.migrations import migrations

pytestmark = pytest.mark.process

# Rules that are not followed, with the reason.
EXCLUDED = {
    "prefer-robust-stmts": "a migration is one transaction: one that fails leaves nothing to be run again over",
    "require-concurrent-index-creation": "impossible in a transaction; who waits for the migrator would deadlock",
    "prefer-text-field": "the tables have the types of their specification",
    "prefer-bigint-over-int": "the same; what counts without end is a bigint",
}


def found(path: Path) -> set[str]:
    """Return the names of the rules that a migration breaks."""
    squawk = Path(sys.executable).parent / "squawk"
    done = subprocess.run(
        [squawk, "--reporter", "json", "--assume-in-transaction", "--exclude", ",".join(EXCLUDED), path],
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr
    return {one["rule_name"] for one in json.loads(done.stdout)}


@pytest.mark.parametrize("path", [one.path for one in migrations()], ids=lambda path: path.stem)
def test_the_linter_finds_nothing_in_a_migration(path: Path) -> None:
    # The first migration creates the tables, so that a column with a value rewrites no row of them.
    allowed = {"adding-field-with-default"} if path == migrations()[0].path else set()
    assert found(path) <= allowed


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE public.workflows ADD COLUMN more integer NOT NULL;", "adding-required-field"),
        ("ALTER TABLE public.workflows RENAME COLUMN name TO title;", "renaming-column"),
        ("ALTER TABLE public.workflows ALTER COLUMN name TYPE text;", "changing-column-type"),
        ("ALTER TABLE public.nodes ADD CONSTRAINT c CHECK (max_retries >= 0);", "constraint-missing-not-valid"),
    ],
)
def test_control_the_linter_sees_a_statement_that_stops_everybody(tmp_path: Path, statement: str, rule: str) -> None:
    path = tmp_path / "20270101000000_change.sql"
    limits = "SET LOCAL lock_timeout = '5s';\nSET LOCAL statement_timeout = '10min';"
    path.write_text(f"-- migrate:up\n{limits}\n{statement}\n-- migrate:down\n")
    assert rule in found(path)


def test_control_a_migration_that_may_wait_for_ever_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "20270101000000_change.sql"
    path.write_text("-- migrate:up\nALTER TABLE public.nodes ADD COLUMN more integer;\n-- migrate:down\n")
    assert found(path) == {"require-lock-timeout", "require-statement-timeout"}

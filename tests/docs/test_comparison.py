"""The scripts of the comparison run, as far as the compared software is installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

SCRIPTS = {
    "with_runfold.py": ("runfold", "dashboard: SUCCESS 1"),
    "with_eventsourcing.py": ("eventsourcing", "dashboard: SUCCESS 1"),
    "with_dbos.py": ("dbos", "dashboard: SUCCESS 2"),
    "with_procrastinate.py": ("procrastinate", "dashboard: succeeded 2 1"),
}


def test_every_script_is_tested() -> None:
    assert {path.name for path in (DOCS / "comparison").glob("*.py")} == set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_of_the_comparison_does_its_work(name: str, empty_database_url: str, tmp_path: Path) -> None:
    package, expected = SCRIPTS[name]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: see docs/comparison.md")
    ran = subprocess.run(
        [sys.executable, DOCS / "comparison" / name],
        cwd=tmp_path,
        env={**os.environ, "DATABASE_URL": empty_database_url},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert expected in ran.stdout.splitlines()
    if name in ("with_runfold.py", "with_eventsourcing.py"):
        assert ran.stdout.startswith("conflict: ")

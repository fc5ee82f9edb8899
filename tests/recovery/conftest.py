"""Fixtures: machines whose servers are stopped at the end."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.evidence import evidence
from tests.recovery.machine import Machine

__all__ = ["evidence"]


@pytest.fixture
def machine(postgres_bin: Path, servers_folder: Path) -> Iterator[Machine]:
    """A machine without a server yet."""
    folder = Path(tempfile.mkdtemp(prefix="machine-", dir=servers_folder))
    folder.chmod(0o755)
    made = Machine(folder, postgres_bin)
    try:
        yield made
    finally:
        for pid_file in folder.glob("*/postmaster.pid"):
            with contextlib.suppress(AssertionError):
                made.run(f"pg_ctl stop -w -m immediate -D {pid_file.parent}")
        shutil.rmtree(folder, ignore_errors=True)

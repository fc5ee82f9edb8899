"""A log whose segments are small, and what a test of the archive asks of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.archive.segments import Segmented
from tests.fixtures.logs import Log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Segmented:
    """A log in segments of 100 positions."""
    return Segmented(Log(connection), 100)

"""ARCHITECTURE.md lists the rooms of the import test."""

from __future__ import annotations

from pathlib import Path

import pytest

import runfold
from tests.rooms import DOORS, FLOORS, PAGE, TOOLS, with_table

PACKAGE = Path(runfold.__file__).parent


def rooms_of(package: Path) -> set[str]:
    """Return the modules and folders directly in a package that have code."""
    modules = {path.stem for path in package.glob("*.py")}
    return modules | {path.name for path in package.iterdir() if path.is_dir() and any(path.rglob("*.py"))}


def test_the_table_of_rooms_is_not_stale() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "run `make docs`"


def test_every_room_has_a_floor_and_a_promise() -> None:
    named = {room.partition("/")[0] for rooms in FLOORS for room in rooms}
    assert rooms_of(PACKAGE) == named | DOORS | TOOLS
    assert all(promise.endswith(".") for rooms in FLOORS for promise in rooms.values())


def test_a_stale_table_is_noticed(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8").replace("| `worker` |", "| `daemon` |")
    assert page != with_table(page)
    with pytest.raises(ValueError, match="0 times"):
        with_table("# A page without markers\n")
    (tmp_path / "attic").mkdir()
    (tmp_path / "attic" / "box.py").touch()
    assert rooms_of(tmp_path) == {"attic"}

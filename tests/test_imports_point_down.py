"""Imports point down: a floor of the package imports the floors below it, never one above."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import runfold
from tests.rooms import DOORS, FLOORS

PACKAGE = Path(runfold.__file__).parent


def _floor(room: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"runfold.{room} is on no floor: name it in tests/rooms.py")


def _imported_rooms(source: str) -> set[str]:
    """The rooms of runfold that a module imports, imports inside functions included; type-checking ones are not."""
    rooms: set[str] = set()
    tree = ast.parse(source)
    typing_only = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module] if node.module != "runfold" else [f"runfold.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "runfold" and len(parts) > 1:
                rooms.add(parts[1])
    return rooms


def _breaches(room: str, imported: set[str]) -> set[str]:
    return {other for other in imported if other != room and _floor(other) >= _floor(room)}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in DOORS:
        return
    # The door's own names (`from runfold import connect`) are above every floor.
    rooms = _imported_rooms(path.read_text())
    imported = {name for name in rooms if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}
    assert not _breaches(room, imported), f"{path} imports a floor above, or beside, its own"


def test_an_import_that_points_up_is_found() -> None:
    assert _breaches("domain", _imported_rooms("def f():\n    from runfold.worker.daemon import run")) == {"worker"}

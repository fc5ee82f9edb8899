"""Imports point down: a floor of the package imports the floors below it, never one above, and no circle."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
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


def _imported(source: str) -> set[str]:
    """What of runfold a module imports, as dotted names: at its top, in functions, for type checking, and by string.

    A name that is put together at run time counts as far as it is written: `f"runfold.cli.{noun}"` is `runfold.cli.*`.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
            "import_module",
            "__import__",
        ):
            names |= {_written(argument) for argument in node.args[:1]}
    return {name for name in names if name.split(".")[0] == "runfold"}


def _written(argument: ast.expr) -> str:
    """A string, with `*` for what follows at run time."""
    match argument:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return f"{text}*"
    return ""


def _imported_rooms(source: str) -> set[str]:
    """The rooms of runfold that a module imports; `from runfold import connect` names no room."""
    rooms = {_room(name.split(".")[1:]) for name in _imported(source) if "." in name}
    return {room for room in rooms if room == "*" or (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").is_file()}


def _room(parts: Sequence[str]) -> str:
    """The room of a module: a room inside another one, where the list of floors has it."""
    inside = "/".join(parts[:2])
    return inside if any(inside in rooms for rooms in FLOORS) else parts[0]


def _breaches(room: str, imported: set[str]) -> set[str]:
    return {other for other in imported if other != room and _floor(other) >= _floor(room)}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    room = _room(path.relative_to(PACKAGE).with_suffix("").parts)
    if room in DOORS or path == PACKAGE / "projections" / "__init__.py":
        return
    assert not _breaches(room, _imported_rooms(path.read_text())), f"{path} imports a floor above, or beside, its own"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("from runfold.worker.worker import Worker", id="at the top"),
        pytest.param("from runfold import worker", id="from the package"),
        pytest.param("def f():\n    from runfold.worker.worker import Worker", id="in a function"),
        pytest.param("if TYPE_CHECKING:\n    from runfold.worker.worker import Worker", id="for type checking"),
        pytest.param("import typing\nif typing.TYPE_CHECKING:\n    import runfold.worker", id="for type checking, too"),
        pytest.param("import_module('runfold.worker.worker').Worker", id="by string"),
        pytest.param("importlib.import_module('runfold.worker')", id="by string, from the module"),
        pytest.param("import_module(f'runfold.worker.{name}')", id="by a string that goes on at run time"),
        pytest.param("__import__('runfold.worker.worker')", id="by the statement's own function"),
    ],
)
def test_control_an_import_that_points_up_is_found(source: str) -> None:
    assert _breaches("domain", _imported_rooms(source)) == {"worker"}


def test_control_a_room_inside_another_one_is_held_to_its_own_floor() -> None:
    source = "from runfold.projections.reconciling.replay import replay"
    assert _breaches("projections/folding", _imported_rooms(source)) == {"projections/reconciling"}
    assert _breaches("worker", _imported_rooms(source)) == set()


def test_control_an_import_of_a_room_that_only_run_time_knows_is_refused() -> None:
    with pytest.raises(AssertionError, match="no floor"):
        _breaches("domain", _imported_rooms("import_module(f'runfold.{room}')"))


def test_control_an_import_that_points_down_is_none() -> None:
    source = "from runfold import errors\nfrom runfold.events import base\nimport_module('runfold.events.base')"
    assert _imported_rooms(source) == {"errors", "events"}
    assert _breaches("domain", _imported_rooms(source)) == set()


# Circles


def _modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ("runfold", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _circle(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Modules that import each other, one after the other; empty where there is no circle."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other() -> None:
    modules = {name: path for name, path in _modules().items() if name.removeprefix("runfold.") not in DOORS}
    del modules["runfold"]

    def imported(path: Path) -> set[str]:
        found: set[str] = set()
        for name in _imported(path.read_text()):
            if name.endswith("*"):
                found |= {module for module in modules if module.startswith(name[:-1])}
            else:
                found.add(name if name in modules else name.rpartition(".")[0])  # a module, or a name in one
        return found & set(modules)

    imports = {name: imported(path) - {name} for name, path in modules.items()}
    assert _circle(imports) == []


def test_control_a_circle_is_found() -> None:
    circle = {"a": ["b"], "b": ["c"], "c": ["a"]}
    assert set(_circle(circle)) == {"a", "b", "c"}
    assert _circle({**circle, "c": []}) == []

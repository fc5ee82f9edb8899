"""Projections in Python: a function given a batch of recorded events and the projector's connection."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from runfold.errors import ProjectionInvalid
from runfold.projections.definition.contract import Projection, define_projection

if TYPE_CHECKING:
    from runfold.events.envelope import RecordedEvent

Handler = Callable[["list[RecordedEvent]", "psycopg.Connection[Any]"], None]
_AnyHandler = TypeVar("_AnyHandler", bound=Handler)

_MARK = "__runfold_projection__"


def projection(
    *,
    name: str,
    types: Sequence[str],
    key: Sequence[str],
    table: str | None = None,
    version: int = 1,
    group: str | None = None,
    stream_key: str | None = None,
    barriers: Sequence[str] = (),
) -> Callable[[_AnyHandler], _AnyHandler]:
    """Make a function the fold of one read table.

    The function is given a list of the batch's events of these types, in the log's order and upcast, and the connection
    of its own login, inside the transaction that moves the checkpoint. It writes `table` (`projections.<name>` without
    it), which it names bare, so that verify can bind another of the same shape. It neither commits nor rolls back, and
    it is deterministic: the same events give the same rows, in any batches. What it raises parks the stream that
    fails alone. `key`: the table's key; `stream_key`: the column that names the stream, where a row depends on the
    events of one; `group`: its own, `name`, without it.

    Raises ProjectionInvalid.
    """
    if isinstance(types, str) or isinstance(key, str):
        raise ProjectionInvalid(f"{name}: types and key are lists of names")
    fields = {
        "name": name,
        "version": str(version),
        "group": group if group is not None else name,
        "table": table if table is not None else f"projections.{name}",
        "key": ", ".join(key),
        "events": ", ".join(types),
        "barriers": ", ".join(barriers),
        **({"cross_stream": "true"} if stream_key is None else {"stream_key": stream_key}),
    }

    def define(handler: _AnyHandler) -> _AnyHandler:
        if inspect.iscoroutinefunction(handler) or not callable(handler):
            raise ProjectionInvalid(f"{name}: a projection is a function, not an async one: write `def`")
        setattr(handler, _MARK, define_projection(fields, handler=handler))
        return handler

    return define


def read_module(path: Path) -> list[Projection]:
    """The projections that a Python file defines, by the text of the file; raises ProjectionInvalid."""
    name = f"runfold_projection_files_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ProjectionInvalid(f"{path} cannot be read", hint="make it a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ProjectionInvalid:
        raise
    except Exception as exc:
        raise ProjectionInvalid(f"{path.name} cannot be loaded: {type(exc).__name__}: {exc}", path=str(path)) from exc
    return _defined_in(module)


def import_module(name: str) -> list[Projection]:
    """The projections that an importable module defines; the current folder is looked in, too."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(name)
    except ProjectionInvalid:
        raise
    except Exception as exc:
        raise ProjectionInvalid(f"the module {name} cannot be loaded: {type(exc).__name__}: {exc}") from exc
    if not (found := _defined_in(module)):
        raise ProjectionInvalid(
            f"the module {name} defines no projection", hint="decorate a function with @runfold.projection"
        )
    return found


def _defined_in(module: ModuleType) -> list[Projection]:
    source = Path(module.__file__).read_bytes() if module.__file__ else b""
    digest = sha256(source).hexdigest()
    found = {id(value): getattr(value, _MARK) for value in vars(module).values() if hasattr(value, _MARK)}
    return [replace(definition, digest=digest) for definition in found.values()]

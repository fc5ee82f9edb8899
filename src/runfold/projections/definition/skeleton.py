"""A projection to begin with: a file in either form, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from runfold.errors import ProjectionInvalid
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.definition.contract import define_projection
from runfold.projections.definition.user_rules import check_user_projection


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A file that was written, and the statement that makes its table."""

    path: Path
    create_table: str


def write_skeleton(folder: Path, name: str, *, types: Sequence[str], python: bool) -> Skeleton:
    """Write a projection that counts the events of each stream, in SQL or in Python, for its author to change.

    The folder is made where it is not there. Raises ProjectionInvalid on a name that cannot be, or where there is a
    file of that name.
    """
    fields = {"version": "1", "key": "stream_id", "stream_key": "stream_id", "events": ", ".join(types)}
    fields |= {"name": name, "group": name, "table": f"projections.{name}"}
    known = load_catalogue()
    names = {item.name for item in known.projections}
    check_user_projection(define_projection(fields, handler=_nothing), known.groups, [])
    for path in (folder / f"{name}.sql", folder / f"{name}.py"):
        if path.exists() or name in names:
            raise ProjectionInvalid(f"there is a projection {name} already", hint="choose another name")
    path = folder / f"{name}.{'py' if python else 'sql'}"
    text = _skeleton("python" if python else "sql")
    listed = "[" + ", ".join(f'"{kind}"' for kind in types) + "]"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(
            text.replace("{name}", name).replace("{events}", ", ".join(types)).replace("{types}", listed),
            encoding="utf-8",
        )
    except OSError as exc:
        raise ProjectionInvalid(
            f"{path} cannot be written: {exc.strerror}", hint="choose another folder with --projections"
        ) from exc
    return Skeleton(path, _skeleton("table").replace("{name}", name))


def _skeleton(name: str) -> str:
    return resources.files("runfold.projections").joinpath("skeletons", f"{name}.txt").read_text(encoding="utf-8")


def _nothing(*_: object) -> None:
    """Stands for the function that is still to be written."""

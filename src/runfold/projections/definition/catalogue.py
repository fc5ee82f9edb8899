"""The projections there are, by group and in the order in which a group's tables are folded."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from runfold.errors import ProjectionInvalid, UnknownProjection
from runfold.projections.definition.contract import BarrierStream, Projection, read_projection
from runfold.projections.definition.handler import import_module, read_module
from runfold.projections.definition.user_rules import check_user_projection
from runfold.settings import projections_dir


@dataclass(frozen=True)
class Group:
    """Projections that advance together, in fold order.

    A projection comes after the tables that it reads, and before those that it reads as they were before the batch.
    """

    name: str
    projections: tuple[Projection, ...]
    of_user: bool = False
    """Whether it is a user's: its projections are folded in no session but that of the users' login."""

    @cached_property
    def events(self) -> list[str]:
        """Every event type that one of them folds, sorted."""
        return sorted({event for projection in self.projections for event in projection.events})

    @cached_property
    def versions(self) -> dict[str, int]:
        """The version of each projection's file."""
        return {projection.name: projection.version for projection in self.projections}

    @cached_property
    def barriers_affect(self) -> list[str]:
        """The queries for the streams whose rows the barriers of given streams concern."""
        return list(dict.fromkeys(query for projection in self.projections for query in projection.barriers_affect))

    @cached_property
    def affected_by(self) -> list[str]:
        """The queries for the streams whose rows the other events of given streams concern, in fold order."""
        return list(dict.fromkeys(query for projection in self.projections for query in projection.affected_by))

    @cached_property
    def depends_on(self) -> list[str]:
        """The queries for the streams that the rows of given streams depend on."""
        return list(dict.fromkeys(query for projection in self.projections for query in projection.depends_on))

    @cached_property
    def barriers(self) -> frozenset[str]:
        """The event types that a batch of the group is cut before and after."""
        return frozenset(barrier for projection in self.projections for barrier in projection.barriers)

    @cached_property
    def barrier_streams(self) -> tuple[BarrierStream, ...]:
        """Which barriers are found by the streams of rows, and how."""
        return tuple(sorted({each for projection in self.projections for each in projection.barrier_streams}))

    @cached_property
    def other_barriers(self) -> tuple[str, ...]:
        """The barriers that no index finds: a user's that names no stream. They are looked for in all of the log."""
        return tuple(sorted(self.barriers - {each.type for each in self.barrier_streams}))


@dataclass(frozen=True)
class Catalogue:
    """All projections."""

    groups: Mapping[str, Group]

    @property
    def projections(self) -> list[Projection]:
        """Every projection, by group and fold order."""
        return [projection for group in self.groups.values() for projection in group.projections]

    def projection(self, name: str) -> Projection:
        """The projection of that name; raises UnknownProjection."""
        for projection in self.projections:
            if projection.name == name:
                return projection
        known = ", ".join(projection.name for projection in self.projections)
        raise UnknownProjection(f"there is no projection {name!r}", hint=f"choose one of {known}")


def load_catalogue(*sources: Path) -> Catalogue:
    """The projections of runfold, and a user's: of folders, `*.sql` and `*.py`, or of importable modules.

    Raises ProjectionInvalid, and ProjectionReserved where one names a group or a table of runfold's.
    """
    found: dict[str, Projection] = {}
    for path, projection in _product_projections(projections_dir()):
        _add(found, projection, str(path))
    groups = {projection.group for projection in found.values()}
    tables = {(projection.schema, projection.table) for projection in found.values()}
    for source in sources:
        for place, projection in _read_source(source):
            check_user_projection(projection, groups, tables)
            _add(found, projection, place)
    by_group: dict[str, list[Projection]] = {}
    for projection in found.values():
        by_group.setdefault(projection.group, []).append(projection)
    return Catalogue(
        {
            name: Group(name, _fold_order(name, members), of_user=name not in groups)
            for name, members in sorted(by_group.items())
        }
    )


@cache
def _product_projections(folder: Path) -> tuple[tuple[Path, Projection], ...]:
    """runfold's own, read once a process: their text does not change under it."""
    return tuple((path, read_projection(path)) for path in sorted(folder.glob("*.sql")))


def _read_source(source: Path) -> Iterable[tuple[str, Projection]]:
    """A user's projections, each with the file or module that defines it."""
    if source.is_dir():
        for path in sorted(source.glob("*.sql")):
            yield str(path), read_projection(path)
        for path in sorted(source.glob("*.py")):
            if not path.name.startswith("_"):
                for projection in read_module(path):
                    yield str(path), projection
    elif _is_module(str(source)):
        for projection in import_module(str(source)):
            yield str(source), projection
    else:
        raise ProjectionInvalid(f"there is no folder {source}", hint="set RUNFOLD_PROJECTIONS to your projection files")


def _is_module(name: str) -> bool:
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name) is None:
        return False
    top = name.partition(".")[0]
    here = Path.cwd()
    return importlib.util.find_spec(top) is not None or (here / f"{top}.py").is_file() or (here / top).is_dir()


def _add(found: dict[str, Projection], projection: Projection, place: str) -> None:
    if projection.name in found:
        raise ProjectionInvalid(f"{place}: there is another projection {projection.name!r}", hint="rename one of them")
    for other in found.values():
        if (other.schema, other.table) == (projection.schema, projection.table):
            raise ProjectionInvalid(
                f"{place}: {other.name} folds into {other.schema}.{other.table} already",
                hint="a table has one projection: remove one",
            )
    found[projection.name] = projection


def _fold_order(group: str, members: Iterable[Projection]) -> tuple[Projection, ...]:
    by_table = {projection.table: projection for projection in members}
    order: TopologicalSorter[str] = TopologicalSorter()
    for table, projection in sorted(by_table.items()):
        order.add(table)
        for read in (*projection.reads, *projection.reads_before):
            if read not in by_table:
                raise ProjectionInvalid(
                    f"{projection.name} reads {read}, which is not a table of the group {group}",
                    hint="tables that read each other advance together: put them in one group",
                )
        for read in projection.reads:
            order.add(table, read)
        for read in projection.reads_before:
            order.add(read, table)
    try:
        return tuple(by_table[table] for table in order.static_order())
    except CycleError as exc:
        raise ProjectionInvalid(
            f"the projections of the group {group} read each other in a circle: {exc.args[1]}"
        ) from exc

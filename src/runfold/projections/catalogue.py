"""The projections there are, by group and in the order in which a group's tables are folded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from runfold.errors import ProjectionInvalid, UnknownProjection
from runfold.projections.contract import Projection, read_projection
from runfold.settings import projections_dir


@dataclass(frozen=True)
class Group:
    """Projections that advance together, in fold order.

    Who reads a table comes after it, who reads it as it stood, before.
    """

    name: str
    projections: tuple[Projection, ...]

    @cached_property
    def events(self) -> list[str]:
        """Every event type that one of them folds, sorted."""
        return sorted({event for projection in self.projections for event in projection.events})

    @cached_property
    def versions(self) -> dict[str, int]:
        """The version of each projection's file."""
        return {projection.name: projection.version for projection in self.projections}

    @cached_property
    def barriers(self) -> frozenset[str]:
        """The event types that a batch of the group is cut before and after."""
        return frozenset(barrier for projection in self.projections for barrier in projection.barriers)


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
        raise UnknownProjection(f"there is no projection {name!r}", hint=f"there are {known}")


def load_catalogue(*folders: Path) -> Catalogue:
    """The projections of runfold and of these folders, `*.sql`; raises ProjectionInvalid."""
    found: dict[str, Projection] = {}
    for folder in (projections_dir(), *folders):
        if not folder.is_dir():
            raise ProjectionInvalid(
                f"there is no folder {folder}", hint="set RUNFOLD_PROJECTIONS to your projection files"
            )
        for path in sorted(folder.glob("*.sql")):
            projection = read_projection(path)
            if projection.name in found:
                raise ProjectionInvalid(f"{path}: there is another projection {projection.name!r}", hint="rename one")
            for other in found.values():
                if (other.schema, other.table) == (projection.schema, projection.table):
                    raise ProjectionInvalid(
                        f"{path}: {other.name} folds into {other.schema}.{other.table} already",
                        hint="a table has one fold",
                    )
            found[projection.name] = projection
    by_group: dict[str, list[Projection]] = {}
    for projection in found.values():
        by_group.setdefault(projection.group, []).append(projection)
    return Catalogue({name: Group(name, _fold_order(name, members)) for name, members in sorted(by_group.items())})


def _fold_order(group: str, members: Iterable[Projection]) -> tuple[Projection, ...]:
    by_table = {projection.table: projection for projection in members}
    order: TopologicalSorter[str] = TopologicalSorter()
    for table, projection in sorted(by_table.items()):
        order.add(table)
        for read in (*projection.reads, *projection.reads_before):
            if read not in by_table:
                raise ProjectionInvalid(
                    f"{projection.name} reads {read}, which is no table of the group {group}",
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

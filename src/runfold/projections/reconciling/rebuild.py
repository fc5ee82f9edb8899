"""Rebuild: make read tables what the log says, beside the running system, group by group."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from runfold.database.connections import Connect
from runfold.errors import RebuildFailed
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.reconciling.group_rebuild import BeginAnew, GroupRebuild, Rebuilt
from runfold.projections.reconciling.own_rebuild import rebuild_own
from runfold.projections.reconciling.shadow_build import Extent, Options, Progress, alone
from runfold.projections.reconciling.slices import REBUILD_SESSION
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

__all__ = ["DEFAULT_JOBS", "Progress", "Rebuilt", "rebuild"]

log = logging.getLogger(__name__)

DEFAULT_JOBS = 2
_ATTEMPTS = 6
_SHOWN = 100


def rebuild(
    connect: Connect,
    catalogue: Catalogue,
    names: Iterable[str] = (),
    *,
    jobs: int = DEFAULT_JOBS,
    dry_run: bool = False,
    park: bool = False,
    restored: bool = False,
    limit: int | None = _SHOWN,
    progress: Progress = lambda *_: None,
) -> list[Rebuilt]:
    """Make the named projections' tables, or all, what the log says, and the tables that foreign keys tie to them.

    `connect` opens connections in autocommit, of a role that may write the tables; `jobs` of them fold at a time.
    `dry_run` changes nothing and returns the differences. `park` parks the streams that can not be folded; without it
    they are refused. `restored` takes a log that ends before the checkpoint for the truth. Raises UnknownProjection,
    RebuildFailed, RebuildRunning and CheckpointAhead.
    """
    wanted = {catalogue.projection(name).name for name in names} or {item.name for item in catalogue.projections}
    found: list[Rebuilt] = []
    extent, options = Extent(), Options(jobs, park, restored, limit, progress)
    for group in catalogue.groups.values():
        if group.own_login is not None and any(projection.name in wanted for projection in group.projections):
            found += _rebuild_of_user(
                connect, group, dry_run=dry_run, restored=restored, limit=limit, progress=progress
            )
        elif any(projection.name in wanted for projection in group.projections):
            for _ in range(_ATTEMPTS):
                with connect() as connection:
                    connection.execute(REBUILD_SESSION)
                    connection.execute(statement("rebuild_parallel"), {"workers": str(jobs - 1)})
                    one = GroupRebuild(connection, connect, group, sorted(wanted), options, extent)
                    with alone(connection, group.name):
                        try:
                            found += one.run(dry_run=dry_run)
                            break
                        except BeginAnew:
                            log.warning(
                                "streams of group %s were parked or retried: its rebuild begins anew", group.name
                            )
                            one.forget()
            else:
                raise RebuildFailed(f"streams of group {group.name} are parked and retried without end")
    return found


def _rebuild_of_user(
    connect: Connect, group: Group, *, dry_run: bool, restored: bool, limit: int | None, progress: Progress
) -> list[Rebuilt]:
    """The rebuild of a user's group, all of its tables, in a session of its own login."""
    with connect() as connection:
        position, locked, parked, tables = rebuild_own(
            connection, group, dry_run=dry_run, restored=restored, limit=limit, progress=progress
        )
    return [
        Rebuilt(
            name,
            group.name,
            position,
            written.inserted,
            written.updated,
            written.deleted,
            differing,
            differences,
            parked,
            locked_seconds=locked,
        )
        for name, (differing, written, differences) in tables.items()
    ]

"""Rebuild: make read tables what the log says, beside the running system, group by group."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runfold.database.connections import Connect
from runfold.errors import ProjectionEscaped, RebuildFailed
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.sessions import operators_ledger
from runfold.projections.folding.user_session import UserLedger, UserLogin
from runfold.projections.reconciling.group_rebuild import BeginAgain, GroupRebuild, Rebuilt
from runfold.projections.reconciling.missing_tables import require_tables
from runfold.projections.reconciling.shadow_build import Extent, FoldedElsewhere, Options, RebuildProgress, alone
from runfold.projections.reconciling.slices import set_up_rebuild
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

__all__ = ["DEFAULT_JOBS", "RebuildProgress", "Rebuilt", "rebuild"]

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
    progress: RebuildProgress = lambda *_: None,
    login: UserLogin | None = None,
    archive: Path | None = None,
) -> list[Rebuilt]:
    """Make the named projections' tables, or all, what the log says, and the tables that foreign keys tie to them.

    `connect` opens connections in autocommit, of a role that may write the tables; `jobs` of them fold at a time.
    A user's group is folded, compared and written in sessions of `login`; `connect` makes its shadows. `dry_run`
    changes nothing and returns the differences. `park` parks the streams that cannot be folded; without it they are
    refused. `restored` takes a log that ends before the checkpoint for the truth. With the folder of the `archive` what
    is archived is folded as well, on one connection. Without it rows of archived streams stay as they are; tables whose
    rows depend on several streams are left out, where something is archived, and refused with LogArchived where they
    are named or were built from another version of their file. Raises UnknownProjection, RebuildFailed,
    RebuildRunning, CheckpointAhead, and with an archive ArchiveMissing and ArchiveDamaged.
    """
    named = frozenset(names)
    wanted = {catalogue.projection(name).name for name in named} or {item.name for item in catalogue.projections}
    found: list[Rebuilt] = []
    extent, options = Extent(), Options(jobs, park, restored, limit, progress, named, archive)
    for group in catalogue.groups.values():
        if not any(projection.name in wanted for projection in group.projections):
            continue
        for _ in range(_ATTEMPTS):
            landed = _attempt(connect, login, group, sorted(wanted), options, extent, dry_run=dry_run)
            if landed is not None:
                found += landed
                break
        else:
            raise RebuildFailed(f"streams of group {group.name} are parked and retried without end")
    return found


def _attempt(
    connect: Connect,
    login: UserLogin | None,
    group: Group,
    wanted: list[str],
    options: Options,
    extent: Extent,
    *,
    dry_run: bool,
) -> list[Rebuilt] | None:
    """Rebuild a group from where an earlier attempt got to; None when it has to be tried again."""

    @contextmanager
    def open_ledger() -> Iterator[Ledger]:
        if group.of_user and login is not None:
            with login.open() as own:
                set_up_rebuild(own)
                yield UserLedger(own)
        else:
            with connect() as another:
                set_up_rebuild(another)
                yield Ledger(another)

    with connect() as connection, alone(connection, group.name), operators_ledger(connection, group, login) as ledger:
        set_up_rebuild(connection)
        set_up_rebuild(ledger.connection)
        connection.execute(statement("rebuild_parallel"), {"workers": str(options.jobs - 1)})
        with connection.cursor() as looking:
            require_tables(looking, group)
        one = GroupRebuild(connection, ledger, open_ledger, group, wanted, options, extent)
        try:
            return one.run(dry_run=dry_run)
        except FoldedElsewhere:
            return None
        except BeginAgain:
            log.warning("streams of group %s were parked or retried: its rebuild begins again", group.name)
            one.forget()
            return None
        except (RebuildFailed, ProjectionEscaped):
            if group.of_user:
                # What has to be repaired, the file or what is parked, makes it another rebuild.
                one.forget()
            raise

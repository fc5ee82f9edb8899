"""Which version of a file each read table was built with; two definitions are never mixed in one table."""

from __future__ import annotations

import logging
from typing import Any

import psycopg

from runfold.errors import CheckpointAhead
from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)


def register_group(connection: psycopg.Connection[Any], group: Group, *, leading: bool = False) -> str | None:
    """Make the group's checkpoint and note its projections; returns why it has to wait for a rebuild, or None.

    A table that is new in a group that has folded already, a file of another version than its table was built with, and
    a group that begins below what is archived wait, and the checkpoint says so. So does a group whose checkpoint lies
    ahead of the log. A changed text under the same version is only warned of. A projection whose file is gone is
    forgotten: should it come back, it is new. But who is `leading` already waits: the table was built meanwhile, and
    its file is elsewhere.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(statement("register_group"), {"group": group.name})
        (position,) = cursor.fetchone() or (0,)
        try:
            check_checkpoint(cursor, group, position)
        except CheckpointAhead as exc:
            reason: str | None = str(exc)
        else:
            reason = (
                _without_file(cursor, group, leading=leading)
                or _below_archived(cursor, group, position)
                or _register_projections(cursor, group, position)
            )
        cursor.execute(statement("note_waiting"), {"group": group.name, "reason": reason})
    return reason


def note_waiting(connection: psycopg.Connection[Any], group: Group, reason: str) -> str:
    """Note at the group's checkpoint why it has to wait for an operator, and return that."""
    with connection.transaction():
        connection.execute(statement("register_group"), {"group": group.name})
        connection.execute(statement("note_waiting"), {"group": group.name, "reason": reason})
    return reason


def note_ready(cursor: psycopg.Cursor[Any], group: Group, position: int) -> None:
    """Note whether the group still has to wait for a rebuild, after tables of it were rebuilt."""
    reason = _register_projections(cursor, group, position)
    cursor.execute(statement("note_waiting"), {"group": group.name, "reason": reason})


def register_user_group(connection: psycopg.Connection[Any], group: Group, login: str) -> None:
    """Make the checkpoint of a user's group and note which login folds it; that login may not do so itself."""
    connection.execute(statement("register_group"), {"group": group.name})
    connection.execute(statement("register_user_group"), {"group": group.name, "role": login})


def check_checkpoint(cursor: psycopg.Cursor[Any], group: Group, position: int) -> int:
    """Refuse a checkpoint that lies ahead of the log, as after an older dump was restored; returns the log's head.

    Such a group would pass by every event that the log is still to record up to there. Raises CheckpointAhead.
    """
    (head,) = cursor.execute(statement("log_head")).fetchone() or (0,)
    if position > head:
        raise CheckpointAhead(
            f"the group {group.name} has folded up to {position}, and the log ends at {head}",
            hint="if the log was restored, `runfold projection rebuild --all --restored` folds what it holds",
            group=group.name,
            position=position,
            head=head,
        )
    return int(head)


def _without_file(cursor: psycopg.Cursor[Any], group: Group, *, leading: bool) -> str | None:
    cursor.execute(statement("registered_projections"), {"group": group.name})
    gone = sorted({name for (name,) in cursor.fetchall()} - group.versions.keys())
    if gone and leading:
        return f"{gone[0]} was built meanwhile, and this worker has no file of it: restart it with RUNFOLD_PROJECTIONS"
    for name in gone:
        log.warning("%s has no file any more: its table stays as it is, and is not folded", name)
        cursor.execute(statement("forget_projection"), {"name": name})
    return None


def _below_archived(cursor: psycopg.Cursor[Any], group: Group, position: int) -> str | None:
    """Why a group that has not folded what is archived waits: its tables would lack that without a word."""
    (head,) = cursor.execute(statement("archived_head")).fetchone() or (0,)
    if position >= head:
        return None
    return (
        f"the group {group.name} begins at position {position}, and events up to {head} are archived: rebuild it,"
        " with --archived to fold them, or with --skip-archived to leave them out"
    )


def _register_projections(cursor: psycopg.Cursor[Any], group: Group, position: int) -> str | None:
    cursor.execute(statement("registered_projections"), {"group": group.name})
    known = {name for (name,) in cursor.fetchall()}
    for projection in group.projections:
        if position > 0 and projection.name not in known:
            return f"{projection.name} is new and the group is at position {position}: rebuild it"
        cursor.execute(statement("register_projection"), _noted(projection))
        version, digest, _ = cursor.fetchone() or (None, None, None)
        if version != projection.version:
            return (
                f"{projection.name} was built with version {version},"
                f" its file is version {projection.version}: rebuild it"
            )
        if digest != projection.digest:
            log.warning("%s changed under the same version %s", projection.name, version)
    return None


def _noted(projection: Projection) -> dict[str, Any]:
    return {
        "name": projection.name,
        "group": projection.group,
        "version": projection.version,
        "digest": projection.digest,
    }

"""Which version of a file each read table was built with; two definitions are never mixed in one table."""

from __future__ import annotations

import logging
from typing import Any

import psycopg

from runfold.projections.catalogue import Group
from runfold.projections.statements import statement

log = logging.getLogger(__name__)


def register_group(connection: psycopg.Connection[Any], group: Group) -> str | None:
    """Make the group's checkpoint and note its projections; returns why it has to wait for a rebuild, or None.

    A table that is new in a group that has folded already, and a file of another version than its table was built with,
    wait, and the checkpoint says so. A changed text under the same version is only warned of.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(statement("register_group"), {"group": group.name})
        (position,) = cursor.fetchone() or (0,)
        reason = _register_projections(cursor, group, position)
        cursor.execute(statement("note_waiting"), {"group": group.name, "reason": reason})
    return reason


def _register_projections(cursor: psycopg.Cursor[Any], group: Group, position: int) -> str | None:
    cursor.execute(statement("registered_projections"), {"group": group.name})
    known = {name for (name,) in cursor.fetchall()}
    for projection in group.projections:
        if position > 0 and projection.name not in known:
            return f"{projection.name} is new and the group stands at {position}: rebuild it"
        cursor.execute(
            statement("register_projection"),
            {
                "name": projection.name,
                "group": group.name,
                "version": projection.version,
                "digest": projection.digest,
            },
        )
        version, digest, _ = cursor.fetchone() or (None, None, None)
        if version != projection.version:
            return (
                f"{projection.name} was built with version {version},"
                f" its file is version {projection.version}: rebuild it"
            )
        if digest != projection.digest:
            log.warning("%s changed under the same version %s", projection.name, version)
    return None

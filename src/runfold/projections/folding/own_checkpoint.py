"""The checkpoint of a user's group, held by the session of its login for what an operator does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from runfold.errors import ProjectionInvalid
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.user_session import OwnConnection
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")


@contextmanager
def open_own(connection: psycopg.Connection[Any], group: Group) -> Iterator[OwnConnection]:
    """A session of the login of a user's group, set up for folding; `connection` notes that it is the group's."""
    assert group.own_login is not None
    with group.own_login.open() as own:
        own.execute(FOLD_SESSION)
        connection.execute(statement("register_group"), {"group": group.name})
        connection.execute(statement("register_own_group"), {"group": group.name, "role": own.info.user})
        yield own


def hold_own(cursor: psycopg.Cursor[Any], group: Group) -> int:
    """Hold the checkpoint of a user's group, to the end of the transaction; returns where it stands.

    The transaction leaves it there. Raises ProjectionInvalid where the tables were built with another version.
    """
    named = {"group": group.name}
    (position, _, built) = cursor.execute(statement("begin_own_batch"), named).fetchone() or (0, False, {})
    cursor.execute(statement("end_own_batch"), named)
    for name, version in built.items():
        if group.versions.get(name, version) != version:
            raise ProjectionInvalid(
                f"{name} was built with version {version}, its file is version {group.versions[name]}",
                hint=f"runfold projection rebuild {name}",
            )
    return int(position)

"""Which log a database holds: an id that travels with its dumps and replicas."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from runfold.runtime_sql import runtime_sql

_statement = runtime_sql("runfold.database")


class Adopted(NamedTuple):
    """The identity that a database had, and the one it has now; none where nothing was changed."""

    former: UUID
    identity: UUID | None


def adopt_identity(connection: psycopg.Connection[Any], *, dry_run: bool = False) -> Adopted:
    """Make a restored copy a log of its own, so that no spool of the first log is sent to it; return both identities.

    Needs the role runfold_operator.
    """
    found = connection.execute(_statement("log_identity" if dry_run else "adopt_identity")).fetchone()
    assert found is not None, "the first migration writes the row"
    return Adopted(found[0], None if dry_run else found[1])

"""The role that folds a tenant's past: it may read the log and make temporary tables, until its transaction ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from runfold.database.tenants import not_a_gateway
from runfold.projections.folding.fold import FOLD_SESSION

# Nothing is set beyond the transaction: the session may be a pooler's.
_BECOME_READER = """
    SET LOCAL ROLE runfold_reader;
    SET LOCAL row_security = on;
    SET LOCAL search_path = pg_catalog, public, pg_temp
"""


def become_reader(connection: psycopg.Connection[Any]) -> None:
    """Make the rest of the transaction runfold_reader's, and set what a session that folds needs."""
    connection.execute(_BECOME_READER)
    connection.execute(FOLD_SESSION.replace("SET ", "SET LOCAL "))


@contextmanager
def as_reader(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Be runfold_reader in a transaction of the block; raises PermissionDenied for a login that may not be it."""
    connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
    try:
        try:
            connection.execute(_BECOME_READER)
        except psycopg.errors.InsufficientPrivilege as exc:
            raise not_a_gateway(connection.info.user, exc) from exc
        yield
    finally:
        if not connection.closed:
            connection.rollback()

"""The session in which a group is folded: the caller's connection, or a new one of the users' login."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from runfold.errors import ProjectionRoleMissing
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.copies import Copies
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.hidden import require_visible
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.poison import denied_stops
from runfold.projections.folding.registry import register_user_group
from runfold.projections.folding.user_session import UserLedger, UserLogin


@contextmanager
def folding_session(
    connection: psycopg.Connection[Any], group: Group, login: UserLogin | None
) -> Iterator[psycopg.Connection[Any]]:
    """The session that folds the group, set up for it.

    Raises ProjectionRoleMissing where a login is needed, RowsHidden where rows are hidden from it, FoldDenied where it
    lacks a right.
    """
    if not group.of_user:
        connection.execute(FOLD_SESSION)
        require_visible(connection, group, copies=True)
        with denied_stops(group, connection.info.user):
            yield connection
        return
    if login is None:
        raise ProjectionRoleMissing(
            f"the projections of the group {group.name} are a user's", hint="name the login that folds them"
        )
    with login.open() as own:
        own.execute(FOLD_SESSION)
        require_visible(own, group)
        with denied_stops(group, own.info.user):
            yield own


@contextmanager
def operators_ledger(connection: psycopg.Connection[Any], group: Group, login: UserLogin | None) -> Iterator[Ledger]:
    """The ledger for what an operator does to the group; `connection`, the operator's, notes whose group it is.

    Raises as `folding_session`.
    """
    if not group.of_user:
        connection.execute(FOLD_SESSION)
        require_visible(connection, group, copies=True)
        with denied_stops(group, connection.info.user):
            yield Ledger(connection)
        if not connection.closed and connection.autocommit:
            Copies().finish(connection)
        return
    if login is None:
        raise ProjectionRoleMissing(
            f"the projections of the group {group.name} are a user's", hint="name the login that folds them"
        )
    with login.open() as own:
        own.execute(FOLD_SESSION)
        require_visible(own, group)
        register_user_group(connection, group, own.info.user)
        with denied_stops(group, own.info.user):
            yield UserLedger(own)

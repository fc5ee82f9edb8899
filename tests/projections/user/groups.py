"""User groups with any statements, even those that the contract refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection, Statement, parse_projection
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.projector import Projector
from runfold.projections.folding.registry import register_group, register_user_group
from runfold.projections.folding.user_session import UserLedger, UserLogin
from runfold.settings import Settings, load_settings
from tests.fixtures.user_logins import login_of_users

TABLE = "CREATE TABLE projections.mine (id text PRIMARY KEY)"
OTHER_TABLE = "CREATE TABLE projections.other (id text PRIMARY KEY)"
HONEST = "INSERT INTO mine (id) SELECT b.stream_id FROM batch b"


def text(body: str = HONEST, *, name: str = "mine", events: str = "ExecutionCreated") -> str:
    """Return a projection file that keeps the contract."""
    return (
        f"-- name: {name}\n-- version: 1\n-- group: {name}\n-- table: projections.{name}\n-- key: id\n"
        f"-- stream_key: id\n-- events: {events}\n\n{body};\n"
    )


def smuggled(statements: Sequence[str], *, name: str = "mine") -> Projection:
    """Return a projection with statements that the contract never saw."""
    honest = parse_projection(text(HONEST.replace("mine", name), name=name), expected_name=name)
    return replace(honest, statements=tuple(Statement(each, honest.events) for each in statements))


def user_settings(url: str, **changes: Any) -> Settings:
    """Return settings with the login that folds user projections in this database."""
    return load_settings(database_url=url, projections_url=login_of_users(url), **changes)


def user_login(url: str, **settings: Any) -> UserLogin:
    """Return the login of users' projections in this database."""
    return UserLogin(user_settings(url, **settings), ("public.workflow_executions",))


def user_group(*projections: Projection) -> Group:
    """Return a user's group of these projections."""
    return Group(projections[0].group, projections, of_user=True)


def epoch(connection: psycopg.Connection[Any]) -> int:
    """Return the epoch of the last leader."""
    row = connection.execute("SELECT epoch FROM runfold.leader").fetchone()
    assert row is not None
    return int(row[0])


Stopped = list[tuple[str, str, str]]


@contextmanager
def user_projector(url: str, group: Group) -> Iterator[tuple[Projector, Stopped]]:
    """Yield the object that folds the group for a worker, and a list of stopped groups."""
    stopped: Stopped = []
    with user_login(url).open() as own, psycopg.connect(url, autocommit=True) as notes:
        own.execute(FOLD_SESSION)
        register_user_group(notes, group, own.info.user)
        register_group(notes, group)
        yield Projector(UserLedger(own, epoch=epoch(notes), note=lambda *said: stopped.append(said))), stopped


@contextmanager
def unguarded_projector(url: str, group: Group, *, set_role: bool) -> Iterator[Projector]:
    """Yield a projector without its own login: on the worker's connection, as it is or under SET ROLE."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FOLD_SESSION)
        register_group(connection, group)
        projector = Projector(Ledger(connection, epoch=epoch(connection)))
        login_of_users(url)
        if set_role:
            for table in ("checkpoints", "leader", "projections"):
                connection.execute(f"GRANT SELECT, UPDATE ON runfold.{table} TO runfold_projections")
            connection.execute("SET ROLE runfold_projections")
        yield projector


def no_login(group: Group) -> Group:
    """Return the same group as one of runfold's."""
    return replace(group, of_user=False)


def refused(action: Callable[[], object]) -> BaseException | None:
    """Return the error of an action, or None."""
    try:
        action()
    except Exception as exc:
        return exc
    return None

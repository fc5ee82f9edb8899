"""Users' groups as a test wants them, whatever the contract says of their statements."""

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
    """A projection file that breaks nothing."""
    return (
        f"-- name: {name}\n-- version: 1\n-- group: {name}\n-- table: projections.{name}\n-- key: id\n"
        f"-- stream_key: id\n-- events: {events}\n\n{body};\n"
    )


def smuggled(statements: Sequence[str], *, name: str = "mine") -> Projection:
    """A projection whose statements the contract never saw."""
    honest = parse_projection(text(HONEST.replace("mine", name), name=name), expected_name=name)
    return replace(honest, statements=tuple(Statement(each, honest.events) for each in statements))


def user_settings(url: str, **changes: Any) -> Settings:
    """Settings with the login that folds users' projections in this database."""
    return load_settings(database_url=url, projections_url=login_of_users(url), **changes)


def user_login(url: str, **settings: Any) -> UserLogin:
    """The login of users' projections in this database."""
    return UserLogin(user_settings(url, **settings), ("public.workflow_executions",))


def user_group(*projections: Projection) -> Group:
    """A user's group of these projections."""
    return Group(projections[0].group, projections, of_user=True)


def epoch(connection: psycopg.Connection[Any]) -> int:
    """The epoch of the worker that led last."""
    row = connection.execute("SELECT epoch FROM runfold.leader").fetchone()
    assert row is not None
    return int(row[0])


Stopped = list[tuple[str, str, str]]


@contextmanager
def user_projector(url: str, group: Group) -> Iterator[tuple[Projector, Stopped]]:
    """What folds the group for a worker; and what it says of groups that are stopped."""
    stopped: Stopped = []
    with user_login(url).open() as own, psycopg.connect(url, autocommit=True) as notes:
        own.execute(FOLD_SESSION)
        register_user_group(notes, group, own.info.user)
        register_group(notes, group)
        yield Projector(UserLedger(own, epoch=epoch(notes), note=lambda *said: stopped.append(said))), stopped


@contextmanager
def unguarded_projector(url: str, group: Group, *, set_role: bool) -> Iterator[Projector]:
    """What it would be without a login of its own: the worker's connection, as it is or under SET ROLE."""
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
    """The same group, taken for one of runfold's."""
    return replace(group, of_user=False)


def refused(action: Callable[[], object]) -> BaseException | None:
    """What an action raised, if anything."""
    try:
        action()
    except Exception as exc:
        return exc
    return None

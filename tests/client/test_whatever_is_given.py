"""Whatever a caller gives the store's faces, the answer is a result or an error of runfold's."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold.errors import RunfoldError

BAD: list[Any] = [
    *(None, "", "\0", "x" * 300, "\ud800", "no-uuid", b"x", True, -1, 0, 2**31, 2**63, float("nan"), float("inf")),
    *([], [None], [{}], {}, {"a": float("nan")}, {"a": "\0"}, {"\0": 1}, object(), UUID(int=7)),
]
GOOD: list[Any] = ["a", 1, 0.5, ["a"], {"a": 1}]
FACES = {
    "memory": lambda store, user: store.memory(user),
    "conversation": lambda store, user: store.memory(user).conversation("c"),
    "summary": lambda store, user: store.memory(user).summary("c"),
    "documents": lambda store, user: store.memory(user).document,
    "entities": lambda store, user: store.memory(user).entity,
    "episodes": lambda store, user: store.memory(user).episodic,
    "graph": lambda store, user: store.memory(user).graph,
    "knowledge": lambda store, user: store.memory(user).knowledge,
    "vectors": lambda store, user: store.vectors(user),
    "workflows": lambda store, _: store.workflows,
    "models": lambda store, _: store.models,
    "tools": lambda store, _: store.tools,
    "node specifications": lambda store, _: store.node_specifications,
    "API calls": lambda store, _: store.api_calls,
}


@pytest.fixture
def user(connection: psycopg.Connection[Any]) -> UUID:
    user = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (user,))
    return user


@pytest.fixture
def store(database_url: str) -> Iterator[runfold.Store]:
    with runfold.connect(database_url) as store:
        yield store


def unclear(method: Any, chance: random.Random, calls: int) -> list[str]:
    """Call the method with drawn values; return the errors that are not runfold's."""
    parameters = [each for each in inspect.signature(method).parameters.values() if each.kind.name[:4] != "VAR_"]
    found = []
    for _ in range(calls):
        given = {
            each.name: chance.choice(BAD if chance.random() < 0.7 else GOOD)
            for each in parameters
            if each.default is each.empty or chance.random() < 0.4
        }
        alone = [given.pop(each.name) for each in parameters if each.kind is each.POSITIONAL_ONLY if each.name in given]
        try:
            answer = method(*alone, **given)
            if inspect.isgenerator(answer):
                list(islice(answer, 3))
        except RunfoldError:
            pass
        except Exception as error:
            shown = {name: repr(value)[:40] for name, value in given.items()}
            found.append(f"{method.__name__}({shown}): {error!r}"[:300])
    return found


@pytest.mark.parametrize("face", FACES)
def test_whatever_is_given_the_error_is_runfolds(store: runfold.Store, user: UUID, face: str) -> None:
    chance = random.Random(face)
    asked = FACES[face](store, user)
    methods = [getattr(asked, name) for name in dir(asked) if name[0] != "_"]
    methods = [each for each in methods if inspect.ismethod(each)]
    assert methods
    assert [text for method in methods for text in unclear(method, chance, 40)] == []


def test_control_an_error_of_another_kind_is_seen() -> None:
    def method(name: str) -> str:
        return name.lower()

    assert unclear(method, random.Random(1), 20)

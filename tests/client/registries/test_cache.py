"""What a process knows of the registries is forgotten when somebody changes them, and not before."""

from __future__ import annotations

import os
from typing import Any

import psycopg
import pytest

import runfold
from runfold.client.sync import registry_cache
from tests.fixtures.poolers import pgbouncer
from tests.fixtures.processes import eventually


class Counted:
    """Counts the questions that a store asks the server."""

    def __init__(self, store: runfold.Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        ask = store._retried

        def counting(*arguments: Any) -> Any:
            self.asked += 1
            return ask(*arguments)

        monkeypatch.setattr(store, "_retried", counting)


@pytest.fixture
def store(database_url: str) -> Any:
    with runfold.connect(database_url) as made:
        made.node_specifications.save("TOOL", "x", {"title": "first"})
        yield made


def title(store: runfold.Store) -> Any:
    return store.node_specifications.get("TOOL", "x").data["title"]


def change(connection: psycopg.Connection[Any], to: str) -> None:
    connection.execute(
        "UPDATE public.node_specifications SET specification_data = jsonb_build_object('title', %s::text)", (to,)
    )


def test_an_answer_is_asked_for_once(store: runfold.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(store, monkeypatch)
    assert [title(store) for _ in range(50)] == ["first"] * 50
    assert counted.asked == 1


def test_a_change_by_anybody_is_seen(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    for n in range(5):
        title(store)
        change(connection, str(n))
        eventually(lambda n=n: title(store) == str(n))  # type: ignore[misc]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM public.node_specifications",
        "TRUNCATE public.node_specifications",
        "UPDATE public.ai_models SET is_active = false WHERE name = 'GPT-5'",
        "DELETE FROM public.mcp_tools",
        "INSERT INTO public.ai_model_prices (model, valid_from) SELECT id, now() FROM public.ai_models",
    ],
)
def test_each_registry_notifies(store: runfold.Store, connection: psycopg.Connection[Any], statement: str) -> None:
    title(store)
    with psycopg.connect(store.url, autocommit=True) as listening:
        listening.execute("LISTEN runfold_registries")
        connection.execute(statement.encode())
        assert [note.payload for note in listening.notifies(timeout=10, stop_after=1)] != []


def test_control_without_its_trigger_a_change_is_not_seen(
    store: runfold.Store, connection: psycopg.Connection[Any]
) -> None:
    title(store)
    connection.execute("DROP TRIGGER change_is_notified ON public.node_specifications")
    change(connection, "second")
    listener = store._registry_cache._listener
    assert listener is not None
    listener.execute("SELECT 1")  # what was notified before has come by its answer
    assert title(store) == "first"


def test_a_lost_connection_forgets_and_listens_again(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    title(store)
    cache = store._registry_cache
    listener = cache._listener
    assert listener is not None
    connection.execute("SELECT pg_terminate_backend(%s)", (listener.info.backend_pid,))
    change(connection, "second")
    eventually(lambda: title(store) == "second")
    assert cache._listener is not listener
    change(connection, "third")
    eventually(lambda: title(store) == "third")


def test_nothing_is_used_longer_than_its_time(
    store: runfold.Store, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    title(store)
    connection.execute("DROP TRIGGER change_is_notified ON public.node_specifications")
    change(connection, "second")
    monkeypatch.setattr(registry_cache, "LISTENING_SECONDS", 0.0)
    assert title(store) == "second"


def test_behind_a_pooler_what_is_known_is_forgotten_by_its_time(
    database_url: str, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pgbouncer(database_url) as pooled, runfold.connect(pooled) as store:
        store.node_specifications.save("TOOL", "x", {"title": "first"})
        assert title(store) == "first"
        assert store._registry_cache._listener is None
        change(connection, "second")
        assert title(store) == "first"
        monkeypatch.setattr(registry_cache, "POOLED_SECONDS", 0.0)
        assert title(store) == "second"


def test_a_child_process_listens_for_itself(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    title(store)
    listener = store._registry_cache._listener
    assert listener is not None
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if title(store) == "first" and store._registry_cache._listener is not listener else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    change(connection, "second")
    eventually(lambda: title(store) == "second")
    assert store._registry_cache._listener is listener


def test_a_closed_store_listens_no_more(database_url: str, connection: psycopg.Connection[Any]) -> None:
    with runfold.connect(database_url) as store:
        store.models.list()
        listener = store._registry_cache._listener
    assert listener is not None
    assert listener.closed

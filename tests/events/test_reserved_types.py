"""Only runfold's streams have events with our type names, because folds choose their events by type."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

import runfold
from runfold.errors import InvalidInput


@pytest.fixture
def store(database_url: str) -> Any:
    with runfold.connect(database_url) as store:
        yield store


def test_a_category_of_one_s_own_never_takes_a_type_of_ours(
    store: runfold.Store, connection: psycopg.Connection[tuple[Any, ...]]
) -> None:
    store.register_event_types("orders")
    with pytest.raises(InvalidInput) as refused:
        store.append("orders-1", [runfold.NewEvent(type="WorkflowDeleted", data={"at": "2026-01-01T00:00:00Z"})])
    assert (refused.value.code, refused.value.pointer) == ("reserved_type", "/0/events/0/type")
    with pytest.raises(InvalidInput) as refused:
        store.register_event_types("orders", ["ExecutionCreated"])
    assert refused.value.code == "reserved_type"
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (0,)


def test_control_another_name_is_taken(store: runfold.Store) -> None:
    store.register_event_types("orders")
    assert store.append("orders-1", [runfold.NewEvent(type="OrderPlaced", data={})]).version == 1

"""The lists and rows that a tenant reads are the service's, without those of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold import errors
from runfold.events import LogAppended, ResponseReceived
from runfold.reading.executions import list_executions
from runfold.reading.lists import list_deployments, list_interactions
from runfold.reading.responses import list_responses
from tests.client.tenants.conftest import ONE, OTHER
from tests.fixtures.blocking import Blocking, Loop
from tests.fixtures.processes import drain

EXECUTIONS = {ONE: 5, OTHER: 7}
WORKFLOW = {ONE: UUID(int=1), OTHER: UUID(int=2)}

Connection = psycopg.Connection[Any]


@pytest.fixture(params=["threads", "asyncio"])
def store(request: pytest.FixtureRequest, gateway_url: str, written: None) -> Iterator[Any]:
    """A store of the gateway's login, of either kind, on a database in which both tenants have everything."""
    if request.param == "threads":
        with runfold.connect(gateway_url) as made:
            yield made
    else:
        with Loop() as loop:
            made = Blocking(loop.call(runfold.connect_async, gateway_url), loop)
            yield made
            made.close()


@pytest.fixture
def written(database_url: str, connection: Connection) -> None:
    with runfold.connect(database_url) as service:
        for user, count in EXECUTIONS.items():
            for number in range(count):
                handle = service.executions.create(
                    execution_id=f"{user}-{number}",
                    user_id=user,
                    workflow_id=WORKFLOW[user],
                    mode="MANUAL" if number % 2 else "WEBHOOK",
                    start=True,
                )
                with handle.node("n", node_type="ACTION") as node:
                    node.succeed({})
                service.append(
                    f"log-{user}-{number}",
                    [LogAppended(level="INFO", event_type="workflow_progress", message="m")],
                    user_id=user,
                )
                if number:
                    handle.succeed()
                else:
                    handle.pause_for_human("h", interaction_type="approval", channel_type="slack", request_data={})
            for number in range(3):
                received = {
                    "workflow_id": str(WORKFLOW[user]),
                    "source_channel": "slack",
                    "raw_payload": {},
                    "received_at": f"2026-03-0{number + 1}T12:00:00Z",
                }
                service.append(f"response-{uuid4()}", [ResponseReceived(**received)], user_id=user)
            service.deployments.deploy(WORKFLOW[user], user_id=user, definition={}, triggers=[])
    drain(database_url)


def pages(listing: Any, **wanted: Any) -> list[Any]:
    """The ids of all pages of two."""
    found: list[Any] = []
    after = None
    while rows := listing.list(after=after, limit=2, **wanted):
        found += [row["id"] for row in rows]
        after = rows[-1]["page_token"]
    return found


@pytest.mark.parametrize("user", [ONE, OTHER])
def test_lists_are_the_services_without_the_rows_of_others(store: Any, connection: Connection, user: UUID) -> None:
    tenant = store.as_user(user)
    for name, of_service in (
        ("executions", list_executions),
        ("interactions", list_interactions),
        ("responses", list_responses),
        ("deployments", list_deployments),
    ):
        mine = f"SELECT id FROM {_TABLES[name]} WHERE user_id = %s"
        own = {row[0] for row in connection.execute(mine.encode(), [user])}
        expected = [row["id"] for row in of_service(connection, limit=100) if row["id"] in own]  # type: ignore[operator]
        assert pages(getattr(tenant, name)) == expected
        assert expected
        assert len(of_service(connection, limit=100)) > len(expected)  # type: ignore[operator]
    assert len(pages(tenant.executions, mode="MANUAL")) == EXECUTIONS[user] // 2


_TABLES = {
    "executions": "workflow_executions",
    "interactions": "human_interactions",
    "responses": "hil_responses",
    "deployments": "workflow_deployment_history",
}


def test_an_execution_has_its_parts_and_anothers_is_unknown(store: Any) -> None:
    found = store.as_user(ONE).executions.get(f"{ONE}-1")
    assert (found["status"], len(found["nodes"]), len(found["logs"])) == ("SUCCESS", 1, 1)
    assert (found["pauses"], found["children"]) == ([], [])
    assert len(store.as_user(ONE).executions.get(f"{ONE}-0")["pauses"]) == 1
    said = []
    for unknown in (f"{OTHER}-1", f"{uuid4()}-1"):
        with pytest.raises(errors.UnknownExecution) as refused:
            store.as_user(ONE).executions.get(unknown)
        said.append(str(refused.value).replace(unknown, ""))
    assert said[0] == said[1]


def test_an_interaction_is_shown_and_anothers_is_unknown(store: Any, connection: Connection) -> None:
    ids = dict(connection.execute("SELECT user_id, id FROM human_interactions").fetchall())
    assert store.as_user(ONE).interactions.get(ids[ONE])["user_id"] == ONE
    with pytest.raises(errors.UnknownInteraction):
        store.as_user(ONE).interactions.get(ids[OTHER])


def test_a_tenant_reads_its_own_streams(store: Any) -> None:
    own = store.as_user(ONE)
    events = own.read_stream(f"execution-{ONE}-1")
    assert [event.stream_version for event in events] == list(range(1, len(events) + 1))
    assert events[0].type == "ExecutionCreated"
    assert own.read_stream(f"execution-{ONE}-1", after=1, limit=1) == events[1:2]
    assert own.read_stream(f"execution-{OTHER}-1") == own.read_stream("execution-none") == []


def test_a_page_token_that_no_list_gave_is_refused(store: Any) -> None:
    with pytest.raises(errors.InvalidInput) as refused:
        store.as_user(ONE).executions.list(after="x")
    assert refused.value.code == "invalid_page_token"

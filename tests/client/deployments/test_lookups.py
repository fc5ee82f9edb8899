"""An incoming call finds its workflows by an index, with any number of triggers."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold.domain.trigger import Trigger
from runfold.runtime_sql import runtime_sql
from tests.client.human.asking import TENANT
from tests.fixtures.processes import drain

statement = runtime_sql("runfold.client")

Connection = psycopg.Connection[Any]
SUBTYPES = ("CRON", "WEBHOOK", "SLACK", "EMAIL", "GITHUB")

SPECIFIED = """
SELECT ti.workflow_id, ti.trigger_config
FROM trigger_index ti
WHERE ti.trigger_type = 'TRIGGER'
  AND ti.trigger_subtype = %(subtype)s
  AND ti.index_key = %(key)s
  AND ti.is_active = true
  AND ti.deployment_status = 'active'
"""


@pytest.fixture
def many(connection: Connection) -> Connection:
    """A database with 10,000 triggers, as folds would insert them, a tenth of them inactive."""
    connection.execute(
        """
        INSERT INTO trigger_index (id, workflow_id, name, trigger_subtype, index_key, deployment_status, is_active,
                                   last_event_position, created_at, updated_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 't', (%(subtypes)s::text[])[1 + n %% 5], 'key ' || n / 5,
               CASE WHEN n %% 10 = 0 THEN 'inactive' ELSE 'active' END, n %% 10 <> 0, n, now(), now()
          FROM generate_series(1, 10000) AS n
        """,
        {"subtypes": list(SUBTYPES)},
    )
    connection.execute("ANALYZE trigger_index")
    return connection


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


@pytest.mark.parametrize("text", [SPECIFIED, statement("triggers_by_key")], ids=["specified", "ours"])
@pytest.mark.parametrize("subtype", SUBTYPES)
def test_a_trigger_is_found_by_an_index_among_ten_thousand(many: Connection, subtype: str, text: str) -> None:
    cursor = psycopg.ClientCursor(many)
    cursor.execute(
        ("EXPLAIN (ANALYZE, BUFFERS, FORMAT json) " + text).encode(),
        {"subtype": subtype, "key": "key 777", "tenant": None},
    )
    row = cursor.fetchone()
    assert row is not None
    scans = [node for node in nodes(row[0][0]["Plan"]) if "Relation Name" in node or "Index Name" in node]
    assert {node["Index Name"] for node in scans if "Index Name" in node} <= {
        "idx_trigger_index_lookup", "idx_trigger_index_key",
    }, json.dumps(row[0])  # fmt: skip
    assert all(node["Node Type"] != "Seq Scan" for node in scans)
    assert row[0][0]["Plan"]["Shared Hit Blocks"] + row[0][0]["Plan"]["Shared Read Blocks"] < 20


def test_without_the_indexes_the_whole_table_is_read(many: Connection) -> None:
    many.execute("DROP INDEX idx_trigger_index_lookup, idx_trigger_index_key, idx_trigger_index_type")
    cursor = psycopg.ClientCursor(many)
    cursor.execute(("EXPLAIN (FORMAT json) " + SPECIFIED).encode(), {"subtype": "CRON", "key": "key 777"})
    row = cursor.fetchone()
    assert row is not None
    assert any(node["Node Type"] == "Seq Scan" for node in nodes(row[0][0]["Plan"])), "the test above cannot fail"


def test_each_kind_of_trigger_is_found_by_its_key_while_it_is_active(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    first, second = uuid4(), uuid4()
    everything = [
        Trigger.webhook("/a", config={"method": "POST"}, node_id="n1"), Trigger.cron("@daily"), Trigger.slack("T1"),
        Trigger.email("in@x"), Trigger.github("a/b"), Trigger(name="manual", subtype="MANUAL", key="manual"),
    ]  # fmt: skip
    store.deployments.deploy(first, definition=None, triggers=everything, user_id=TENANT)
    store.deployments.deploy(second, definition=None, triggers=everything[1:])
    drain(database_url)
    (webhook,) = store.triggers.by_webhook("/a")
    assert (webhook.workflow_id, webhook.name, webhook.node_id, webhook.config, webhook.user_id) == (
        first, "webhook", "n1", {"method": "POST"}, TENANT,
    )  # fmt: skip

    def found(of: runfold.Store) -> list[list[UUID]]:
        lookups = (
            of.triggers.by_cron("@daily"), of.triggers.by_slack("T1"), of.triggers.by_email("in@x"),
            of.triggers.by_github("a/b"), of.triggers.all_of("MANUAL"),
        )  # fmt: skip
        return [[one.workflow_id for one in lookup] for lookup in lookups]

    assert found(store) == [sorted([first, second])] * 5
    with runfold.connect(database_url, user_id=TENANT) as tenant:
        assert found(tenant) == [[first]] * 5
    store.deployments.undeploy(first)
    drain(database_url)
    assert found(store) == [[second]] * 5
    assert store.triggers.by_webhook("/a") == []

"""Lists: every filter, pages that neither repeat nor skip a row, and the indexes that make them fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold import events
from runfold.errors import InvalidInput
from runfold.reading.executions import Filter, list_executions
from runfold.reading.lists import list_deployments, list_interactions
from runfold.reading.pages import PageToken
from runfold.reading.status import statement
from tests.cli.running import NOON, WORKFLOW, add_rows, ask, execution, ms, run
from tests.fixtures.processes import drain

pytest_plugins = ["tests.fixtures.stores"]

Connection = psycopg.Connection[Any]
List = Callable[..., list[dict[str, Any]]]
LISTS: dict[str, List] = {
    "executions": list_executions,
    "executions of a status": lambda connection, **page: list_executions(connection, Filter(status="ERROR"), **page),
    "executions of a workflow": lambda connection, **page: list_executions(
        connection, Filter(workflow_id=WORKFLOW), **page
    ),
    "pending interactions": lambda connection, **page: list_interactions(connection, status="pending", **page),
    "interactions": list_interactions,
    "deployments": list_deployments,
}


@pytest.fixture
def rows(connection: Connection) -> Connection:
    """A database with 500 rows in each list."""
    add_rows(connection, 500)
    return connection


@pytest.fixture(scope="module")
def many_rows(module_database_url: str) -> Iterator[Connection]:
    """A database with 20,000 rows in each list, which the tests of this file only read."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        add_rows(connection, 20_000)
        # Where all rows are of one workflow, the list of all has the same order: another one makes them differ.
        connection.execute(
            "UPDATE workflow_executions SET workflow_id = gen_random_uuid() WHERE last_event_position % 3 > 0"
        )
        connection.execute("UPDATE workflow_executions SET status = 'RUNNING' WHERE last_event_position % 50 = 1")
        connection.execute("ANALYZE workflow_executions")
        connection.execute("SET default_transaction_read_only = on")
        yield connection


@pytest.mark.parametrize("name", LISTS)
def test_pages_hold_every_row_once_and_in_order_also_between_equal_times(rows: Connection, name: str) -> None:
    listed = LISTS[name]
    whole = [row["id"] for row in listed(rows, limit=10_000)]
    assert len(whole) >= 100
    paged: list[Any] = []
    token = None
    while page := listed(rows, after=token, limit=7):
        paged += [row["id"] for row in page]
        token = PageToken.parse(page[-1]["page_token"])
    assert paged == whole
    assert len(set(whole)) == len(whole)


def test_interactions_come_by_deadline_and_those_without_one_last(rows: Connection) -> None:
    deadlines = [row["timeout_at"] for row in list_interactions(rows, limit=10_000)]
    dated = [deadline for deadline in deadlines if deadline is not None]
    assert dated == sorted(dated)
    assert deadlines == dated + [None] * (len(deadlines) - len(dated))
    assert 0 < len(dated) < len(deadlines)


def plan(connection: Connection, name: str, parameters: dict[str, Any]) -> str:
    explained = connection.execute(f"EXPLAIN {statement(name)}", parameters, prepare=False)  # type: ignore[arg-type]
    return "\n".join(line for (line,) in explained)


EXECUTION_FILTERS = ("status", "workflow", "mode", "trigger", "parent", "since", "until", "min_duration", "error")


@pytest.mark.parametrize(
    ("chosen", "index"),
    [
        ({}, "idx_executions_created"),
        ({"workflow": WORKFLOW}, "idx_executions_workflow_id"),
        ({"status": "RUNNING"}, "idx_executions_status_created"),
        ({"parent": "e1"}, "idx_executions_parent_execution_id"),
    ],
    ids=["all", "workflow", "status", "parent"],
)
@pytest.mark.parametrize("deep", [False, True], ids=["first page", "deep page"])
def test_a_page_of_executions_is_read_from_an_index(
    many_rows: Connection, chosen: dict[str, Any], index: str, deep: bool
) -> None:
    place = {"after_time": NOON - timedelta(seconds=1500) if deep else None, "after_id": uuid4() if deep else None}
    found = plan(many_rows, "executions", {**dict.fromkeys(EXECUTION_FILTERS), **chosen, **place, "limit": 20})
    assert index in found, found
    assert "Seq Scan on workflow_executions" not in found
    if deep and "parent" not in chosen:
        assert "Index Cond" in found, found


def test_pages_of_interactions_and_deployments_are_read_from_an_index(many_rows: Connection) -> None:
    everything = {"status": None, "workflow": None, "after_time": None, "after_id": None, "limit": 20}
    assert "idx_deployment_history_started_at" in plan(many_rows, "deployments", everything)
    place = {"status": "pending", "after_time": NOON + timedelta(seconds=900), "after_id": uuid4()}
    assert "idx_human_interactions_pending_timeout" in plan(many_rows, "interactions", {**everything, **place})


def test_every_filter_of_executions_leaves_out_the_others(store: runfold.Store, database_url: str) -> None:
    end = ms(NOON) + 2500
    store.append_many(
        [
            execution("plain", events.ExecutionSucceeded(end_time=end)),
            execution("child", parent_execution_id="plain", at=NOON + timedelta(hours=1)),
            execution("other", workflow_id=uuid4(), at=NOON + timedelta(hours=2)),
            execution("failed", events.ExecutionFailed(end_time=end + 60_000, error_message="Disk is 100% full")),
            execution("hooked", mode="WEBHOOK", trigger_subtype="WEBHOOK", at=NOON + timedelta(hours=3)),
        ]
    )
    drain(database_url)

    def ids(*words: str) -> set[str]:
        return {row["execution_id"] for row in ask(database_url, "execution", "list", *words)}

    assert ids() == {"plain", "child", "other", "failed", "hooked"}
    assert ids("--status", "success") == {"plain"}
    assert ids("--workflow", str(WORKFLOW)) == {"plain", "child", "failed", "hooked"}
    assert ids("--parent", "plain") == {"child"}
    assert ids("--mode", "webhook") == ids("--trigger", "webhook") == {"hooked"}
    assert ids("--since", "2026-03-01T14:00") == {"other", "hooked"}
    assert ids("--until", "2026-03-01T13:00:00+00:00") == {"plain", "failed"}
    assert ids("--min-duration", "10s") == {"failed"}
    assert ids("--min-duration", "2.5s") == {"plain", "failed"}
    assert ids("--error", "disk is 100%") == {"failed"}
    assert ids("--error", "1_0%") == set(), "signs of LIKE are texts here"
    assert ids("--status", "error", "--since", "2026-03-02") == set()


def test_the_cursor_under_a_page_gives_the_next_one(rows: Connection, database_url: str) -> None:
    first = run(database_url, "execution", "list", "--limit", "3")
    assert first.stderr.startswith("more: --after ")
    second = ask(database_url, "execution", "list", "--limit", "3", *first.stderr.split()[1:])
    listed = list_executions(rows, limit=6)
    assert [row["execution_id"] for row in second] == [row["execution_id"] for row in listed[3:]]
    assert second[-1]["page_token"] == listed[-1]["page_token"]
    last = run(database_url, "deployment", "list", "--limit", "10000")
    assert "more:" not in last.stderr


def test_interactions_and_deployments_are_listed(store: runfold.Store, database_url: str) -> None:
    deployment, interaction = uuid4(), uuid4()
    about: dict[str, Any] = {"deployment_id": deployment, "deployment_version": 3, "deployment_config": {}}
    store.append_many(
        [
            execution("asking"),
            runfold.Append(
                stream_id=f"interaction-{interaction}",
                events=[
                    events.InteractionRequested(
                        workflow_id=WORKFLOW, execution_id="asking", node_id="n", interaction_type="approval",
                        channel_type="in_app", priority="high", timeout_at=NOON,
                        request_data={"question": "Go\x1b[31m on?"},
                    )
                ],
            ),
            runfold.Append(
                stream_id=f"deployment-{WORKFLOW}",
                events=[
                    events.DeploymentStarted(
                        **about, deployment_action="DEPLOY", from_status="IDLE", to_status="DEPLOYING", started_at=NOON
                    )
                ],
            ),
        ]
    )  # fmt: skip
    drain(database_url)
    (asked,) = ask(database_url, "interaction", "list")
    assert (asked["id"], asked["execution_id"], asked["status"]) == (str(interaction), "asking", "pending")
    assert ask(database_url, "interaction", "list", "--status", "responded") == []
    shown = run(database_url, "interaction", "list").stdout
    assert "ago" in shown
    assert "\x1b" not in shown, "what an event says steers no terminal"
    (deployed,) = ask(database_url, "deployment", "list", "--status", "deploying")
    assert (deployed["deployment_id"], deployed["deployment_version"]) == (str(deployment), 3)
    assert ask(database_url, "deployment", "list", "--status", "deployed") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["execution", "list", "--status", "nonsense"], 2),
        (["execution", "list", "--since", "yesterday"], 2),
        (["execution", "list", "--min-duration", "10 parsecs"], 2),
        (["interaction", "list", "--status", "nonsense"], 2),
        (["execution", "list", "--after", "nonsense"], 1),
        (["execution", "list", "--after", f"{9 * 10**17}.{WORKFLOW.hex}"], 1),
        (["execution", "show", "nobody"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_can_not_be_listed_says_so_without_a_traceback(words: list[str], code: int, database_url: str) -> None:
    refused = run(database_url, *words)
    assert refused.returncode == code
    assert "Traceback" not in refused.stderr
    if code == 1:
        assert refused.stderr.startswith("error: ")
        assert refused.stderr.count("\n") == 1


def test_a_cursor_is_read_back_as_it_was_written() -> None:
    for token in (PageToken(NOON + timedelta(microseconds=1), uuid4()), PageToken(None, uuid4())):
        assert PageToken.parse(str(token)) == token
    for text in ("", "1", "1.2", "last", f"last.{uuid4()}", f"{10**20}.{uuid4().hex}", "1.g" + "0" * 31):
        with pytest.raises(InvalidInput):
            PageToken.parse(text)

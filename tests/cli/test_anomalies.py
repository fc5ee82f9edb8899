"""`runfold anomalies list`: which event was not allowed, and whether it was applied."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from runfold.errors import InvalidInput
from runfold.reading.anomalies import AnomalyToken, list_anomalies
from tests.cli.conftest import Runfold
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain
from tests.model.payloads import INTERACTIONS, RESPONSES

RESPONSE = f"response-{RESPONSES[0]}"


@pytest.fixture
def odd(log: Log, database_url: str) -> Log:
    """A log with one anomaly of each kind."""
    log.append("execution-a", event("NodeStarted", activation="n"))
    log.append("execution-a", *run("a"), event("ExecutionStarted"), event("ExecutionCreated", execution_id="a"))
    log.append("execution-a", event("PauseOpened", pause="p"))
    log.append("execution-b", event("ExecutionCreated", execution_id="b"), event("ExecutionSucceeded"))
    log.append(RESPONSE, event("ResponseMatched"), event("ResponseReceived"))
    log.append(RESPONSE, event("ResponseMatched", interaction_id=INTERACTIONS[0]))
    drain(database_url)
    return log


def summaries(rows: list[dict[str, Any]]) -> list[tuple[str, str, bool, str]]:
    return [(row["code"], row["type"], row["applied"], row["made"]) for row in rows]


def test_each_says_what_the_fold_made_of_it(odd: Log, runfold: Runfold) -> None:
    rows = runfold("anomalies", "list", "--json").json()
    assert summaries(rows) == [
        ("missing_row", "NodeStarted", False, "not applied: there was no row"),
        ("after_end", "ExecutionStarted", False, "not applied: it had ended as SUCCESS"),
        ("already_exists", "ExecutionCreated", False, "not applied: there was one already"),
        ("execution_ended", "PauseOpened", False, "not applied: the execution had ended"),
        ("illegal_transition", "ExecutionSucceeded", True, "applied: NEW -> SUCCESS"),
        ("missing_row", "ResponseMatched", False, "not applied: there was no row"),
        ("missing_row", "ResponseMatched", True, "applied, without the interaction: there was no such one"),
    ]
    assert set(rows[0]) == {
        "position", "projection", "code", "stream_id", "user_id", "detail", "stream_version", "type", "occurred_at",
        "recorded_at", "actor", "had_row", "applied", "made", "page_token",
    }  # fmt: skip


@pytest.mark.parametrize("columns", [80, 200])
def test_the_list_is_readable(odd: Log, runfold: Runfold, columns: int) -> None:
    shown = runfold("anomalies", "list", columns=columns)
    assert shown.code == 0
    assert "execution-a" in shown.out
    assert "NEW -> SUCCESS" in " ".join(shown.out.split())
    assert max(map(len, shown.out.splitlines())) <= columns


def test_filters_leave_out_the_others(odd: Log, runfold: Runfold) -> None:
    def codes(*words: str) -> list[str]:
        return [row["code"] for row in runfold("anomalies", "list", "--json", *words).json()]

    assert codes("--stream", "execution-b") == ["illegal_transition"]
    assert codes("--projection", "node_executions") == ["missing_row"]
    assert codes("--code", "AFTER_END") == ["after_end"]
    assert codes("--code", "missing_row", "--stream", RESPONSE) == ["missing_row"] * 2
    assert codes("--since", "9999-01-01") == []
    assert len(codes("--since", "1h")) == 7
    first = runfold("anomalies", "list", "--json").json()[0]
    assert len(codes("--after", str(first["position"]))) == 6
    assert len(codes("--after", str(first["position"] - 1))) == 7


def test_a_page_goes_on_where_the_one_before_ended(odd: Log, connection: psycopg.Connection[Any]) -> None:
    whole = [row["page_token"] for row in list_anomalies(connection, limit=100)]
    for size in (1, 2, 3):
        walked: list[str] = []
        after = None
        while rows := list_anomalies(connection, after=after, limit=size):
            walked += [row["page_token"] for row in rows]
            after = AnomalyToken.parse(walked[-1])
        assert walked == whole


def test_two_anomalies_of_one_event_are_two_rows_of_a_page(connection: psycopg.Connection[Any], log: Log) -> None:
    position = log.append("execution-a", event("ExecutionStarted"))
    connection.execute(
        "INSERT INTO runfold.anomalies"
        " VALUES (%(at)s, 'workflow_executions', 'missing_row', 'execution-a', NULL, '{}'),"
        " (%(at)s, 'node_executions', 'missing_row', 'execution-a', NULL, '{}')",
        {"at": position},
    )
    (first,) = list_anomalies(connection, limit=1)
    (second,) = list_anomalies(connection, limit=1, after=AnomalyToken.parse(first["page_token"]))
    assert [first["projection"], second["projection"]] == ["node_executions", "workflow_executions"]
    assert list_anomalies(connection, after=AnomalyToken(position)) == []


def test_none_is_said(runfold: Runfold) -> None:
    assert runfold("anomalies", "list").out == "no anomalies\n"
    assert runfold("anomalies", "list", "--json").json() == []


@pytest.mark.parametrize("text", ["", "x", "-1", "1.", "1.5e3.x", "9" * 19, "٣"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    if text == "1.5e3.x":
        assert AnomalyToken.parse(text) == AnomalyToken(1, "5e3.x")
        return
    with pytest.raises(InvalidInput):
        AnomalyToken.parse(text)


def test_mistakes_say_what_there_is(runfold: Runfold) -> None:
    refused = runfold("anomalies", "list", "--code", "odd")
    assert refused.code == 2
    assert "execution_ended" in refused.err
    line = runfold("anomalies", "list", "--after", "soon")
    assert (line.code, line.err) == (
        1,
        "error: 'soon' is not a page token: pass a position, or the `after` value that a list printed\n",
    )

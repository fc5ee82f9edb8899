"""An execution's two streams share a name: what is folded again for one of them leaves the rows of the other."""

from __future__ import annotations

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling import affected
from runfold.projections.reconciling.replay import replay
from runfold.projections.reconciling.verify import verify
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain


@pytest.fixture
def folded(log: Log, database_url: str) -> Log:
    log.append("execution-1", *run("1"), event("ModelCalled"), event("ModelCalled", activation="n1#1"))
    log.append("log-1", event("LogAppended"))
    drain(database_url)
    return log


@pytest.mark.parametrize("stream", ["execution-1", "log-1"])
def test_a_replay_of_one_stream_leaves_the_rows_of_the_other(folded: Log, database_url: str, stream: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        done = {item.projection: item.differing for item in replay(connection, load_catalogue(), stream)}
    assert {done["model_calls"], done["workflow_execution_logs"]} == {0}
    folded.assert_folded()


@pytest.mark.parametrize("stream", ["execution-1", "log-1"])
@pytest.mark.parametrize("table", ["model_calls", "workflow_execution_logs"])
def test_what_was_lost_of_either_is_mended_from_either(folded: Log, database_url: str, stream: str, table: str) -> None:
    assert folded.connection.execute(f"DELETE FROM public.{table}".encode()).rowcount > 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        done = {item.projection: item.differing for item in replay(connection, load_catalogue(), stream)}
    assert done[table] > 0
    folded.assert_folded()
    assert_nothing_differs(database_url)


@pytest.mark.parametrize("stream", ["execution-1", "log-1"])
def test_a_verification_of_one_stream_finds_nothing(folded: Log, database_url: str, stream: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = list(verify(connection, load_catalogue(), streams=[stream]))
    assert {each.projection: each.differing for each in found if each.differing} == {}


def test_control_without_the_other_stream_its_rows_are_taken_for_wrong(
    folded: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = affected.ask
    monkeypatch.setattr(
        affected, "ask", lambda cursor, query, *rest: set() if query.startswith("both_") else ask(cursor, query, *rest)
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        done = {item.projection: item.differing for item in replay(connection, load_catalogue(), "execution-1")}
    assert done["workflow_execution_logs"] > 0

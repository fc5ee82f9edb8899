"""`runfold execution at`: an execution as it was, by position, time or event, for people and for scripts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

import runfold
from runfold import events
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.barriers import statement as barrier_statement
from runfold.projections.folding.fold import events_of_some
from runfold.reading.status import statement
from tests.cli.running import NOON, WORKFLOW, ask, execution, ms, run
from tests.fixtures.processes import drain

pytest_plugins = ["tests.fixtures.stores"]


def node(kind: type[events.Event], activation: str, **about: Any) -> events.Event:
    return kind(**{"activation": activation, "node_id": activation, **about})


@pytest.fixture
def written(store: runfold.Store, database_url: str) -> runfold.Store:
    """A store with an execution of six events, its log and a child; the first append of the log is another's."""
    store.append_many([execution("other")])
    store.append_many(
        [
            execution(
                "e",
                node(events.NodeStarted, "fetch", node_type="TOOL", attempt=1, start_time=ms(NOON) + 2000),
                node(events.NodeSucceeded, "fetch", end_time=ms(NOON) + 3000, output_data={"n": 1}),
                node(events.NodeStarted, "send", node_type="TOOL", attempt=1, start_time=ms(NOON) + 4000),
                events.ExecutionFailed(end_time=ms(NOON) + 5000, error_message="out of paper"),
            ),
            execution("child", parent_execution_id="e"),
            runfold.Append(
                stream_id="log-e",
                events=[events.LogAppended(level="INFO", event_type="workflow_progress", message="hello")],
            ),
        ]
    )
    return store


def test_each_event_has_its_state(written: runfold.Store, database_url: str) -> None:
    # No worker has run: the past comes from the log alone.
    states = []
    for n in range(1, 7):
        found = ask(database_url, "execution", "at", "e", "--event", str(n))
        assert found["as_of"]["event"]["stream_version"] == n
        states.append((found["status"], [(row["activation"], row["status"]) for row in found["nodes"]]))
    assert states == [
        ("NEW", []),
        ("RUNNING", []),
        ("RUNNING", [("fetch", "RUNNING")]),
        ("RUNNING", [("fetch", "SUCCESS")]),
        ("RUNNING", [("fetch", "SUCCESS"), ("send", "RUNNING")]),
        ("ERROR", [("fetch", "SUCCESS"), ("send", "CANCELED")]),
    ]


def test_the_end_of_the_past_is_the_present(written: runfold.Store, database_url: str) -> None:
    drain(database_url)
    last = written.read_all()[-1].position
    then = ask(database_url, "execution", "at", "e", "--position", str(last))
    now = ask(database_url, "execution", "show", "e")
    as_of = then.pop("as_of")
    assert then == now
    assert [row["message"] for row in now["logs"]] == ["hello"]
    assert [row["execution_id"] for row in now["children"]] == ["child"]
    assert (as_of["position"], as_of["parked_streams"], as_of["discarded_events"]) == (last, [], [])
    assert set(as_of["event"]) == {"position", "stream_version", "type", "occurred_at", "recorded_at"}


def test_a_time_is_the_server_s(written: runfold.Store, database_url: str) -> None:
    found = ask(database_url, "execution", "at", "e", "--time", "9999-01-01")
    assert found["status"] == "ERROR"
    gone = run(database_url, "execution", "at", "e", "--time", (NOON - timedelta(days=9999)).isoformat())
    assert (gone.returncode, gone.stderr.count("\n")) == (1, 1)
    assert gone.stderr.startswith("error: no event was recorded up to")


@pytest.mark.parametrize("columns", [80, 200])
def test_the_tree_is_that_of_show_and_says_where_it_is(written: runfold.Store, database_url: str, columns: int) -> None:
    shown = run(database_url, "execution", "at", "e", "--event", "3", columns=columns)
    assert shown.returncode == 0, shown.stderr
    text = " ".join(shown.stdout.split())
    for words in ("as of position 5, after event 3: NodeStarted", "status RUNNING", "└─ fetch ● running"):
        assert words in text
    assert "send" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= columns


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["e"], 2, "give exactly one of --position, --time and --event"),
        (["e", "--position", "3", "--event", "1"], 2, "give exactly one of --position, --time and --event"),
        (["e", "--time", "noonish"], 2, "is not a time"),
        (["e", "--event", "0"], 2, "--event"),
        (["e", "--event", "7"], 1, "error: execution e has no event 7: choose one from 1 to 6"),
        (["e", "--position", "9999"], 1, "error: position 9999 is beyond the safe head, 11"),
        (["e", "--position", "0"], 1, "error: the log has no position 0: give"),
        (["nobody", "--position", "3"], 1, "error: there is no execution 'nobody': see"),
        (["nobody", "--event", "1"], 1, "error: there is no execution 'nobody'"),
        (["e", "--position", "1"], 1, "error: there was no execution 'e' at position 1: choose a later"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_say_what_to_do(
    written: runfold.Store, database_url: str, words: list[str], code: int, said: str
) -> None:
    refused = run(database_url, "execution", "at", *words)
    assert refused.returncode == code
    assert said in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_a_deleted_workflow_s_execution_is_gone_at_the_deletion_and_there_before(
    written: runfold.Store, database_url: str
) -> None:
    before = written.read_all()[-1].position
    written.workflows.delete(WORKFLOW)
    gone = run(database_url, "execution", "at", "e", "--position", str(before + 1))
    assert gone.stderr.startswith(f"error: there was no execution 'e' at position {before + 1}: choose a later")
    assert ask(database_url, "execution", "at", "e", "--position", str(before))["status"] == "ERROR"


def test_an_execution_s_streams_are_read_by_index(connection: psycopg.Connection[Any]) -> None:
    """The log is not scanned, although it has 20,000 events of others."""
    connection.execute(
        """
        INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type,
                                    schema_version, data, metadata, occurred_at, recorded_at)
        SELECT n, n, 'execution-' || n / 10, 1 + n % 10, gen_random_uuid(), 'execution',
               CASE n % 10 WHEN 0 THEN 'ExecutionCreated' ELSE 'NodeStarted' END, 1,
               jsonb_build_object('workflow_id', gen_random_uuid()), '{}', now(), now()
          FROM generate_series(1, 20000) AS n
        """
    )
    connection.execute("ANALYZE runfold.events")
    for name, parameters in {
        "streams_of_execution": {"execution_id": "7", "upto": 20_000},
        "barrier_streams": {
            "streams": ["execution-7", "log-7"],
            "upto": 20_000,
            "prefixes": ["deployment-", "tenant-"],
            "columns": ["workflow_id", "user_id"],
        },
        "types_of_streams": {"some": ["execution-7", "log-7"], "upto": 20_000},
        "event_of_stream": {"stream": "execution-7", "version": None, "upto": 20_000},
    }.items():
        text = barrier_statement(name) if name == "barrier_streams" else statement(name)
        query = text.replace("{events}", events_of_some(load_catalogue().groups["execution"]))
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {query}".encode(), parameters))
        # Empty partitions may be read whole.
        assert "Seq Scan on events_000000000001" not in plan, f"{name}\n{plan}"
        assert "events_000000000001" in plan

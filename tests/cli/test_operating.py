"""The first questions of operators, for people and for scripts: status, executions, parked streams, verification."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg

from tests.cli.conftest import Runfold
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain
from tests.fixtures.user_logins import login_of_users
from tests.projections.folding.test_parking import POISON, correct, smuggle


def group(found: dict[str, Any], name: str = "execution") -> dict[str, Any]:
    return next(item for item in found["groups"] if item["group"] == name)


def test_status_says_how_far_each_group_is_and_what_waits(log: Log, runfold: Runfold, database_url: str) -> None:
    log.append("execution-a", *run("a"))
    smuggle(log, "execution-sick", *POISON["a bad cast"][:2])
    drain(database_url)
    log.append("execution-b", *run("b"))
    answer = runfold("status", "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json()
    last = log.events[-1].position
    assert set(found) >= {
        "head", "safe_head", "held_back_by", "groups", "parked_streams", "anomalies", "leader", "verified",
    }  # fmt: skip
    assert (found["head"], found["safe_head"], found["held_back_by"], found["leader"]) == (last, last, [], None)
    execution = group(found)
    assert (execution["lag_events"], execution["lag_is_exact"], execution["parked"]) == (len(run("b")), True, 1)
    assert execution["lag_seconds"] > 0
    assert (group(found, "log")["lag_events"], group(found, "log")["lag_seconds"]) == (0, 0)
    assert [parked["stream_id"] for parked in found["parked_streams"]] == ["execution-sick"]
    shown = runfold("status")
    assert shown.code == 0
    for words in ("none: run `runfold worker`", "execution-sick", "22P02", "never: run `runfold projection verify`"):
        assert words in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_status_counts_a_lag_exactly_below_ten_thousand_and_says_so_beyond(log: Log, runfold: Runfold) -> None:
    def lag() -> tuple[int, bool, bool]:
        counted = group(runfold("status", "--json").json(), "log")
        return counted["lag_events"], counted["lag_is_exact"], "10,000 or more" in runfold("status").out

    for _ in range(11):
        log.append("log-a", *[event("LogAppended")] * 909)
    assert lag() == (9_999, True, False)
    log.append("log-a", event("LogAppended"))
    assert lag() == (10_000, False, True)


def test_status_names_who_holds_the_safe_head_back(log: Log, runfold: Runfold, database_url: str) -> None:
    with closing(psycopg.connect(database_url, application_name="a stuck engine")) as stuck:
        Log(stuck).append("execution-a", *run("a"))
        last = log.append("execution-b", *run("b"))
        found = runfold("status", "--json").json()
        assert (found["head"], found["safe_head"]) == (last, 0)
        assert [holder["pid"] for holder in found["held_back_by"]] == [stuck.info.backend_pid]
        shown = runfold("status", columns=120).out
        assert str(stuck.info.backend_pid) in shown
        assert "a stuck engine" in shown


def test_status_shows_why_a_group_is_stopped(log: Log, runfold: Runfold, database_url: str, tmp_path: Any) -> None:
    (tmp_path / "mine.sql").write_text(
        "-- name: mine\n-- version: 1\n-- group: own\n-- table: projections.mine\n-- key: id\n-- cross_stream: true\n"
        "-- events: ExecutionCreated\nINSERT INTO mine (id) SELECT stream_id FROM batch;\n"
    )
    log.append("execution-a", *run("a"))
    own = {"RUNFOLD_PROJECTIONS": str(tmp_path), "RUNFOLD_PROJECTIONS_URL": login_of_users(database_url)}
    drained = runfold("worker", "--once", **own)
    assert drained.code == 1
    assert drained.err.splitlines()[-1] == ('error: own: relation "mine" does not exist: see `runfold status`')
    assert group(runfold("status", "--json", **own).json(), "own")["stopped_error"] == 'relation "mine" does not exist'
    assert 'own is stopped at 0: relation "mine" does not exist' in runfold("status", **own).out
    log.assert_folded()


def test_worker_once_folds_what_is_there(log: Log, runfold: Runfold) -> None:
    last = log.append("execution-a", *run("a"))
    answer = runfold("worker", "--once", "--json")
    assert (answer.code, answer.json()) == (0, {"position": last, "waiting": {}})
    log.assert_folded()
    again = runfold("worker", "--once")
    assert (again.code, again.out.strip(), again.err) == (0, f"folded up to  {last}", "")


def test_projections_are_listed_with_their_versions(log: Log, runfold: Runfold, database_url: str) -> None:
    before = {row["name"]: row for row in runfold("projection", "list", "--json").json()}
    assert before["node_executions"]["built_version"] is None
    log.append("execution-a", *run("a"))
    drain(database_url)
    row = next(row for row in runfold("projection", "list", "--json").json() if row["name"] == "node_executions")
    assert (row["group"], row["table"], row["version"], row["built_version"], row["text_changed"]) == (
        "execution", "public.node_executions", row["version"], row["version"], False,
    )  # fmt: skip
    shown = runfold("projection", "list").out
    assert all(name in shown for name in before), "a name was folded"
    assert max(map(len, shown.splitlines())) <= 80


def test_verify_exits_with_1_and_names_the_column_when_a_row_differs(
    log: Log, runfold: Runfold, database_url: str
) -> None:
    log.append("execution-a", *run("a", metadata={"cost": 1.0}))
    drain(database_url)
    good = runfold("projection", "verify", "--json")
    assert good.code == 0
    assert {item["differing"] for item in good.json()} == {0}
    log.connection.execute("UPDATE public.workflow_executions SET metadata = jsonb_build_object('cost', 1.00)")
    bad = runfold("projection", "verify", "workflow_executions", "--json")
    assert bad.code == 1
    (found,) = bad.json()
    assert set(found) == {
        "projection", "group", "position", "rows", "differing", "differences", "parked_streams", "discarded_events",
        "streams", "left_out", "archived", "archived_rows",
    }  # fmt: skip
    (difference,) = found["differences"]
    assert (difference["kind"], set(difference["key"])) == ("different", {"id"})
    assert difference["columns"] == {"metadata": ['{"cost": 1.00}', '{"cost": 1.0}']}
    shown = runfold("projection", "verify", columns=120)
    assert shown.code == 1
    assert "workflow_executions: 1 row differs" in shown.out
    assert '{"cost": 1.00}' in shown.out
    assert "1 differences" in runfold("status").out


def test_a_parked_stream_is_listed_and_retried(log: Log, runfold: Runfold, database_url: str) -> None:
    assert runfold("parked", "list").out == "no parked streams\n"
    kind, data, _ = POISON["a bad cast"]
    position = smuggle(log, "execution-sick", kind, data)
    drain(database_url)
    (row,) = runfold("parked", "list", "--json").json()
    assert (row["stream_id"], row["group_name"], row["position"], row["sqlstate"]) == (
        "execution-sick", "execution", position, "22P02",
    )  # fmt: skip
    assert "  22P02: invalid input syntax for type uuid" in runfold("parked", "list").out
    again = runfold("parked", "retry", "execution-sick")
    assert again.code == 1
    assert "still parked: invalid input syntax" in again.out
    correct(log, position, {**event(kind)[1], "execution_id": "sick"})
    repaired = runfold("parked", "retry", "execution-sick", "--json")
    assert repaired.code == 0
    assert repaired.json() == [{"group": "execution", "stream_id": "execution-sick", "error": None}]
    log.assert_folded()
    absent = runfold("parked", "retry", "execution-sick")
    assert (absent.code, absent.err) == (1, "error: execution-sick is not parked: see `runfold parked list`\n")


def test_executions_are_listed_and_shown(log: Log, runfold: Runfold, database_url: str) -> None:
    assert "no executions" in runfold("execution", "list").out
    log.append("execution-a", *run("a"))
    log.append("execution-b", *run("b")[:-1], event("ExecutionFailed", error_message="out of paper"))
    log.append("log-b", event("LogAppended", message="hello"))
    drain(database_url)
    assert {row["execution_id"] for row in runfold("execution", "list", "--json").json()} == {"a", "b"}
    failed = runfold("execution", "list", "--status", "error", columns=120)
    assert "out of paper" in failed.out
    assert "SUCCESS" not in failed.out
    found = runfold("execution", "show", "b", "--json").json()
    assert (found["execution_id"], found["status"], found["error_message"]) == ("b", "ERROR", "out of paper")
    assert {row["activation"] for row in found["nodes"]} == {"n0", "n1"}
    assert [row["message"] for row in found["logs"]] == ["hello"]
    shown = runfold("execution", "show", "b").out
    for words in ("out of paper", "n0", "n1", "hello"):
        assert words in shown

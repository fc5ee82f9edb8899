"""Verify of one stream, of a sample of streams, and of all differences."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling import affected
from runfold.projections.reconciling.verify import Verification, verify
from runfold.worker import sampling
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import checkpoint, drain, eventually, worker
from tests.model.payloads import WORKFLOWS
from tests.projections.reconciling.rebuilding import append_everything, damage
from tests.projections.reconciling.test_commands import printed, typed


@pytest.fixture
def folded(log: Log, database_url: str) -> Log:
    append_everything(log, appends=6)
    for n in range(30):
        log.append(f"execution-s{n}", *run(f"s{n}", workflow_id=WORKFLOWS[1]))
    drain(database_url)
    return log


def verified(url: str, *names: str, **options: Any) -> dict[str, Verification]:
    with psycopg.connect(url, autocommit=True) as connection:
        return {item.projection: item for item in verify(connection, load_catalogue(), names, **options)}


def test_one_stream_is_verified_alone(folded: Log, database_url: str) -> None:
    folded.connection.execute(
        "UPDATE public.workflow_executions SET triggered_by = 'nobody' WHERE execution_id IN ('s3', 's4')"
    )
    found = verified(database_url, streams=["execution-s3"])["workflow_executions"]
    assert (found.rows, found.differing, found.streams) == (1, 1, 1)
    assert found.differences[0].columns == {"triggered_by": ("nobody", None)}
    assert verified(database_url, streams=["execution-s5"])["workflow_executions"].differing == 0
    assert verified(database_url, streams=["execution-s3"])["node_executions"].rows == 2


def test_a_sample_is_the_same_for_the_same_seed_and_finds_what_it_meets(folded: Log, database_url: str) -> None:
    folded.connection.execute("UPDATE public.workflow_executions SET triggered_by = 'nobody'")
    first = verified(database_url, sample=10, seed=7)["workflow_executions"]
    again = verified(database_url, sample=10, seed=7)["workflow_executions"]
    other = verified(database_url, sample=10, seed=8)["workflow_executions"]
    assert first.streams == 10
    assert 0 < first.differing == first.rows < 30
    assert first.differences == again.differences
    assert first.differences != other.differences
    everything = verified(database_url, sample=10_000)["workflow_executions"]
    assert everything.differing == everything.rows == verified(database_url)["workflow_executions"].rows


def test_a_healthy_sample_has_no_differences_in_any_table(folded: Log, database_url: str) -> None:
    for seed in range(3):
        found = verified(database_url, sample=12, seed=seed)
        assert {name: item.differences for name, item in found.items() if item.differing} == {}
        assert sum(item.rows for item in found.values()) > 12


def test_status_tells_samples_from_whole_verifications(folded: Log, database_url: str) -> None:
    import os
    import subprocess

    from tests.fixtures.processes import CONSOLE_SCRIPT

    def status() -> dict[str, Any]:
        environment = {**os.environ, "RUNFOLD_DATABASE_URL": database_url}
        done = subprocess.run([CONSOLE_SCRIPT, "status", "--json"], env=environment, capture_output=True, check=True)
        return dict(json.loads(done.stdout))

    assert (status()["verified"]["position"], status()["sample_verified"]["position"]) == (None, None)
    verified(database_url, sample=5)
    last = folded.events[-1].position
    assert status()["verified"]["position"] is None
    assert status()["sample_verified"]["position"] == last
    assert status()["sample_verified"]["streams"] == 5
    verified(database_url)
    assert status()["verified"]["position"] == last


def test_all_differences_are_told_one_a_line_and_a_limit_is_kept(folded: Log, database_url: str) -> None:
    damage(folded.connection)
    folded.connection.execute("UPDATE public.workflow_executions SET triggered_by = 'nobody'")
    expected = {name: item.differing for name, item in verified(database_url, limit=1000).items()}
    code, said, _ = typed(database_url, "verify", "--all-differences", "--json")
    assert code == 1
    lines = [json.loads(line) for line in said.splitlines()]
    told_of = [line["projection"] for line in lines if "difference" in line]
    assert {name: told_of.count(name) for name in expected} == expected
    summaries = {line["verification"]["projection"]: line["verification"] for line in lines if "verification" in line}
    assert {name: item["differing"] for name, item in summaries.items()} == expected
    code, limited = printed(database_url, "verify", "workflow_executions", "--limit", "3")
    assert (code, limited[0]["differing"]) == (1, expected["workflow_executions"])
    assert len(limited[0]["differences"]) == 3
    code, text, _ = typed(database_url, "verify", "--all-differences")
    assert code == 1
    assert text.count("triggered_by: nobody is None") > 30
    # One whose row was not lost.
    kept = "SELECT min(execution_id) FROM public.workflow_executions"
    (execution_id,) = folded.connection.execute(kept).fetchone() or (None,)
    code, text, _ = typed(database_url, "verify", "--stream", f"execution-{execution_id}", "--limit", "1")
    assert (code, "triggered_by" in text) == (1, True)
    assert typed(database_url, "verify", "--stream", "execution-s1", "--sample", "3")[0] == 2


def test_control_a_sample_that_folds_too_few_streams_is_found(
    folded: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = affected.AffectedRows
    monkeypatch.setattr(affected, "AffectedRows", lambda rows_of, _, barriers: whole(rows_of, rows_of[:1], barriers))
    found = verified(database_url, sample=12)
    assert sum(item.differing for item in found.values()) > 0


def test_an_idle_worker_verifies_samples_and_names_what_differs(
    folded: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "EVERY_SECONDS", 0.1)
    monkeypatch.setattr(sampling, "IDLE_FOR_SECONDS", 0.1)
    monkeypatch.setenv("RUNFOLD_VERIFY_STREAMS", "30")
    looked = "SELECT count(*), sum(differences) FROM runfold.sample_verifications"
    with worker(database_url) as running:
        eventually(lambda: (folded.connection.execute(looked).fetchone() or (0,))[0] > 10)
        assert "differs from the log" not in running.output
        folded.connection.execute("UPDATE public.workflow_executions SET triggered_by = 'nobody'")
        eventually(lambda: "workflow_executions differs from the log" in running.output)
        # It gives way: what is appended is folded as ever.
        eventually(lambda: folds(folded))
    assert folded.connection.execute("SELECT count(*) FROM runfold.verifications").fetchone() == (0,)


def folds(log: Log) -> bool:
    last = log.append("execution-more", ("ExecutionMetadataSet", {"metadata": {}}))
    eventually(lambda: checkpoint(log.connection) >= last)
    return True


def test_a_worker_verifies_nothing_unless_it_is_told_to(folded: Log, database_url: str) -> None:
    with worker(database_url) as running:
        eventually(lambda: folds(folded))
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'runfold worker verify'"
        assert folded.connection.execute(query).fetchone() == (0,)
        assert running.alive
    assert folded.connection.execute("SELECT count(*) FROM runfold.sample_verifications").fetchone() == (0,)

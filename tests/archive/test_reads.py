"""Who asks the log for what is archived is refused with the file and gets no part, or leaves it out on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import runfold
from runfold.errors import CheckpointAhead, InvalidInput, LogArchived, RunfoldError, StreamArchived
from runfold.events.envelope import Bookmark
from tests.cli.running import run as command
from tests.fixtures.archiving import archive_streams
from tests.fixtures.logs import Log, created, event, run
from tests.fixtures.processes import drain

WORKFLOW = "00000000-0000-4000-8000-0000000000ff"
OLD, LIVE = "execution-gone", "execution-live"


class Archived:
    """A log with an archived execution, one that lives, and the file."""

    def __init__(self, log: Log, url: str, folder: Path) -> None:
        self.url, self.folder, self.log = url, folder, log
        log.append(OLD, *run("gone", workflow_id=WORKFLOW))
        log.append("log-gone", event("LogAppended"))
        log.append(LIVE, *run("live", workflow_id=WORKFLOW)[:-1])
        drain(url)
        self.leave()

    def leave(self) -> None:
        (self.manifest,) = archive_streams(self.url, self.folder, [OLD, "log-gone"])
        self.head = self.manifest.to_position
        self.first = len(run("gone")) + 1


@pytest.fixture
def part(connection: psycopg.Connection[Any], database_url: str, tmp_path: Path) -> Archived:
    return Archived(Log(connection), database_url, tmp_path / "archive")


@pytest.fixture
def store(part: Archived) -> Iterator[Any]:
    with runfold.connect(part.url) as opened:
        yield opened


def past(store: Any, **what: Any) -> list[Any]:
    with store.as_of(position=6, **what) as then:
        return then.execute("SELECT execution_id FROM workflow_executions").fetchall()


READS: dict[str, tuple[type[RunfoldError], Callable[[Any], object]]] = {
    "a stream": (StreamArchived, lambda store: store.read_stream(OLD)),
    "the end of a stream": (StreamArchived, lambda store: store.read_stream(OLD, 3, limit=1)),
    "the log": (LogArchived, lambda store: store.read_all()),
    "a type": (LogArchived, lambda store: store.read_all(types=["ExecutionCreated"])),
    "some streams": (StreamArchived, lambda store: store.read_all(streams=[LIVE, OLD])),
    "its category": (LogArchived, lambda store: store.read_all(category="execution")),
    "a subscription": (LogArchived, lambda store: next(store.subscribe())),
    "a subscription with a name": (LogArchived, lambda store: next(store.subscribe(subscription="new"))),
    "a subscription to a stream": (StreamArchived, lambda store: next(store.subscribe(streams=[OLD]))),
    "an execution's handle": (StreamArchived, lambda store: store.executions.get("gone")),
    "a command on it": (StreamArchived, lambda store: store.executions.get("gone").pause(reason="late")),
    "the past of it": (StreamArchived, lambda store: past(store, execution="gone")),
    "the past of its stream": (StreamArchived, lambda store: past(store, streams=[OLD])),
    "the past of everything": (LogArchived, past),
}


@pytest.mark.parametrize("read", READS)
def test_what_is_archived_is_refused_with_its_file_and_what_to_do(part: Archived, store: Any, read: str) -> None:
    refusal, ask = READS[read]
    with pytest.raises(refusal) as refused:
        ask(store)
    assert part.manifest.file in refused.value.message
    assert "runfold archive restore" in str(refused.value.hint)
    assert refused.value.code in ("stream_archived", "log_archived")


LEFT_OUT: dict[str, Callable[[Any], Any]] = {
    "the log": lambda store: {each.stream_id for each in store.read_all(archived="skip")},
    "some streams": lambda store: {each.stream_id for each in store.read_all(streams=[LIVE, OLD], archived="skip")},
    "a subscription": lambda store: {next(store.subscribe(archived="skip")).event.stream_id},
    "one with a name": lambda store: {next(store.subscribe(subscription="s", archived="skip")).event.stream_id},
    "what lives": lambda store: {each.stream_id for each in store.read_stream(LIVE)},
    "streams that live": lambda store: {each.stream_id for each in store.read_all(streams=[LIVE])},
    "a category that never leaves": lambda store: {LIVE} | {e.stream_id for e in store.read_all(category="deployment")},
}


@pytest.mark.parametrize("read", LEFT_OUT)
def test_what_is_archived_may_be_left_out_and_what_is_in_the_log_is_read(store: Any, read: str) -> None:
    assert LEFT_OUT[read](store) == {LIVE}


def test_the_past_may_leave_out_what_is_archived(part: Archived, store: Any) -> None:
    with store.as_of(position=part.head, archived="skip") as then:
        assert then.execute("SELECT execution_id FROM workflow_executions").fetchall() == [("live",)]


def test_another_word_than_skip_is_refused(store: Any) -> None:
    with pytest.raises(InvalidInput, match="archived"):
        store.read_all(archived="yes")


def test_from_the_archived_head_on_nothing_is_refused(part: Archived, store: Any) -> None:
    """The limit at its edge."""
    part.log.append(LIVE, event("ExecutionSucceeded"))
    assert [each.type for each in store.read_all(part.head)] == ["ExecutionSucceeded"]
    with pytest.raises(LogArchived) as refused:
        store.read_all(part.head - 1)
    assert (refused.value.position, refused.value.archived_head) == (part.head - 1, part.head)


def test_control_a_log_without_an_archive_is_read_whole(part: Archived, store: Any) -> None:
    part.log.connection.execute("UPDATE runfold.archives SET state = 'written', left_events = 0, left_streams = 0")
    assert {each.stream_id for each in store.read_all()} == {LIVE}


def test_a_subscription_that_is_refused_keeps_no_bookmark(part: Archived, store: Any) -> None:
    """A bookmark at 0 would hold the archive for ever."""
    with pytest.raises(LogArchived):
        next(store.subscribe(subscription="new"))
    assert part.log.connection.execute("SELECT name FROM runfold.subscriptions").fetchall() == []


def test_a_bookmark_whose_event_is_archived_goes_on(part: Archived, store: Any) -> None:
    bookmark = Bookmark(3, UUID("00000000-0000-7000-8000-000000000003"))
    with pytest.raises(LogArchived):
        store.read_all(bookmark)
    assert {each.stream_id for each in store.read_all(bookmark, archived="skip")} == {LIVE}
    part.log.append(LIVE, event("ExecutionSucceeded"))
    with pytest.raises(CheckpointAhead):
        store.read_all(Bookmark(part.head + 1, bookmark.event_id), archived="skip")


def test_what_came_later_to_an_archived_stream_is_read_from_there_on(part: Archived, store: Any) -> None:
    connection = part.log.connection
    ((version,),) = connection.execute("SELECT version FROM runfold.streams WHERE stream_id = %s", (OLD,)).fetchall()
    kind, data = event("ExecutionMetadataSet", metadata={"late": 1})
    late = {"event_id": str(UUID(int=7)), "type": kind, "data": data, "occurred_at": "2026-01-01T00:00:00Z"}
    call = json.dumps([{"stream_id": OLD, "expected_version": version, "events": [late]}])
    connection.execute("SELECT runfold.append_events(%s)", (call,))
    assert [each.type for each in store.read_stream(OLD, version)] == [kind]
    assert [each.type for each in store.read_all(part.head, streams=[OLD])] == [kind]
    assert [each.type for each in store.read_all(3, streams=[OLD], archived="skip")] == [kind]
    with pytest.raises(StreamArchived):
        store.read_stream(OLD, version - 1)


def test_a_tenant_is_refused_without_the_name_of_the_file(part: Archived) -> None:
    """Which files there are is nothing for tenants."""
    from tests.fixtures.logs import TENANT

    with runfold.connect(part.url) as opened, pytest.raises(StreamArchived) as refused:
        opened.as_user(TENANT).read_stream(OLD)
    assert part.manifest.file not in refused.value.message


COMMANDS = {
    "the log": (["execution", "tail", "--from", "0", "--no-follow"], 0),
    "an export": (["export"], 0),
    "an export to XES": (["export", "--format", "xes"], 0),
    "an execution's tail": (["execution", "tail", "gone", "--no-follow"], None),
    "an execution at": (["execution", "at", "gone", "--event", "3"], None),
    "why": (["why", "workflow_executions", "gone", "status"], None),
    "a difference": (["execution", "diff", "gone", "live"], None),
    "a replay": (["projection", "replay", "--stream", OLD], None),
    "a verification of it": (["projection", "verify", "--stream", OLD], None),
    "a table across streams": (["projection", "verify", "workflow_status"], None),
    "its rebuild": (["projection", "rebuild", "workflow_status"], None),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_commands_refuse_what_is_archived_in_words(part: Archived, what: str) -> None:
    words, skips = COMMANDS[what]
    done = command(part.url, *words)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert part.manifest.file in done.stderr
    assert "archive" in done.stderr
    if skips is not None:
        left = command(part.url, *words, "--archived", "skip")
        assert left.returncode == skips, left.stderr
        assert "gone" not in left.stdout


def test_commands_fold_what_is_archived_with_the_folder(part: Archived) -> None:
    missing = command(part.url, "projection", "verify", "--archived")
    assert (missing.returncode, "RUNFOLD_ARCHIVE" in missing.stderr) == (2, True)
    whole = command(part.url, "projection", "verify", "--archived", "--archive", str(part.folder))
    assert whole.returncode == 0, whole.stderr
    without = command(part.url, "projection", "verify")
    assert without.returncode == 0, without.stderr
    assert "workflow_status: not compared" in without.stdout
    assert "workflow_executions: 1 rows of archived streams were not compared" in without.stdout
    rebuilt = command(
        part.url, "projection", "rebuild", "--all", "--archived", "--archive", str(part.folder), "--dry-run"
    )
    assert rebuilt.returncode == 0, (rebuilt.stdout, rebuilt.stderr)


def test_a_deletion_takes_the_rows_of_archived_executions_along(part: Archived) -> None:
    part.log.append(f"deployment-{WORKFLOW}", event("WorkflowDeleted"))
    drain(part.url)
    for table in ("workflow_executions", "node_executions", "workflow_execution_logs"):
        assert part.log.connection.execute(f"SELECT count(*) FROM public.{table}".encode()).fetchall() == [(0,)], table


def test_control_without_the_list_of_archived_executions_rows_stay(part: Archived) -> None:
    part.log.connection.execute("DELETE FROM runfold.archived_executions")
    part.log.append(f"deployment-{WORKFLOW}", event("WorkflowDeleted"))
    drain(part.url)
    assert part.log.connection.execute("SELECT count(*) FROM public.workflow_execution_logs").fetchall() == [(1,)]


def test_a_stream_without_events_in_the_log_cannot_be_marked(part: Archived) -> None:
    connection = part.log.connection
    connection.execute("UPDATE runfold.streams SET archived_at = NULL, archived_version = NULL, archived_digest = NULL")
    assert connection.execute("SELECT count(*) FROM runfold.archived_executions").fetchall() == [(0,)]
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        connection.execute(
            "UPDATE runfold.streams SET archived_at = now(), archived_version = version, archived_digest = sha256('')"
            " WHERE stream_id = %s",
            (OLD,),
        )


def test_the_past_of_a_parent_with_an_archived_child_is_refused(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    log = Log(connection)
    log.append("execution-parent", created("parent", workflow_id=WORKFLOW))
    log.append("execution-child", *run("child", workflow_id=WORKFLOW, parent_execution_id="parent"))
    drain(database_url)
    archive_streams(database_url, tmp_path, ["execution-child"])
    with runfold.connect(database_url) as store:
        with pytest.raises(StreamArchived, match="execution-child"):
            past(store, execution="parent")
        with nullcontext():
            assert past(store, streams=["execution-parent"]) == [("parent",)]


def test_the_row_of_an_archived_execution_is_shown_without_its_attempts(part: Archived) -> None:
    shown = command(part.url, "execution", "show", "gone")
    assert shown.returncode == 0, shown.stderr
    assert "SUCCESS" in shown.stdout
    assert f"archived, in {part.manifest.file}" in shown.stdout
    live = command(part.url, "execution", "show", "live")
    assert "archived" not in live.stdout
    detail = part.log.connection.execute("SELECT runfold.execution_detail('gone')").fetchall()[0][0]
    assert (detail["status"], detail["attempts"]) == ("SUCCESS", [])


def test_a_name_of_an_archived_question_is_known_by_its_row(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    log = Log(connection)
    name = "00000000-0000-4000-8000-00000000aaaa"
    log.append(f"interaction-{name}", event("InteractionRequested", workflow_id=WORKFLOW), event("InteractionTimedOut"))
    drain(database_url)
    query = "SELECT interaction_id, workflow_id, user_id, status, name FROM runfold.interactions_named(%s)"
    before = connection.execute(query, ([name],)).fetchall()
    archive_streams(database_url, tmp_path, [f"interaction-{name}"])
    assert connection.execute(query, ([name],)).fetchall() == before
    assert before[0][3] == "timeout"


BROKEN = {
    "archived_executions_pkey": "SELECT workflow_id, position, stream_id FROM runfold.archived_executions",
    "archived_executions_are_executions": "VALUES ('w', 1, 'log-gone')",
}


@pytest.mark.parametrize("name", BROKEN)
def test_constraints_of_the_list_of_archived_executions(part: Archived, name: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        part.log.connection.execute(f"INSERT INTO runfold.archived_executions {BROKEN[name]}".encode())
    assert refused.value.diag.constraint_name == name

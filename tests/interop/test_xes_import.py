"""Import into a database: once, again, after an interruption, and after the log has grown."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

import runfold
from runfold.errors import ImportFailed
from runfold.events.envelope import Append, Appended
from runfold.interop.xes import EVENTS_PER_CALL, TRACES_PER_CALL, ImportSummary, import_xes
from runfold.interop.xes_mapping import workflow_id
from runfold.interop.xes_reading import EVENTS_PER_PART
from tests.interop.replay import produced
from tests.interop.xes_files import XesEventText, XesTraceText, trace_of, write_log

Connection = psycopg.Connection[tuple[Any, ...]]

LOGGED = """
    SELECT stream_id, stream_version, event_id, type, data, metadata, occurred_at
      FROM runfold.events ORDER BY stream_id COLLATE "C", stream_version
"""


@pytest.fixture
def store(database_url: str) -> Iterator[runfold.Store]:
    with runfold.connect(database_url) as store:
        yield store


def traces(count: int, *, first: int = 0) -> list[XesTraceText]:
    """Return traces of different lengths, with log lines, retries, and one in ten without events."""
    steps = [("a", "SCHEDULE"), ("a", "START"), ("b", "other"), ("a", "START"), ("a", "COMPLETE"), ("c", None)]
    return [XesTraceText(f"case {number}", steps[: number % 10]) for number in range(first, first + count)]


def logged(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(LOGGED).fetchall()


def any_logged(connection: Connection) -> bool:
    return connection.execute("SELECT FROM runfold.events LIMIT 1").rowcount > 0


def expected(path: Path) -> list[tuple[Any, ...]]:
    """Return what the log must hold after an import, from the produced events alone."""
    streams: dict[str, list[Any]] = {}
    for append in produced(path):
        streams.setdefault(append.stream_id, []).extend(append.events)
    return [
        (stream_id, version, event.event_id, event.type, event.data, event.metadata, event.occurred_at)
        for stream_id in sorted(streams, key=str.encode)
        for version, event in enumerate(streams[stream_id], start=1)
    ]


def counts(summary: ImportSummary) -> tuple[int, int, int]:
    return summary.events_appended, summary.events_repeated, summary.traces_changed


class Interrupted(Exception):
    """An error that ends an import."""


class StoreThatFails:
    """Passes calls on to a store, and fails after some of them."""

    def __init__(self, store: runfold.Store, *, after: int) -> None:
        self.store = store
        self.after = after
        self.calls = 0

    def transaction(self) -> AbstractContextManager[Connection]:
        return self.store.transaction()

    def append_many(self, appends: Sequence[Append]) -> Sequence[Appended]:
        self.calls += 1
        if self.calls > self.after:
            raise Interrupted
        return self.store.append_many(appends)


def test_import_appends_what_the_mapping_produces(store: runfold.Store, connection: Connection, tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", traces(3 * TRACES_PER_CALL + 7))
    summary = import_xes(store, path)
    rows = expected(path)
    assert logged(connection) == rows
    assert counts(summary) == (len(rows), 0, 0)
    assert (summary.log_name, summary.traces, summary.events_mapped) == ("a log", 127, len(rows))


def test_a_call_that_would_be_too_large_is_divided(
    store: runfold.Store, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_log(tmp_path / "log.xes", traces(30))
    with monkeypatch.context() as small:
        small.setattr("runfold.events.codec.MAX_CALL_BYTES", 6_000)
        divided = import_xes(store, path)
    assert counts(import_xes(store, path)) == (0, divided.events_appended, 0)
    (calls,) = connection.execute("SELECT count(DISTINCT append_end) FROM runfold.events").fetchone() or (0,)
    assert calls > 1


def test_second_import_repeats_everything_and_doubles_nothing(
    store: runfold.Store, connection: Connection, tmp_path: Path
) -> None:
    path = write_log(tmp_path / "log.xes", traces(2 * TRACES_PER_CALL + 7))
    import_xes(store, path)
    before = logged(connection)
    assert counts(import_xes(store, path)) == (0, len(before), 0)
    assert logged(connection) == before


def test_log_that_has_grown_adds_only_what_is_new(store: runfold.Store, connection: Connection, tmp_path: Path) -> None:
    begun = write_log(tmp_path / "log.xes", traces(TRACES_PER_CALL + 7))
    import_xes(store, begun)
    before = len(logged(connection))
    grown = write_log(tmp_path / "log.xes", traces(2 * TRACES_PER_CALL + 9))
    summary = import_xes(store, grown)
    assert logged(connection) == expected(grown)
    assert counts(summary) == (len(logged(connection)) - before, before, 0)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_interrupted_import_is_completed_by_the_next(
    store: runfold.Store, connection: Connection, tmp_path: Path, after: int
) -> None:
    path = write_log(tmp_path / "log.xes", traces(5 * TRACES_PER_CALL))
    failing = StoreThatFails(store, after=after)
    with pytest.raises(Interrupted):
        import_xes(failing, path)  # type: ignore[arg-type]
    assert failing.calls == after + 1, "nothing is sent after a failure"
    before = len(logged(connection))
    assert (before > 0) is (after > 0)
    summary = import_xes(store, path)
    assert logged(connection) == expected(path)
    assert counts(summary) == (len(logged(connection)) - before, before, 0)


def test_import_that_stops_reading_keeps_whole_calls_only(
    store: runfold.Store, connection: Connection, tmp_path: Path
) -> None:
    path = write_log(tmp_path / "log.xes", [*traces(2 * TRACES_PER_CALL + 5), XesTraceText(None)])
    with pytest.raises(ImportFailed, match="no concept:name"):
        import_xes(store, path)
    streams = {row[0] for row in logged(connection)}
    assert {f"execution-case {number}" for number in range(2 * TRACES_PER_CALL)} <= streams
    repaired = write_log(tmp_path / "log.xes", traces(2 * TRACES_PER_CALL + 5))
    import_xes(store, repaired)
    assert logged(connection) == expected(repaired)


def test_killed_import_is_completed_by_the_next(
    database_url: str, store: runfold.Store, connection: Connection, tmp_path: Path
) -> None:
    path = write_log(tmp_path / "log.xes", traces(100 * TRACES_PER_CALL))
    rows = expected(path)
    command = [sys.executable, "-m", "runfold", "--url", database_url, "import", "xes", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as importing:
        deadline = time.monotonic() + 60
        while not any_logged(connection) and time.monotonic() < deadline:
            time.sleep(0.01)
        importing.send_signal(signal.SIGKILL)
    assert importing.returncode == -signal.SIGKILL, "it ended before it could be killed"
    # What it had sent is still carried out: it is over when its sessions are.
    others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'runfold%'"
    while connection.execute(others + " AND state = 'active'").rowcount and time.monotonic() < deadline:
        time.sleep(0.01)
    before = len(logged(connection))
    assert 0 < before < len(rows)
    assert counts(import_xes(store, path)) == (len(rows) - before, before, 0)
    assert logged(connection) == rows


def test_trace_that_has_grown_is_left_alone_and_named(
    store: runfold.Store, connection: Connection, tmp_path: Path
) -> None:
    first = [trace_of("1", ("a", "START")), trace_of("2", ("a", "START"))]
    import_xes(store, write_log(tmp_path / "log.xes", first))
    before = logged(connection)
    grown = [first[0], trace_of("2", ("a", "START"), ("a", "COMPLETE")), trace_of("3", ("a", "START"))]
    summary = import_xes(store, write_log(tmp_path / "log.xes", grown))
    assert (summary.changed, counts(summary)) == (("2",), (4, 4, 1))
    assert [row for row in logged(connection) if row[0] != "execution-3"] == before


def test_long_trace_that_has_grown_is_left_alone_from_its_first_difference(
    store: runfold.Store, connection: Connection, tmp_path: Path
) -> None:
    events = [("a", "START"), ("a", "COMPLETE")] * EVENTS_PER_PART
    path = tmp_path / "log.xes"
    import_xes(store, write_log(path, [trace_of("1", *events[: EVENTS_PER_PART + 10])]))
    before = logged(connection)
    summary = import_xes(store, write_log(path, [trace_of("1", *events, *events[:10]), *traces(3)]))
    assert (summary.changed, summary.traces_changed) == (("1",), 1)
    assert [row for row in logged(connection) if row[0] == "execution-1"] == before
    assert "execution-case 0" in {row[0] for row in logged(connection)}


def test_long_traces_and_large_groups_come_in_calls_of_bounded_size(
    store: runfold.Store, connection: Connection, tmp_path: Path
) -> None:
    class Watching(StoreThatFails):
        largest = 0

        def append_many(self, appends: Sequence[Append]) -> Sequence[Appended]:
            self.largest = max(self.largest, sum(len(append.events) for append in appends))
            return super().append_many(appends)

    long = [trace_of(f"long {number}", *([("a", "START")] * 900)) for number in range(4)]
    longer = trace_of("longer", *([("a", "other"), ("a", "START")] * (EVENTS_PER_PART + 5)))
    path = write_log(tmp_path / "log.xes", [*long, longer, *traces(3)])
    watching = Watching(store, after=1000)
    import_xes(watching, path)  # type: ignore[arg-type]
    assert 900 < watching.largest <= EVENTS_PER_CALL
    assert logged(connection) == expected(path)


def test_two_logs_with_the_same_trace_names_are_refused(
    store: runfold.Store, connection: Connection, tmp_path: Path
) -> None:
    import_xes(store, write_log(tmp_path / "one.xes", traces(3), name="one"))
    before = logged(connection)
    with pytest.raises(ImportFailed, match="has events from another source") as refused:
        import_xes(store, write_log(tmp_path / "two.xes", traces(3), name="two"))
    assert refused.value.facts["trace"] == "case 0"
    assert logged(connection) == before


def test_event_the_log_refuses_fails_the_import_and_says_where(
    store: runfold.Store, connection: Connection, tmp_path: Path
) -> None:
    endless = XesEventText("a", "START", resource="x" * 2_000_000)
    with pytest.raises(ImportFailed, match="'bad'") as refused:
        import_xes(store, write_log(tmp_path / "log.xes", [trace_of("bad", endless)]))
    assert refused.value.hint
    assert logged(connection) == []


def test_workflow_is_made_once_and_never_overwritten(
    store: runfold.Store, connection: Connection, tmp_path: Path
) -> None:
    path = write_log(tmp_path / "log.xes", traces(1), name="n" * 300)
    import_xes(store, path)
    assert connection.execute("SELECT id, name, workflow_data, user_id FROM public.workflows").fetchall() == [
        (workflow_id("n" * 300), "n" * 255, {}, None)
    ]
    connection.execute("UPDATE public.workflows SET name = 'mine'")
    import_xes(store, path)
    assert connection.execute("SELECT name FROM public.workflows").fetchall() == [("mine",)]


def test_dry_run_counts_and_writes_nothing(store: runfold.Store, connection: Connection, tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", traces(TRACES_PER_CALL + 1))
    summary = import_xes(store, path, dry_run=True)
    assert (summary.traces, summary.events_mapped, counts(summary)) == (41, len(expected(path)), (0, 0, 0))
    assert logged(connection) == []
    assert connection.execute("SELECT count(*) FROM public.workflows").fetchone() == (0,)


def test_command_line_imports_reports_and_exits_with_1_on_changed_traces(
    database_url: str, connection: Connection, tmp_path: Path
) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "runfold", "--url", database_url, "import", "xes", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    path = write_log(tmp_path / "log.xes", [trace_of("1", ("a", "START"))])
    done = run(str(path), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    printed = orjson.loads(done.stdout)
    assert (printed["traces"], printed["events_read"], printed["events_appended"], printed["events_repeated"]) == (
        1,
        1,
        4,
        0,
    )
    again = run(str(path))
    assert again.returncode == 0
    assert "events repeated" in again.stdout

    changed = run(str(write_log(path, [trace_of("1", ("a", "COMPLETE"))])), "--json")
    assert (changed.returncode, orjson.loads(changed.stdout)["changed"]) == (1, ["1"])
    absent = run(str(tmp_path / "absent.xes"))
    assert absent.returncode == 1
    assert absent.stderr.startswith("error: ")
    assert "cannot be read" in absent.stderr
    assert len(logged(connection)) == 4

"""Calls on their way: encoded once, in their order, none after a failure, none lost by an interruption."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest

import runfold
from runfold import events
from runfold.errors import InvalidInput
from runfold.events.codec import encode_appends
from runfold.events.envelope import Append, Appended, EncodedCall, NewEvent
from runfold.interop import xes_sending
from runfold.interop.xes import TRACES_PER_CALL, import_xes
from runfold.interop.xes_parts import TracePart
from runfold.interop.xes_sending import CALLS_AHEAD, Ahead, Call, MappedPart, Sender
from tests.interop.xes_files import XesTraceText, write_log

Connection = psycopg.Connection[tuple[Any, ...]]


def traces(count: int) -> list[XesTraceText]:
    return [XesTraceText(f"case {number}", [("a", "START"), ("a", "COMPLETE")]) for number in range(count)]


class Recording:
    """In place of a store: keeps the calls it gets; the one of that number fails or waits."""

    def __init__(self, *, fails_at: int | None = None, waits_at: int | None = None) -> None:
        self.streams: list[list[str]] = []
        self.go_on = threading.Event()
        self._fails_at = fails_at
        self._waits_at = waits_at

    def append_many(self, appends: Sequence[Append]) -> list[Appended]:
        number = len(self.streams)
        self.streams.append([append.stream_id for append in appends])
        if number == self._fails_at:
            raise InvalidInput("no")
        if number == self._waits_at:
            self.go_on.wait(30)
        return [Appended(append.stream_id, 1, 1, 1, repeated=False) for append in appends]


def call(number: int) -> Call:
    event = NewEvent(type="ExecutionStarted", data={"start_time": 0})
    append = Append(stream_id=f"execution-{number}", events=[event])
    part = TracePart("log.xes", "a log", str(number), str(number), number, number, 0, [], True, None)
    return Call([MappedPart(part, [append])], EncodedCall.of([append]))


def submit(store: Recording, count: int, read: list[int], *, then: type[BaseException] | None = None) -> None:
    """Submit that many calls, note each, and end by an exception, if one is given."""
    with Ahead(Sender(store, skip_bad=False)) as ahead:  # type: ignore[arg-type]
        for number in range(count):
            ahead.submit(call(number))
            read.append(number)
        if then is not None:
            raise then


def test_calls_are_sent_in_their_order_and_one_at_a_time() -> None:
    store = Recording()
    submit(store, 50, [])
    assert store.streams == [[f"execution-{number}"] for number in range(50)]


def test_nothing_is_sent_after_a_failure_which_is_raised_and_stops_the_reading() -> None:
    store = Recording(fails_at=3)
    read: list[int] = []
    with pytest.raises(runfold.RunfoldError, match="no"):
        submit(store, 1000, read)
    assert len(store.streams) == 4
    assert len(read) <= 5 + CALLS_AHEAD


def test_failure_of_the_last_call_is_raised() -> None:
    store = Recording(fails_at=0)
    with pytest.raises(runfold.RunfoldError, match="no"):
        submit(store, 1, [])


def test_interruption_drops_what_waits_and_leaves_the_call_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xes_sending, "SECONDS_FOR_THE_LAST_CALL", 0.2)
    interval = sys.getswitchinterval()
    store = Recording(waits_at=1)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        submit(store, 2 + CALLS_AHEAD, [], then=KeyboardInterrupt)
    assert time.monotonic() - began < 10
    assert sys.getswitchinterval() == interval
    store.go_on.set()
    time.sleep(0.1)
    assert len(store.streams) == 2, "a call that waited was sent after the interruption"


def test_threads_change_as_usual_after_the_last_import() -> None:
    usual = sys.getswitchinterval()
    with Ahead(Sender(None, skip_bad=False)):
        with Ahead(Sender(None, skip_bad=False)):
            assert sys.getswitchinterval() < usual
        assert sys.getswitchinterval() < usual
    assert sys.getswitchinterval() == usual


def test_reading_goes_no_further_ahead_than_a_few_calls() -> None:
    store = Recording(waits_at=0)
    reached: list[int] = []
    thread = threading.Thread(target=submit, args=(store, 100, reached))
    thread.start()
    time.sleep(0.3)
    assert 1 <= len(reached) <= CALLS_AHEAD + 2
    store.go_on.set()
    thread.join()
    assert len(reached) == 100


def test_call_that_was_encoded_is_sent_as_its_appends_are(database_url: str, connection: Connection) -> None:
    def appends(name: str) -> list[Append]:
        event = events.ExecutionCreated(execution_id=name, workflow_id=uuid4(), mode="TRIGGER")
        return [Append(stream_id=f"execution-{name}", events=[NewEvent.of(event)], expected_version=0)]

    plain = appends("1")
    encoded = EncodedCall.of(plain)
    assert encoded.text == encode_appends(plain)
    assert list(encoded) == plain
    tenant = uuid4()
    with runfold.connect(database_url) as store:
        assert [result.repeated for result in store.append_many(encoded)] == [False]
        assert [result.repeated for result in store.append_many(plain)] == [True]
        store.append_many(EncodedCall.of(appends("2")), metadata={"actor": "ann"})
    # What the text does not say, the tenant of a store and the metadata of a call, is not lost.
    with runfold.connect(database_url, user_id=tenant) as store:
        store.append_many(EncodedCall.of(appends("3")))
    rows = connection.execute("SELECT stream_id, user_id, metadata FROM runfold.events ORDER BY position").fetchall()
    assert rows == [("execution-1", None, {}), ("execution-2", None, {"actor": "ann"}), ("execution-3", tenant, {})]


def test_traces_are_logged_in_the_order_of_the_file(database_url: str, connection: Connection, tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", traces(5 * TRACES_PER_CALL + 3))
    with runfold.connect(database_url) as store:
        import_xes(store, path)
    rows = connection.execute("SELECT DISTINCT ON (stream_id) stream_id, position FROM runfold.events").fetchall()
    in_order = [stream_id for stream_id, _ in sorted(rows, key=lambda row: row[1])]
    assert in_order == [f"execution-case {number}" for number in range(5 * TRACES_PER_CALL + 3)]


def test_ctrl_c_ends_an_import_at_once_and_the_next_completes_it(
    database_url: str, connection: Connection, tmp_path: Path
) -> None:
    path = write_log(tmp_path / "log.xes", traces(200 * TRACES_PER_CALL))
    command = [sys.executable, "-m", "runfold", "--url", database_url, "import", "xes", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as importing:
        deadline = time.monotonic() + 60
        while not connection.execute("SELECT FROM runfold.events LIMIT 1").rowcount and time.monotonic() < deadline:
            time.sleep(0.01)
        importing.send_signal(signal.SIGINT)
        _, said = importing.communicate(timeout=30)
    assert importing.returncode != 0, "it ended before it could be interrupted"
    assert b"Traceback" not in said
    row = connection.execute("SELECT count(*) FROM runfold.events").fetchone()
    assert row is not None
    before = row[0]
    # Whole traces only: of two events and three of the execution.
    assert before % 5 == 0
    assert 0 < before < 5 * 200 * TRACES_PER_CALL
    done = orjson.loads(subprocess.run([*command, "--json"], capture_output=True, check=True).stdout)
    assert (done["events_repeated"], done["events_appended"]) == (before, 5 * 200 * TRACES_PER_CALL - before)

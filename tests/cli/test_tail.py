"""Tail: events in order as they are recorded, and an end when the execution has ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from queue import Empty, Queue
from typing import Any

import psycopg
import pytest

import runfold
from runfold import events
from runfold.reading.tail import tail_log
from tests.cli.running import NOON, execution, ms, run
from tests.factories import line

pytest_plugins = ["tests.fixtures.stores"]


class Tail:
    """A tail in another process, and the lines that it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: Queue[str | None] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for said in self.process.stdout:
            self._lines.put(said.rstrip("\n"))
        self._lines.put(None)

    def next(self) -> str | None:
        """Return the next line, or None at the end."""
        try:
            return self._lines.get(timeout=60)
        except Empty:
            raise AssertionError("it has said nothing for 60 s") from None

    def next_event(self) -> dict[str, Any]:
        said = self.next()
        assert said is not None
        found: dict[str, Any] = json.loads(said)
        return found


@contextmanager
def tailing(url: str, *words: str) -> Iterator[Tail]:
    command = [sys.executable, "-m", "runfold", "--url", url, "execution", "tail", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield Tail(process)
    finally:
        process.kill()
        process.communicate()


def test_an_execution_is_told_from_its_beginning_and_as_it_goes_on_until_it_has_ended(
    store: runfold.Store, database_url: str
) -> None:
    store.append_many([execution("e1"), execution("e2")])
    store.append("log-e1", [line("hello")])
    with tailing(database_url, "e1", "--json") as tail:
        assert [tail.next_event()["type"] for _ in range(3)] == ["ExecutionCreated", "ExecutionStarted", "LogAppended"]
        store.append("execution-e2", [events.ExecutionSucceeded(end_time=ms(NOON))])
        store.append("log-e1", [line("more")])
        assert tail.next_event()["data"]["message"] == "more"
        store.append_many(
            [
                runfold.Append(stream_id="execution-e1", events=[events.ExecutionSucceeded(end_time=ms(NOON))]),
                runfold.Append(stream_id="log-e1", events=[line("bye")]),
            ]
        )
        assert [tail.next_event()["type"] for _ in range(2)] == ["ExecutionSucceeded", "LogAppended"]
        assert tail.next() is None
        assert tail.process.wait(30) == 0


def test_the_whole_log_is_told_from_now_on_and_ctrl_c_ends_it_well(store: runfold.Store, database_url: str) -> None:
    store.append_many([execution("before")])
    with tailing(database_url) as tail:
        deadline = time.monotonic() + 60
        # It says nothing until something happens: so something happens until it has begun.
        number = 0
        shown = None
        while shown is None and time.monotonic() < deadline:
            number += 1
            store.append_many([execution(f"after{number}", at=NOON + timedelta(seconds=number))])
            try:
                shown = tail._lines.get(timeout=0.3)
            except Empty:
                continue
        assert shown is not None
        assert "execution-after" in shown
        assert "ExecutionCreated" in shown
        tail.process.send_signal(signal.SIGINT)
        assert tail.process.wait(30) == 0
        _, said = tail.process.stdout, tail.process.stderr
        assert said is not None
        assert said.read() == ""


def test_no_event_of_the_log_is_told_twice_or_left_out_between_looks(
    store: runfold.Store, connection: psycopg.Connection[Any]
) -> None:
    for n in range(30):
        store.append(f"log-e{n % 3}", [line(f"{n}-{part}") for part in range(50)])
    positions = [event["position"] for event in tail_log(connection, after=0, follow=False)]
    recorded = [event.position for event in store.read_all(limit=10_000)]
    assert positions == recorded
    assert len(positions) == 1500


def test_without_follow_it_ends_with_what_is_there(store: runfold.Store, database_url: str) -> None:
    store.append_many([execution("e1", events.ExecutionMetadataSet(metadata={"a": 1}))])
    shown = run(database_url, "execution", "tail", "e1", "--no-follow")
    assert shown.returncode == 0
    assert [part.split()[3] for part in shown.stdout.splitlines()] == [
        "ExecutionCreated",
        "ExecutionStarted",
        "ExecutionMetadataSet",
    ]
    everything = run(database_url, "execution", "tail", "--from", "1", "--no-follow")
    assert len(everything.stdout.splitlines()) == 2


def test_a_line_stays_a_line_and_steers_no_terminal(store: runfold.Store, database_url: str) -> None:
    store.append_many([execution("e1")])
    store.append("log-e1", [line("one\ntwo\x1b[2J\u202ethree")])
    shown = run(database_url, "execution", "tail", "e1", "--no-follow").stdout
    assert len(shown.splitlines()) == 3
    assert shown.splitlines()[-1].endswith("one two [2J three")


@pytest.mark.parametrize("words", [["nobody"], ["nobody", "--from", "3"]], ids=["unknown", "both"])
def test_what_can_not_be_tailed_says_so(words: list[str], database_url: str) -> None:
    refused = run(database_url, "execution", "tail", *words)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert refused.stderr.count("\n") == 1

"""An emitter records every event once, in the order of its stream, and says of each what became of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

import runfold
from runfold.errors import (
    EmitterClosed,
    EmitterClosedWithUnsent,
    EmitterForked,
    EmitterFull,
    InvalidInput,
    VersionConflict,
)
from runfold.events import LogAppended


def line(n: int) -> LogAppended:
    return LogAppended(level="INFO", event_type="workflow_progress", message=f"line {n}")


@pytest.fixture
def store(database_url: str) -> Iterator[runfold.Store]:
    with runfold.connect(database_url) as store:
        yield store


def messages(store: runfold.Store, stream: str) -> list[str]:
    return [str((event.data or {})["message"]) for event in store.read_stream(stream)]


def test_events_of_many_threads_are_recorded_once_in_the_order_of_each_stream(store: runfold.Store) -> None:
    with runfold.Emitter(store, lanes=2) as emit:

        def write(thread: int) -> None:
            for n in range(300):
                emit(f"log-{thread}-{n % 3}", line(n))

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        emit.flush(60)
        assert emit.metrics().acknowledged == 1200
        assert emit.metrics().queued == 0
    for thread in range(4):
        for rest in range(3):
            assert messages(store, f"log-{thread}-{rest}") == [f"line {n}" for n in range(rest, 300, 3)]


def test_an_acknowledgement_names_the_version_and_position_of_its_event(store: runfold.Store) -> None:
    with runfold.Emitter(store, linger=0.05) as emit:
        acks = [emit("log-a", line(n)) for n in range(5)]
        emit.wait(acks, timeout=60)
    recorded = store.read_stream("log-a")
    assert [(event.stream_version, event.position) for event in recorded] == [
        (ack.result().version, ack.result().first_position) for ack in acks
    ]
    assert [event.event_id for event in recorded] == [ack.event_id for ack in acks]


def test_what_the_caller_changes_later_does_not_change_the_event(store: runfold.Store) -> None:
    data: dict[str, Any] = {**line(1).to_data(), "message": "before", "data": {"a": 1}}
    with runfold.Emitter(store, linger=0.2) as emit:
        emit("log-a", runfold.NewEvent(type="LogAppended", data=data))
        data["message"] = "after"
        data["data"]["a"] = 2
    (event,) = store.read_stream("log-a")
    assert event.data is not None
    assert (event.data["message"], event.data["data"]) == ("before", {"a": 1})


def test_a_value_that_json_would_lose_is_refused_where_it_is_emitted(store: runfold.Store) -> None:
    with runfold.Emitter(store) as emit:
        for bad in (float("nan"), "\0", "\ud800", object()):
            with pytest.raises(InvalidInput):
                emit("log-a", runfold.NewEvent(type="LogAppended", data={**line(1).to_data(), "data": {"a": [bad]}}))
        assert emit.metrics().calls == 0


def test_a_poisonous_event_keeps_back_no_other(store: runfold.Store) -> None:
    told: list[Any] = []
    with runfold.Emitter(store, linger=0.1, on_refused=lambda event, error: told.append((event, error))) as emit:
        acks = []
        for n in range(40):
            bad = n % 5 == 3
            event = runfold.NewEvent(type="Nonsense" if bad else "LogAppended", data=line(n).to_data())
            acks.append((bad, emit("log-a", event)))
        for bad, ack in acks:
            if bad:
                with pytest.raises(InvalidInput):
                    ack.result(60)
            else:
                ack.result(60)
        assert len(emit.refused) == len(told) == 8
        assert emit.metrics().refused == 8
    assert messages(store, "log-a") == [f"line {n}" for n in range(40) if n % 5 != 3]


def test_a_version_conflict_is_of_one_stream(store: runfold.Store) -> None:
    with runfold.Emitter(store, linger=0.1) as emit:
        lost = [emit("log-a", line(0), expected_version=7), emit("log-a", line(1))]
        kept = emit("log-b", line(2))
        assert kept.result(60).version == 1
        for ack in lost:
            with pytest.raises(VersionConflict):
                ack.result(60)
    assert store.read_stream("log-a") == []


def test_events_that_are_stored_in_part_are_not_dropped(store: runfold.Store) -> None:
    events = [runfold.NewEvent.of(line(n)) for n in range(100)]
    store.append("log-a", events[:40])
    with runfold.Emitter(store, linger=0.1) as emit:
        acks = [emit("log-a", event) for event in events]
        emit.wait(acks, timeout=60)
        assert [ack.result().version for ack in acks] == list(range(1, 101))
    assert messages(store, "log-a") == [f"line {n}" for n in range(100)]


def test_who_has_lost_an_owned_stream_writes_nothing_more(store: runfold.Store) -> None:
    told: list[Any] = []
    with runfold.Emitter(store, linger=0.01) as emit:
        mine = emit.own("log-a", 0, on_lost=lambda stream, error: told.append((stream, error)))
        for n in range(5):
            mine(line(n)).result(60)
        store.append("log-a", [line(99)])
        late = [mine(line(n)) for n in range(5, 8)]
        for ack in late:
            with pytest.raises(VersionConflict):
                ack.result(60)
        assert mine.lost
        assert [stream for stream, _ in told] == ["log-a"]
        with pytest.raises(VersionConflict):
            mine(line(8))
    assert messages(store, "log-a") == ["line 0", "line 1", "line 2", "line 3", "line 4", "line 99"]


def test_an_emitter_that_is_full_waits_or_says_so(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    with runfold.Emitter(store, capacity=3) as emit:
        with connection.transaction():
            connection.execute("LOCK runfold.streams IN EXCLUSIVE MODE")
            for n in range(3):
                emit("log-a", line(n))
            with pytest.raises(EmitterFull):
                emit.emit_nowait("log-a", line(3))
            last: list[Any] = []
            blocked = threading.Thread(target=lambda: last.append(emit("log-a", line(3))))
            blocked.start()
            blocked.join(0.2)
            assert blocked.is_alive()
        blocked.join(60)
        assert last[0].result(60).version == 4


def test_a_close_that_cannot_send_says_how_many(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    emit = runfold.Emitter(store, linger=0)
    with connection.transaction():
        connection.execute("LOCK runfold.streams IN EXCLUSIVE MODE")
        acks = [emit("log-a", line(n)) for n in range(10)]
        with pytest.raises(EmitterClosedWithUnsent) as closed:
            emit.close(timeout=0.3)
        assert closed.value.count == 10
        assert all(ack.done for ack in acks)
    with pytest.raises(EmitterClosed):
        emit("log-a", line(11))


def test_asyncio_waits_for_room_and_for_acknowledgements(database_url: str) -> None:
    async def use() -> None:
        async with await runfold.connect_async(database_url) as store, runfold.AsyncEmitter(store, capacity=50) as emit:
            acks = [await emit.put(f"log-{n % 7}", line(n)) for n in range(500)]
            forgotten = asyncio.ensure_future(_result(acks[-1]))
            forgotten.cancel()
            found = await asyncio.gather(*map(_result, acks))
            assert all(where.version >= 1 for where in found)
            await emit.flush(60)
            assert emit.metrics().acknowledged == 500

    asyncio.run(use())


async def _result(ack: runfold.Ack) -> runfold.Appended:
    return await ack


def test_a_forked_child_makes_its_own(store: runfold.Store) -> None:
    with runfold.Emitter(store) as emit:
        emit("log-a", line(1)).result(60)
        pid = os.fork()
        if pid == 0:
            try:
                emit("log-a", line(2))
            except EmitterForked:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        emit("log-a", line(3)).result(60)
    assert messages(store, "log-a") == ["line 1", "line 3"]


@pytest.mark.parametrize("flushes", [True, False], ids=["flush", "control: the default action"])
def test_sigterm_sends_what_waits(store: runfold.Store, database_url: str, *, flushes: bool) -> None:
    program = f"""
        import os, time, runfold
        from runfold.events import LogAppended
        with runfold.connect({database_url!r}) as store:
            with runfold.Emitter(store, linger=30, on_sigterm={"flush" if flushes else None!r}) as emit:
                for n in range(700):
                    emit("log-a", LogAppended(level="INFO", event_type="workflow_progress", message=f"line {{n}}"))
                print("emitted", flush=True)
                time.sleep(60)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "emitted\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == (143 if flushes else -signal.SIGTERM)
    child.stdout.close()
    assert len(messages(store, "log-a")) == (700 if flushes else 0)

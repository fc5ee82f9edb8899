"""While the database is away, events go to this machine's disk, and later to the log: each once, in their order."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

import runfold
from runfold.emitter import calls, queue
from runfold.emitter.queue import Call
from runfold.errors import (
    DatabaseUnavailable,
    EmitterClosed,
    EmitterClosedWithUnsent,
    EmitterFull,
    InvalidInput,
    SpoolFull,
    SpoolTaken,
    VersionConflict,
)
from tests.emitter.outages import Database, crash, database, line, messages, poison
from tests.fixtures.processes import eventually

PATIENCE = 60


@pytest.fixture
def away(database_url: str) -> Iterator[tuple[Database, runfold.Store]]:
    """A database that can go away, and a store on it."""
    with database(database_url) as both:
        yield both


def spooling(store: runfold.Store, folder: Path, **options: Any) -> runfold.Emitter:
    return runfold.Emitter(store, spool=folder / "spool", **{"spool_after": 0.1, "close_timeout": 20, **options})


def test_while_the_database_is_away_events_are_spooled_and_later_recorded(
    away: tuple[Database, runfold.Store], tmp_path: Path
) -> None:
    behind, store = away
    with spooling(store, tmp_path) as emit:
        early = [emit(f"log-{n % 3}", line(n)) for n in range(30)]
        emit.wait(early, timeout=PATIENCE)
        behind.go_away()
        acks = [emit(f"log-{n % 3}", line(n)) for n in range(30, 300)]
        emit.wait(acks, level="spooled", timeout=PATIENCE)
        assert not any(ack.done for ack in acks)
        assert emit.metrics().spool_bytes > 0
        assert emit.metrics().queued == 0
        behind.come_back()
        emit.flush(PATIENCE)
        assert emit.metrics().spool_bytes == 0
        late = emit("log-0", line("late"))
        assert late.result(PATIENCE).version == 101
    for n in range(3):
        assert messages(store, f"log-{n}") == [f"{m}" for m in range(n, 300, 3)] + (["late"] if n == 0 else [])
        for ack, event in zip((early + acks)[n::3], store.read_stream(f"log-{n}"), strict=False):
            assert (ack.result().version, ack.result().first_position) == (event.stream_version, event.position)
            assert ack.event_id == event.event_id


def test_while_the_database_answers_no_disk_is_written(away: tuple[Database, runfold.Store], tmp_path: Path) -> None:
    _, store = away
    with spooling(store, tmp_path, spool_after=PATIENCE) as emit:
        acks = [emit(f"log-{n % 3}", line(n)) for n in range(100)]
        emit.wait(acks, timeout=PATIENCE)
        emit.flush(PATIENCE)
        assert not any(ack.spooled for ack in acks)
        assert emit._spool is not None
        assert list(emit._spool.records()) == []


def test_a_database_that_hangs_is_away_as_well(away: tuple[Database, runfold.Store], tmp_path: Path) -> None:
    behind, store = away
    with spooling(store, tmp_path) as emit:
        behind.freeze()
        acks = [emit("log-a", line(n)) for n in range(50)]
        emit.wait(acks, level="spooled", timeout=PATIENCE)
        behind.come_back()
        emit.flush(PATIENCE)
    assert messages(store, "log-a") == [str(n) for n in range(50)]


def _by_queue_order(call: Call) -> bytes:
    text = _spooled_text(call)
    call.acks = [weakref.ref(item.ack) for item in call.items or ()]
    return text


_spooled_text = calls.spooled_text


@pytest.mark.parametrize("control", [False, True], ids=["", "control: tickets by the order of the queue"])
def test_acknowledgements_belong_to_the_record(
    away: tuple[Database, runfold.Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, control: bool
) -> None:
    behind, store = away
    monkeypatch.setattr(queue, "_MOST_CACHED", 0)  # so that every call behind the first is read from the disk
    if control:
        monkeypatch.setattr("runfold.emitter.spooler.spooled_text", _by_queue_order)
    with spooling(store, tmp_path) as emit:
        behind.go_away()
        emit("log-0", line("first"))
        eventually(lambda: emit.metrics().calls > 0)
        acks = [emit(f"log-{n % 2}", line(n)) for n in range(40)]
        emit.wait(acks, level="spooled", timeout=PATIENCE)
        behind.come_back()
        emit.flush(PATIENCE)
    recorded = {event.event_id: event.position for event in store.read_all()}
    right = [recorded[ack.event_id] == ack.result().first_position for ack in acks]
    assert all(right) is not control


@pytest.mark.parametrize("mode", ["outage", "always"])
def test_what_was_spooled_survives_a_crash_and_comes_before_what_is_new(
    away: tuple[Database, runfold.Store], tmp_path: Path, mode: Any
) -> None:
    behind, store = away
    emit = spooling(store, tmp_path, mode=mode)
    behind.go_away()
    acks = [emit("log-a", line(n)) for n in range(100)]
    emit.wait(acks, level="spooled", timeout=PATIENCE)
    crash(emit, behind)
    with spooling(store, tmp_path, mode=mode) as emit:
        assert emit("log-a", line("new")).result(PATIENCE).version == 101
    assert messages(store, "log-a") == [str(n) for n in range(100)] + ["new"]


def test_with_always_nothing_waits_for_the_database(away: tuple[Database, runfold.Store], tmp_path: Path) -> None:
    _, store = away
    with spooling(store, tmp_path, mode="always") as emit:
        acks = [emit(f"log-{n % 5}", line(n)) for n in range(500)]
        emit.wait(acks, level="spooled", timeout=PATIENCE)
        assert all(ack.spooled for ack in acks)
        emit.wait(acks, timeout=PATIENCE)
        emit.flush(PATIENCE)
        assert emit.metrics().spool_bytes == 0
    for n in range(5):
        assert messages(store, f"log-{n}") == [str(m) for m in range(n, 500, 5)]


def test_a_close_while_the_database_is_away_spools_the_rest(
    away: tuple[Database, runfold.Store], tmp_path: Path
) -> None:
    behind, store = away
    emit = spooling(store, tmp_path, spool_after=30)
    behind.go_away()
    acks = [emit("log-a", line(n)) for n in range(20)]
    emit.close(timeout=0.1)
    assert all(ack.spooled for ack in acks)
    with pytest.raises(EmitterClosed, match="in its spool"):
        acks[0].result(0)
    behind.come_back()
    with spooling(store, tmp_path) as emit:
        emit.flush(PATIENCE)
    assert messages(store, "log-a") == [str(n) for n in range(20)]


def test_what_the_log_refuses_later_is_kept_with_its_error(
    away: tuple[Database, runfold.Store], tmp_path: Path
) -> None:
    behind, store = away
    with spooling(store, tmp_path) as emit:
        behind.go_away()
        good, bad, behind_it = emit("log-a", line(1)), emit("log-a", poison(2)), emit("log-a", line(3))
        emit.wait([good, bad, behind_it], level="spooled", timeout=PATIENCE)
        behind.come_back()
        assert good.result(PATIENCE).version == 1
        assert behind_it.result(PATIENCE).version == 2
        with pytest.raises(InvalidInput):
            bad.result(PATIENCE)
        assert emit.metrics().refused_total == 1
    (entry,) = [orjson.loads(text) for text in (tmp_path / "spool" / "refused.jsonl").read_bytes().splitlines()]
    assert entry["stream_id"] == "log-a"
    assert entry["event"]["event_id"] == str(bad.event_id)
    assert entry["event"]["data"]["message"] == "2"
    assert entry["error"]["code"] == "unknown_type"


def test_a_full_spool_is_back_pressure_and_loses_nothing(away: tuple[Database, runfold.Store], tmp_path: Path) -> None:
    behind, store = away
    with spooling(store, tmp_path, spool_limit=1 << 16, capacity=100) as emit:
        behind.go_away()
        acks: list[runfold.Ack] = []

        def fill() -> None:
            for n in range(5_000):
                acks.append(emit.emit_nowait("log-a", line(n)))
                if len(acks) % 50 == 0:
                    eventually(lambda: emit.metrics().queued < 50 or is_full())

        def is_full() -> bool:
            return emit._spooler is not None and isinstance(emit._spooler.failed, SpoolFull)

        with pytest.raises(EmitterFull):
            fill()
        assert is_full()
        waiting: list[runfold.Ack] = []
        blocked = threading.Thread(target=lambda: waiting.append(emit("log-a", line("blocked"))))
        blocked.start()
        behind.come_back()
        blocked.join(PATIENCE)
        emit.wait([*acks, *waiting], timeout=PATIENCE)
    assert messages(store, "log-a") == [*(str(n) for n in range(len(acks))), "blocked"]


def test_a_folder_is_one_emitters(away: tuple[Database, runfold.Store], tmp_path: Path) -> None:
    _, store = away
    with spooling(store, tmp_path), pytest.raises(SpoolTaken):
        spooling(store, tmp_path)
    with spooling(store, tmp_path):
        pass


def test_an_owned_stream_goes_on_through_an_outage(away: tuple[Database, runfold.Store], tmp_path: Path) -> None:
    behind, store = away
    with spooling(store, tmp_path) as emit:
        mine = emit.own("log-a", 0)
        acks = [mine(line(0))]
        behind.go_away()
        acks += [mine(poison("bad") if n == 3 else line(n)) for n in range(1, 60)]
        emit.wait(acks, level="spooled", timeout=PATIENCE)
        behind.come_back()
        emit.flush(PATIENCE)
        assert not mine.lost
        assert mine(line("late")).result(PATIENCE).version == 60
    assert messages(store, "log-a") == [*(str(n) for n in range(60) if n != 3), "late"]


def test_an_owned_stream_that_was_taken_during_an_outage_is_lost_as_a_whole(
    away: tuple[Database, runfold.Store], database_url: str, tmp_path: Path
) -> None:
    behind, store = away
    lost: list[str] = []
    with spooling(store, tmp_path) as emit:
        mine = emit.own("log-a", 0, on_lost=lambda stream, _: lost.append(stream))
        mine(line(0)).result(PATIENCE)
        behind.go_away()
        acks = [mine(line(n)) for n in range(1, 40)]
        emit.wait(acks, level="spooled", timeout=PATIENCE)
        with runfold.connect(database_url) as other:
            other.append("log-a", [line("theirs")])
        behind.come_back()
        emit.flush(PATIENCE)
        for ack in acks:
            with pytest.raises(VersionConflict):
                ack.result(0)
    assert lost == ["log-a"]
    assert messages(store, "log-a") == ["0", "theirs"]


def test_options_that_cannot_be_are_refused(away: tuple[Database, runfold.Store], tmp_path: Path) -> None:
    _, store = away
    for wrong in ({"lanes": 2}, {"mode": "sometimes"}, {"spool_after": 0}, {"spool_limit": 1}):
        with pytest.raises(InvalidInput):
            spooling(store, tmp_path, **wrong)
    with spooling(store, tmp_path):  # and the folder was not taken by any of them
        pass


def test_without_a_spool_a_close_while_the_database_is_away_leaves_only_the_call_under_way_open(
    away: tuple[Database, runfold.Store], connection: psycopg.Connection[Any]
) -> None:
    behind, store = away
    emit = runfold.Emitter(store, linger=0)
    behind.go_away()
    first = emit("log-a", line(0))
    eventually(lambda: emit.metrics().calls > 0)
    second = emit("log-a", line(1))
    with pytest.raises(EmitterClosedWithUnsent) as closed:
        emit.close(timeout=0.1)
    assert closed.value.count == 2
    with pytest.raises(DatabaseUnavailable):
        first.result(0)
    with pytest.raises(EmitterClosed):
        second.result(0)

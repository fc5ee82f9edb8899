"""Outages, hanging servers, cut answers, crashes, repeats in other cuts and poison: each good event once, in its order.

The model is a list of events for each stream. What an engine does after a crash is what the page says: it opens the
same spool and emits again, with the same ids, what was not acknowledged.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import runfold
from runfold.emitter.queue import Waiting
from runfold.emitter.transport import StoreTransport, written_append
from runfold.errors import EventIdConflict, InvalidInput, OutOfOrder
from runfold.events.envelope import NewEvent
from tests.emitter.outages import Database, crash, database, line, messages, poison

PATIENCE = 60
ACTIONS = ["away", "freeze", "back", "cut", "wait", "crash", "poison", *["emit"] * 5, *["emit many"] * 3]


@dataclass
class Engine:
    """An engine that emits, and remembers what became of it."""

    behind: Database
    store: runfold.Store
    options: dict[str, Any]
    prefix: str = field(default_factory=lambda: uuid4().hex[:8])
    given: list[tuple[str, NewEvent, bool]] = field(default_factory=list)
    acks: list[runfold.Ack] = field(default_factory=list)
    emit: Any = None

    def open(self) -> None:
        self.emit = runfold.Emitter(self.store, spool_after=0.05, linger=0.001, close_timeout=PATIENCE, **self.options)

    def emits(self, stream: int, *, good: bool = True) -> None:
        stream_id = f"log-{self.prefix}-{stream}"
        event = line(len(self.given)) if good else poison(len(self.given))
        self.given.append((stream_id, event, good))
        self.acks.append(self.emit(stream_id, event))

    def crashes(self) -> None:
        """Lose what is in memory; emit again what was not acknowledged."""
        crash(self.emit, self.behind)
        self.open()
        for n, (stream_id, event, _) in enumerate(self.given):
            if not self.acks[n].done:
                self.acks[n] = self.emit(stream_id, event)

    def does(self, action: str, stream: int) -> None:
        match action:
            case "away":
                self.behind.go_away()
            case "freeze":
                self.behind.freeze()
            case "back":
                self.behind.come_back()
            case "cut":
                self.behind.cut_next_answer()
            case "wait" if self.behind.answers and self.acks:
                self.emit.wait(self.acks[-1:], level="spooled", timeout=PATIENCE) if self.given[-1][2] else None
            case "crash":
                self.crashes()
            case "poison":
                self.emits(stream, good=False)
            case "emit":
                self.emits(stream)
            case "emit many":
                for n in range(25):
                    self.emits((stream + n % 2) % 3)

    def is_recorded_once_in_order(self, log: runfold.Store) -> bool:
        """Whether the log has the good events and no others; asserts of each acknowledgement that it is true."""
        events = {event.event_id: event for n in range(3) for event in log.read_stream(f"log-{self.prefix}-{n}")}
        for (_, event, good), ack in zip(self.given, self.acks, strict=True):
            if good:
                there = ack.result(0)
                recorded = events[event.event_id]
                assert (there.version, there.first_position) == (recorded.stream_version, recorded.position)
            else:
                with pytest.raises(InvalidInput):
                    ack.result(0)
        return all(
            messages(log, stream) == [str(n) for n, (of, _, good) in enumerate(self.given) if of == stream and good]
            for stream in (f"log-{self.prefix}-{n}" for n in range(3))
        )


@pytest.mark.parametrize("mode", [None, "outage", "always"])
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(actions=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2)), min_size=5, max_size=25))
@example(actions=[("emit many", 0), ("cut", 0), ("emit many", 0), ("crash", 0), ("emit many", 1)])
@example(
    actions=[("away", 0), ("emit many", 0), ("poison", 0), ("emit many", 0), ("crash", 0), ("emit", 0), ("back", 0)]
)
@example(actions=[("freeze", 0), ("emit many", 0), ("emit many", 1), ("crash", 0), ("emit many", 2)])
def test_every_good_event_is_recorded_once_in_its_order(
    module_database_url: str, mode: str | None, actions: list[tuple[str, int]]
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        with database(module_database_url) as (behind, store), runfold.connect(module_database_url) as log:
            options = {} if mode is None else {"spool": folder / "spool", "mode": mode}
            engine = Engine(behind, store, options)
            engine.open()
            for action, stream in actions:
                engine.does(action, stream)
            behind.come_back()
            engine.emit.flush(PATIENCE)
            engine.emit.close()
            assert engine.is_recorded_once_in_order(log)
    finally:
        shutil.rmtree(folder)


def _send_without_skipping(transport: StoreTransport, streams: Sequence[Sequence[Waiting]]) -> Any:
    """Send as a transport whose calls may not have been stored in another cut."""
    return transport._store.append_encoded([written_append(items) for items in streams])


@pytest.mark.parametrize("control", [False, True], ids=["", "control: the pointer of a mix is taken for a culprit"])
def test_a_hundred_events_that_are_emitted_again_in_other_calls_are_all_there(
    store: runfold.Store, monkeypatch: pytest.MonkeyPatch, *, control: bool
) -> None:
    events = [line(n) for n in range(100)]
    for n in range(0, 40, 7):
        store.append("log-a", events[n : min(n + 7, 40)])
    refused = 0
    if control:
        monkeypatch.setattr(StoreTransport, "send", _send_without_skipping)
    with runfold.Emitter(store, linger=0.1) as emit:
        for ack in [emit("log-a", event) for event in events]:
            try:
                ack.result(PATIENCE)
            except (EventIdConflict, OutOfOrder):
                refused += 1
    assert (messages(store, "log-a") == [str(n) for n in range(100)]) is not control
    assert (refused == 0) is not control


def test_a_mended_event_that_comes_too_late_is_out_of_order_and_keeps_back_no_other(store: runfold.Store) -> None:
    events = [line(n) for n in range(6)]
    store.append("log-a", events[:2])
    store.append("log-a", events[3:5])
    with runfold.Emitter(store, linger=0.1) as emit:
        acks = [emit("log-a", event) for event in events]
        with pytest.raises(OutOfOrder) as refused:
            acks[2].result(PATIENCE)
        assert refused.value.facts["event_id"] == str(events[2].event_id)
        assert [ack.result(PATIENCE).version for ack in acks[:2] + acks[3:]] == [1, 2, 3, 4, 5]
        assert [getattr(event, "event_id", None) for event, _ in emit.refused] == [events[2].event_id]
    assert messages(store, "log-a") == ["0", "1", "3", "4", "5"]

"""A call that is sent again returns the first result; a call that only resembles it is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold.client.batches import WrittenAppend
from runfold.errors import EventIdConflict, VersionConflict
from runfold.events.codec import written_event
from tests.factories import CATEGORY, a_stream, append, happening, line, lines, opaque, streams
from tests.faults.editing import APPEND_EVENTS, KNOWN_EVENT_IDS, edit
from tests.fixtures.evidence import Evidence

Connection = psycopg.Connection[Any]

THREADS = 8


def written(store: runfold.Store) -> int:
    return len(list(store.read_all(limit=100_000)))


def all_at_once(attempt: Callable[[], runfold.Appended]) -> list[runfold.Appended]:
    """Run the same attempt in eight threads at the same moment."""
    together = threading.Barrier(THREADS)

    def attempt_together(_: int) -> runfold.Appended:
        together.wait()
        return attempt()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(attempt_together, range(THREADS)))


@pytest.mark.parametrize("expected", [None, 2])
def test_the_same_call_returns_its_original_result_also_after_further_appends(
    store: runfold.Store, expected: int | None
) -> None:
    stream, events = a_stream(), lines(3)
    store.append(stream, lines(2))
    original = store.append(stream, events, expected_version=expected)
    store.append(stream, lines(4))
    for _ in range(2):
        again = store.append(stream, events, expected_version=expected)
        assert again == replace(original, repeated=True)
    assert written(store) == 9
    assert store.append(stream, lines(1)).version == 10  # and the stream's version has not changed


def test_the_same_call_on_several_streams_returns_its_original_results_in_order(store: runfold.Store) -> None:
    appends = [append(stream, n) for n, stream in enumerate(sorted(streams(4), reverse=True), start=1)]
    original = store.append_many(appends)
    store.append_many([append(made.stream_id, 2) for made in appends])
    assert store.append_many(appends) == [replace(appended, repeated=True) for appended in original]
    assert written(store) == 10 + 8


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda event: replace(event, data={**event.data, "message": "another"}), id="data"),
        pytest.param(lambda event: replace(event, data={**event.data, "step_number": 1}), id="one field more"),
    ],
)
def test_the_same_id_with_another_body_is_refused(
    store: runfold.Store, changed: Callable[[runfold.NewEvent], runfold.NewEvent]
) -> None:
    stream, events = a_stream(), lines(2)
    store.append(stream, events)
    with pytest.raises(EventIdConflict) as refused:
        store.append(stream, [events[0], changed(events[1])])
    assert refused.value.code == "event_id_conflict"
    assert refused.value.facts["pointer"] == "/0/events/1/event_id"
    assert refused.value.facts["found"] == str(events[1].event_id)
    assert not refused.value.retryable
    assert written(store) == 2


def test_the_same_id_with_another_type_or_other_bytes_is_refused(store: runfold.Store) -> None:
    store.register_event_types(CATEGORY)
    stream, known, carried = a_stream(CATEGORY), happening(), opaque(b"bytes")
    store.append(stream, [known])
    store.append(stream, [carried])
    for other in (
        replace(known, type="Another"),
        replace(carried, payload=b"Bytes"),
        replace(carried, payload=None, data={}),
    ):
        with pytest.raises(EventIdConflict):
            store.append(stream, [other])
    assert written(store) == 2


def test_clocks_and_metadata_do_not_make_another_call(store: runfold.Store) -> None:
    """They are new if a caller builds its events again from the same command."""
    stream, event = a_stream(), line()
    original = store.append(stream, [event])
    later = runfold.NewEvent(type=event.type, data=event.data, event_id=event.event_id, metadata={"actor": "retry"})
    assert store.append(stream, [later]) == replace(original, repeated=True)


def test_1_and_1_point_0_are_other_bodies(store: runfold.Store) -> None:
    """jsonb takes them for equal, but a body is the text that was sent."""
    store.register_event_types(CATEGORY)
    stream, event = a_stream(CATEGORY), happening(data={"n": 1})
    store.append(stream, [event])
    with pytest.raises(EventIdConflict):
        store.append(stream, [replace(event, data={"n": 1.0})])


def test_a_mix_of_stored_and_new_ids_is_refused(store: runfold.Store) -> None:
    stream, events = a_stream(), lines(2)
    store.append(stream, events)
    for mixed in ([*events, line()], [line(), *events], [events[0], line(), events[1]]):
        with pytest.raises(EventIdConflict) as refused:
            store.append(stream, mixed)
        assert refused.value.code == "event_ids_mixed"
    with pytest.raises(EventIdConflict):
        store.append_many([append(stream, events), append()])
    assert written(store) == 2


def test_shuffled_split_or_moved_events_are_refused(store: runfold.Store) -> None:
    stream, events = a_stream(), lines(3)
    store.append(stream, events)
    for shuffled in (events[::-1], [events[1], events[0], events[2]], [events[0], events[2]]):
        with pytest.raises(EventIdConflict):
            store.append(stream, shuffled)
    with pytest.raises(EventIdConflict):
        store.append(a_stream(), events)
    with pytest.raises(EventIdConflict):
        store.append_many([append(stream, events[:2]), append(a_stream(), events[2:])])
    assert written(store) == 3


def test_a_part_of_a_call_is_not_the_call(store: runfold.Store) -> None:
    """A part of a stored call, sent alone, is accepted only if it means the same alone."""
    stream, events = a_stream(), lines(3)
    original = store.append(stream, events)
    part = store.append(stream, events[:2])
    assert (part.first_position, part.last_position, part.version) == (
        original.first_position,
        original.first_position + 1,
        2,
    )
    assert part.repeated
    assert written(store) == 3


@pytest.mark.parametrize("way", ["text", "arrays", "text, skipping", "arrays, skipping"])
def test_resubmission_racing_with_the_original_gives_one_set_of_events(
    store: runfold.Store, evidence: Evidence, way: str
) -> None:
    repeats: Literal["skip"] | None = "skip" if "skipping" in way else None

    def send(stream: str, events: list[runfold.NewEvent], expected: int | None) -> runfold.Appended:
        if way.startswith("text"):
            return store.append(stream, events, expected_version=expected, repeats=repeats)
        written_events = [written_event(event)[0] for event in events]
        return store.append_encoded([WrittenAppend(stream, written_events, expected)], repeats=repeats)[0]

    rounds = evidence.scaled(25)
    for number in range(rounds):
        stream, events = a_stream(), lines(3)
        expected = (None, 0)[number % 2]
        results = all_at_once(lambda: send(stream, events, expected))  # noqa: B023
        assert sorted(result.repeated for result in results) == [False] + [True] * (THREADS - 1)
        assert len({replace(result, repeated=True, skipped=0) for result in results}) == 1
        assert len(list(store.read_stream(stream))) == 3
    evidence.note(rounds=rounds, events=written(store))


def test_without_the_known_ids_the_race_would_store_them_eight_times(
    store: runfold.Store, connection: Connection
) -> None:
    edit(connection, APPEND_EVENTS, KNOWN_EVENT_IDS, "IF false THEN")
    stream, events = a_stream(), lines(3)
    all_at_once(lambda: store.append(stream, events))
    assert len(list(store.read_stream(stream))) == 3 * THREADS


def test_a_command_id_makes_a_call_repeatable_whatever_its_event_ids(store: runfold.Store) -> None:
    stream, command = a_stream(), uuid4()
    original = store.append(stream, lines(2), expected_version=0, command_id=command)
    store.append(stream, lines(1))
    again = store.append(stream, lines(2), expected_version=0, command_id=command)
    assert again == replace(original, repeated=True)
    assert written(store) == 3


def test_a_command_id_with_another_body_is_refused(store: runfold.Store) -> None:
    stream, command = a_stream(), uuid4()
    store.append(stream, lines(2), command_id=command)
    for other, where in ((lines(3), stream), ([line("another"), line("line 2")], stream), (lines(2), a_stream())):
        with pytest.raises(EventIdConflict) as refused:
            store.append(where, other, command_id=command)
        assert refused.value.code == "command_id_conflict"
    assert written(store) == 2


def test_a_command_that_failed_may_be_sent_again(store: runfold.Store) -> None:
    stream, command = a_stream(), uuid4()
    with pytest.raises(VersionConflict):
        store.append(stream, lines(1), expected_version=3, command_id=command)
    assert not store.append(stream, lines(1), expected_version=0, command_id=command).repeated


def test_a_command_racing_with_itself_is_recorded_once(store: runfold.Store, evidence: Evidence) -> None:
    rounds = evidence.scaled(25)
    for _ in range(rounds):
        stream, command = a_stream(), uuid4()
        results = all_at_once(lambda: store.append(stream, lines(2), command_id=command))  # noqa: B023
        assert sorted(result.repeated for result in results) == [False] + [True] * (THREADS - 1)
        assert len(list(store.read_stream(stream))) == 2
    evidence.note(rounds=rounds)


def test_one_command_id_racing_on_several_streams_is_recorded_once(store: runfold.Store, evidence: Evidence) -> None:
    """Only the id is shared: one call wins, the others get the error that the id has another body."""
    rounds, refused, recorded = evidence.scaled(25), 0, 0
    codes: set[str] = set()
    for _ in range(rounds):
        command, names, together = uuid4(), streams(THREADS), threading.Barrier(THREADS)

        def attempt(name: str) -> bool:
            together.wait()  # noqa: B023
            try:
                store.append(name, lines(1), command_id=command)  # noqa: B023
            except EventIdConflict as error:
                codes.add(error.code)
                return False
            return True

        with ThreadPoolExecutor(THREADS) as pool:
            won = list(pool.map(attempt, names))
        recorded += sum(won)
        refused += THREADS - sum(won)
    evidence.note(rounds=rounds, recorded=recorded, refused=refused)
    assert recorded == rounds
    assert codes == {"command_id_conflict"}
    assert written(store) == rounds

"""Events that are sent again in other calls: what is stored is skipped, the rest is recorded, in order and once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runfold
from runfold.client.batches import WrittenAppend
from runfold.errors import ClaimTaken, EventIdConflict, InvalidInput, StreamUnavailable, VersionConflict
from runfold.events import PauseOpened, PauseResumed
from runfold.events.codec import written_event
from runfold.events.envelope import Append, Appended, NewEvent
from tests.factories import a_stream, append, call, line, lines, streams

Connection = psycopg.Connection[Any]
Send = Callable[[runfold.Store, list[Append]], list[Appended]]
PAUSED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def as_text(store: runfold.Store, appends: list[Append]) -> list[Appended]:
    return store.append_many(appends, repeats="skip")


def as_arrays(store: runfold.Store, appends: list[Append]) -> list[Appended]:
    """Send the appends by the path of emitters."""
    return store.append_encoded(
        [
            WrittenAppend(
                one.stream_id,
                [written_event(event)[0] for event in one.events if isinstance(event, NewEvent)],
                expected_version=one.expected_version,
                user_id=one.user_id,
            )
            for one in appends
        ],
        repeats="skip",
    )


both = pytest.mark.parametrize("send", [as_text, as_arrays])


@both
def test_a_stored_prefix_is_skipped_and_answered_with_its_places(store: runfold.Store, send: Send) -> None:
    first, second = streams(2)
    events = lines(4)
    store.append(first, events[:1])
    store.append(first, lines(1))  # another writer
    store.append(first, events[1:2])
    other = lines(2)
    found = send(store, [append(first, events), append(second, other)])
    assert [(one.version, one.repeated, one.skipped) for one in found] == [(5, False, 2), (2, False, 0)]
    assert (list(found[0].versions), list(found[0].positions)) == ([1, 3, 4, 5], [1, 3, 4, 5])
    assert (found[0].first_position, found[0].last_position) == (1, 5)
    again = send(store, [append(first, events), append(second, other)])
    assert [(one.version, one.repeated, one.skipped) for one in again] == [(5, True, 4), (2, True, 2)]
    assert [list(one.positions) for one in again] == [[1, 3, 4, 5], [6, 7]]
    assert len(store.read_all()) == 7


@both
def test_a_stored_event_behind_a_new_one_is_refused_with_the_new_one(store: runfold.Store, send: Send) -> None:
    stream, events = a_stream(), lines(3)
    store.append(stream, events[1:2])
    with pytest.raises(EventIdConflict) as refused:
        send(store, [append(), append(stream, events)])
    assert refused.value.code == "event_ids_mixed"
    assert (refused.value.facts["pointer"], refused.value.facts["found"]) == (
        "/1/events/0/event_id",
        str(events[1].event_id),
    )
    assert len(store.read_all()) == 1


@both
def test_a_stored_event_of_another_stream_body_or_order_is_refused(store: runfold.Store, send: Send) -> None:
    stream, events = a_stream(), lines(2)
    store.append(stream, events)
    other_body = line("other", event_id=events[0].event_id)
    for wrong, at in (
        (append(a_stream(), events), 0),
        (append(stream, [other_body]), 0),
        (append(stream, events[::-1]), 1),
    ):
        with pytest.raises(EventIdConflict) as refused:
            send(store, [wrong])
        assert (refused.value.code, refused.value.facts["pointer"]) == ("event_id_conflict", f"/0/events/{at}/event_id")
    assert len(store.read_all()) == 2


@both
def test_an_expected_version_speaks_of_the_first_event(store: runfold.Store, send: Send) -> None:
    stream, events = a_stream(), lines(4)
    store.append(stream, events[:2])
    for wrong in (1, 2, 3):
        with pytest.raises(VersionConflict) as refused:
            send(store, [append(stream, events, expected_version=wrong)])
        assert (refused.value.version, refused.value.facts["pointer"]) == (2, "/0/expected_version")
    (found,) = send(store, [append(stream, events, expected_version=0)])
    assert (found.version, found.skipped) == (4, 2)
    store.append(stream, lines(1))
    with pytest.raises(VersionConflict):  # another writer was faster: the rest would come behind its event
        send(store, [append(stream, [*events, *lines(1)], expected_version=0)])
    (found,) = send(store, [append(stream, events, expected_version=0)])  # nothing is left to append
    assert (found.version, found.repeated) == (4, True)


def test_what_belongs_to_a_whole_call_cannot_be_skipped(store: runfold.Store, connection: Connection) -> None:
    for refusal, pointer in (
        (lambda: store.append_many([append()], command_id=uuid4(), repeats="skip"), "/command_id"),
        (lambda: store.append_many([append(), append(claims=[("a", "b")])], repeats="skip"), "/1/claims"),
        (lambda: store.append_many([append(releases=[("a", "b")])], repeats="skip"), "/0/releases"),
    ):
        with pytest.raises(InvalidInput) as refused:
            refusal()
        assert (refused.value.code, refused.value.pointer) == ("repeats_not_allowed", pointer)
    with pytest.raises(psycopg.Error, match="is not an allowed value: all"):
        connection.execute("SELECT runfold.append_events(%s, NULL, 'all')", [call(append())])
    assert store.read_all() == []


def paused(name: str) -> NewEvent:
    return NewEvent.of(
        PauseOpened(pause=name, paused_node_id="n", pause_reason="manual", paused_at=PAUSED_AT, resume_conditions={})
    )


def resumed(name: str) -> NewEvent:
    return NewEvent.of(PauseResumed(pause=name, resumed_at=PAUSED_AT, resume_trigger="manual"))


@both
def test_a_closed_pause_is_not_claimed_again(store: runfold.Store, connection: Connection, send: Send) -> None:
    stream, story = a_stream("execution"), [paused("p1"), resumed("p1"), line("x")]
    story[2] = paused("p2")
    store.append(stream, story[:1])
    store.append(stream, story[1:2])
    send(store, [append(stream, story[:2])])
    assert connection.execute("SELECT count(*) FROM runfold.claims").fetchone() == (0,)
    (found,) = send(store, [append(stream, story)])
    assert found.skipped == 2
    with pytest.raises(ClaimTaken) as refused:  # p2 is open; the pointer is that of the call as it was sent
        send(store, [append(stream, [*story, paused("p3")])])
    assert refused.value.facts["pointer"] == "/0/events/3/data/paused_node_id"


def test_claims_over_the_whole_call_would_claim_it_again(store: runfold.Store, connection: Connection) -> None:
    (source,) = connection.execute("SELECT pg_get_functiondef('runfold.append_events'::regproc)").fetchone() or ("",)
    step = "PERFORM runfold.take_claims(call);"
    assert step in source
    connection.execute(source.replace(step, "PERFORM runfold.take_claims(appends::jsonb);"))
    stream, story = a_stream("execution"), [paused("p1"), resumed("p1"), paused("p2")]
    store.append(stream, story[:1])
    store.append(stream, story[1:2])
    store.append(stream, [paused("q")])
    with pytest.raises(ClaimTaken):
        as_text(store, [append(stream, [*story[:2], resumed("q"), paused("r")])])


@dataclass
class Model:
    """The log in plain Python: the events of each stream, and the pause that each node has open."""

    streams: dict[str, list[UUID]] = field(default_factory=dict)

    def append(self, call: list[Append]) -> str | list[tuple[int, list[int]]]:
        """Return the code of a refusal, or what is skipped and the versions for each append."""
        after = {name: list(ids) for name, ids in self.streams.items()}
        answer, late = [], False
        for one in call:
            ids = [event.event_id for event in one.events if isinstance(event, NewEvent)]
            there = after.setdefault(one.stream_id, [])
            stored: list[int] = []
            for number, id_ in enumerate(ids):
                if id_ not in there:
                    continue
                version = there.index(id_) + 1
                if stored and version <= stored[-1]:
                    return "event_id_conflict"
                if len(stored) < number:
                    return "event_ids_mixed"
                stored.append(version)
            if (expected := one.expected_version) is not None:
                if stored != list(range(expected + 1, expected + 1 + len(stored))):
                    return "version_conflict"
                if len(stored) < len(ids) and len(there) != expected + len(stored):
                    if stored:
                        return "version_conflict"
                    late = True  # what is stored is judged first, in all appends
            there.extend(ids[len(stored) :])
            answer.append((len(stored), [there.index(i) + 1 for i in ids]))
        if late:
            return "version_conflict"
        self.streams = after
        return answer


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), send=st.sampled_from([as_text, as_arrays]))
def test_any_cuts_of_interleaved_writers_equal_the_model(store: runfold.Store, seed: int, send: Send) -> None:
    random, model = Random(seed), Model()
    names = streams(2)
    stories = {name: lines(8) for name in names}
    for _ in range(12):
        appends = []
        for name in random.sample(names, random.randint(1, 2)):
            start = random.choice([0, 0, max(0, len(model.streams.get(name, [])) - 2), random.randrange(8)])
            events = stories[name][start : start + random.randint(1, 5)] or stories[name][:1]
            if random.random() < 0.15:
                events = [*events, *lines(1)]  # another writer's, or one that was mended
            if random.random() < 0.1:
                events = random.sample(events, len(events))
            expected = random.choice([None, None, start, len(model.streams.get(name, []))])
            appends.append(append(name, events, expected_version=expected))
        try:
            found = send(store, appends)
        except (EventIdConflict, VersionConflict) as refused:
            answer: Any = refused.code
        else:
            answer = [(one.skipped, list(one.versions)) for one in found]
        assert answer == model.append(appends)
        for name in names:
            assert [event.event_id for event in store.read_stream(name)] == model.streams.get(name, [])


@both
def test_another_tenant_cannot_skip(store: runfold.Store, send: Send) -> None:
    stream, events = a_stream(), lines(1)
    store.append(stream, events, user_id=uuid4())
    with pytest.raises(StreamUnavailable):
        send(store, [append(stream, events, user_id=uuid4())])

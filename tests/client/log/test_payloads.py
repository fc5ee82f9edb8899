"""The log returns what it was given, byte for byte and value for value."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

import runfold
from runfold.errors import InvalidInput
from tests.factories import CATEGORY, a_stream, happening, line, opaque

LIMIT = 1024 * 1024


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(range(256)), id="every byte"),
        pytest.param(b"\0" * 1000, id="zeros"),
        pytest.param(b"\\x00\\\\'\"", id="escapes"),
        pytest.param(random.Random(1).randbytes(1), id="one byte"),
        pytest.param(random.Random(2).randbytes(100_001), id="a length that base64 pads"),
        pytest.param(random.Random(3).randbytes(LIMIT), id="the limit"),
    ],
)
def test_opaque_bytes_come_back_byte_for_byte(store: runfold.Store, payload: bytes) -> None:
    store.register_event_types(CATEGORY)
    stream = a_stream(CATEGORY)
    store.append(stream, [opaque(payload)])
    ((by_stream,), (by_log,)) = (store.read_stream(stream), store.read_all())
    assert by_stream == by_log
    assert by_stream.payload == payload
    assert by_stream.data is None


def test_bytes_beyond_the_limit_are_refused(store: runfold.Store) -> None:
    store.register_event_types(CATEGORY)
    with pytest.raises(InvalidInput) as refused:
        store.append(a_stream(CATEGORY), [opaque(bytes(LIMIT + 1))])
    assert refused.value.limit == LIMIT
    assert list(store.read_all()) == []


def test_an_events_envelope_comes_back_as_it_was(store: runfold.Store) -> None:
    occurred = datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    event = line(
        "Grüße, 世界 \U0001f680 \\u0000", metadata={"actor": "x", "n": [1, None, {"a": 1.5}]}, occurred_at=occurred
    )
    before = datetime.now(UTC)
    appended = store.append(a_stream(), [event], metadata={"actor": "shadowed", "correlation_id": "c"})
    (recorded,) = store.read_all()
    assert (recorded.position, recorded.stream_id, recorded.stream_version) == (1, appended.stream_id, 1)
    assert (recorded.event_id, recorded.type, recorded.schema_version) == (event.event_id, event.type, 1)
    assert recorded.data == event.data
    assert recorded.metadata == {"actor": "x", "n": [1, None, {"a": 1.5}], "correlation_id": "c"}
    assert recorded.occurred_at == occurred
    assert abs(recorded.recorded_at - before) < timedelta(minutes=1)


def test_numbers_at_the_edges_come_back_as_they_were(store: runfold.Store) -> None:
    store.register_event_types(CATEGORY)
    data = {
        "most": 2**63 - 1,
        "least": -(2**63),
        "half": 0.5,
        "tiny": 5e-324,
        "huge": 1.7976931348623157e308,
        "flag": True,
    }
    store.append(a_stream(CATEGORY), [happening(data=data)])
    (recorded,) = store.read_all()
    assert recorded.data == data

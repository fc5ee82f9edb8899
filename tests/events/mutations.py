"""Hypothesis strategies: valid data and valid calls, and mutations of them."""

# ruff: noqa: E501
from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from runfold.events import Event
from tests.events.examples import APPENDED, append, data_for, envelope, stream_of

ODD_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 10, 11, 100, 101, 1.0, 1.5, 0.5, -0.0, 1e30, 1e-7, 2**31 - 1, 2**31, 2**53, 253402300799999,
    253402300800000, "", " ", "\u3000\u00a0", "x", "a b", "naïve", "x" * 50, "x" * 51, "x" * 100, "x" * 101, "é" * 100,
    "x" * 255, "x" * 256, "é" * 255, "é" * 256, "😀" * 255, "a\nb", "a\x7fb", "\x85", "'", '"', "\\", "null", "true", "1", "1.5",
    "{}", "MANUAL", "manual", "CRON", "INFO", "DEBUG ", "slack", "DEPLOY", "approval", "low", "timeout", [], ["a"], ["a", 1],
    [["a"]], [None], ["MANUAL"], [1], {}, {"a": 1}, {"type": "x"}, "00000000-0000-4000-8000-000000000007",
    "ABCDEF00-0000-4000-8000-000000000007", "{00000000-0000-4000-8000-000000000007}", "00000000000040008000000000000007",
    "0000-00000000-4000-8000-000000000007", "00000000-0000-4000-8000-00000000000g", "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.5+02:00", "2026-01-31T12:00:00.123456+00:00", "2026-01-31T12:00:00.120000+00:00",
    "2026-01-31T12:00:00", "2026-01-31 12:00:00+00:00", "2026-02-30T12:00:00.123456+00:00", "2026-01-31T24:00:00.000000+00:00",
    "2026-01-31T12:00:60.000000+00:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00.12345+00:00", "infinity", "now",
    "2026-01-31T12:00:00.1234567Z", "2026-01-31T12:00:00+16:00", "2026-01-31T12:00:00-15:59", "2026-01-31T12:00:00 BC",
    "２０２６-01-31T12:00:00Z",
]  # fmt: skip
"""At the edges of every kind, and of every kind given for another."""


@st.composite
def mutated_data(draw: st.DrawFn) -> tuple[type[Event], Any]:
    """Draw an event type and its data: valid, or with some fields dropped, replaced or added."""
    event = draw(st.sampled_from(APPENDED))
    data: dict[str, Any] = data_for(event, everything=draw(st.booleans()))
    fields = [at.field for at in event.rules()]
    for _ in range(draw(st.integers(0, 3))):
        field = draw(st.sampled_from([*fields, *fields, "zz", "a/b"]))
        if draw(st.integers(0, 9)) < 2:
            data.pop(field, None)
        else:
            data[field] = draw(st.sampled_from(ODD_VALUES))
    return event, data


@st.composite
def mutated_call(draw: st.DrawFn) -> Any:
    """Draw a call of one to three appends, with some keys of envelopes dropped, replaced or added."""
    appends = []
    for n in range(draw(st.integers(1, 3))):
        events = []
        event = draw(st.sampled_from(APPENDED))
        for _ in range(draw(st.integers(1, 2))):
            data = data_for(event)
            if event.event_type() == "ExecutionCreated":
                data["execution_id"] = f"e{n}"
            events.append(envelope(event.event_type(), data))
        stream_id = f"{event.category()}-e{n}" if event.category() in ("execution", "log") else stream_of(event, {})
        appends.append(append(*events, stream_id=stream_id))
    places: list[tuple[dict[str, Any], list[str]]] = [
        (a, ["stream_id", "expected_version", "user_id", "events", "claims", "releases", "zz"]) for a in appends
    ] + [
        (e, ["event_id", "type", "schema_version", "data", "payload", "metadata", "occurred_at", "zz"])
        for a in appends
        for e in a["events"]
    ]
    odd = st.one_of(
        st.sampled_from(ODD_VALUES),
        st.sampled_from(
            ["execution-e0", "execution-", "execution- ", "log-x y", "Log-1", "nobody-1", "-x", "x", "execution-" + "x" * 256,
             appends[0]["events"][0]["event_id"], appends[0]["events"][0]["event_id"].upper(), "NodeStarted", "LogAppended",
             [["kind", "key"]], [["kind"]], [["kind", ""]], [["kind", 7]], "AAAA", 2**63 - 1, 1e3]
        ),
    )  # fmt: skip
    for _ in range(draw(st.integers(0, 2))):
        place, keys = draw(st.sampled_from(places))
        key = draw(st.sampled_from(keys))
        if draw(st.integers(0, 9)) < 2:
            place.pop(key, None)
        else:
            place[key] = draw(odd)
    return appends


def text_of(call: Any) -> str:
    """Return a call as JSON text."""
    return json.dumps(call, ensure_ascii=False)

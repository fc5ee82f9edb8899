"""The exported JSON Schema judges events as PostgreSQL does, but for what the page on schemas lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runfold.events import VOCABULARY, Event
from runfold.events.json_schema import events_schema
from runfold.events.shapes import schema_text
from tests.events.examples import ALL_EVENTS, APPENDED, append, data_for, envelope, started, stream_of
from tests.events.judging import Verdict, verdicts
from tests.events.mutations import ODD_VALUES, mutated_data, text_of
from tests.interop.test_xes_real_log import REAL_LOG

Connection = psycopg.Connection[Any]

SCHEMA = events_schema()


def validator(reference: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{reference}", "$defs": SCHEMA["$defs"]})


OF_TYPE = {name: validator(name) for name in VOCABULARY}


def without_nulls(event: type[Event], data: Any) -> Any:
    """Return data as a producer writes it that leaves out what is not given."""
    optional = {at.field for at in event.rules() if not at.required}
    return {key: value for key, value in data.items() if value is not None or key not in optional}


def disagreements(connection: Connection, cases: Sequence[tuple[type[Event], Any]]) -> list[str]:
    cases = [(event, without_nulls(event, data)) for event, data in cases]
    calls = [
        text_of([append(envelope(event.event_type(), data), stream_id=place(event, data))]) for event, data in cases
    ]
    found = verdicts(connection, "raise_append_fault", calls)
    said = []
    for (event, data), server in zip(cases, found, strict=True):
        accepted = OF_TYPE[event.event_type()].is_valid(data)
        if accepted != (server is None) and not (accepted and server and excused(server, data)):
            said.append(
                f"{event.__name__} {str(data)[:200]}: schema {'accepts' if accepted else 'refuses'}, server {server}"
            )
    return said


def place(event: type[Event], data: Any) -> str:
    made = stream_of(event, data)
    name = made.partition("-")[2]
    return made if name and len(name) < 256 and name.isprintable() and name.strip() else "execution-e1"


def excused(server: Verdict, data: Any) -> bool:
    """Return whether a schema cannot say it: 1.0 for an integer, a day or a year without place in the calendar.

    The page on schemas lists it, with what concerns more than one field.
    """
    value = data.get(server.pointer.rpartition("/")[2])
    if server.code == "not_an_integer":
        return isinstance(value, float) and value.is_integer()
    if server.code == "out_of_range":
        return isinstance(value, str)
    return server.code in ("not_a_timestamp", "stream_mismatch")


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(mutated_data(), min_size=1, max_size=30))
def test_it_judges_data_as_the_server_does(connection: Connection, cases: list[tuple[type[Event], Any]]) -> None:
    assert not disagreements(connection, cases)


def test_it_judges_every_kind_of_field_at_its_edges(connection: Connection) -> None:
    kinds = {(at.rule, at.required): (event, at.field) for event in APPENDED for at in event.rules()}
    cases = [(event, data_for(event) | {field: value}) for event, field in kinds.values() for value in ODD_VALUES]
    assert not disagreements(connection, cases)


def test_control_a_schema_that_takes_everything_is_found_out(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OF_TYPE, "NodeStarted", jsonschema.Draft202012Validator({}))
    assert disagreements(connection, [(VOCABULARY["NodeStarted"], started(attempt="1"))])


@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.event_type())
def test_each_type_is_told_apart_by_its_name(event: type[Event]) -> None:
    whole = jsonschema.Draft202012Validator(SCHEMA)
    good = envelope(event.event_type(), data_for(event))
    assert whole.is_valid(good)
    assert validator("NewEvent").is_valid(good) is not event.reserved
    for bad in (good | {"type": "Nothing"}, good | {"more": 1}, good | {"data": {**good["data"], "zz": 1}}):
        assert not whole.is_valid(bad)


def test_a_call_is_judged_as_a_whole() -> None:
    call = validator("Call")
    good = append(envelope("NodeStarted", started()))
    assert call.is_valid([good])
    assert not call.is_valid([])
    assert not call.is_valid([good] * 1001)
    for change in ({"stream_id": "billing-1"}, {"expected_version": -1}, {"events": []}, {"user_id": "me"}, {"zz": 1}):
        assert not call.is_valid([good | change]), change


def test_nothing_is_null_has_a_title_of_its_own_or_a_default() -> None:
    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            if path:
                assert not {"title", "default", "anyOf"} & set(value) or path.endswith("/properties"), path
            for key, one in value.items():
                walk(one, f"{path}/{key}")

    walk(json.loads(schema_text()), "")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(schema_text()) == SCHEMA


@pytest.mark.large
@pytest.mark.skipif(not REAL_LOG.exists(), reason="../shared/data/bpic2012.xes.gz is not here")
def test_every_event_of_the_real_log_is_valid() -> None:
    from tests.interop.replay import stream

    count = 0
    for made in stream(REAL_LOG):
        for event in made.events:
            assert OF_TYPE[event.type].is_valid(dict(event.data or {}))  # type: ignore[union-attr]
            count += 1
    assert count == 262_200 + 3 * 13_087

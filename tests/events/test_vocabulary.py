"""Events can be made of all values that the read tables can hold, and of no others."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from runfold import events
from runfold.errors import InvalidInput
from runfold.events import CATEGORIES, VOCABULARY, Event, ExecutionCreated, LogAppended, NodeStarted, WorkflowDeleted
from runfold.events.faults import FAULTS
from tests.events.examples import ALL_EVENTS, data_for, started, value_for
from tests.events.judging import model_verdict

by_type = pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.event_type())


@by_type
@pytest.mark.parametrize("everything", [True, False])
def test_data_goes_in_and_comes_out_as_it_was(event: type[Event], everything: bool) -> None:
    data = data_for(event, everything=everything)
    made = event.from_data(data)
    assert made.to_data() == data
    assert event.from_data(made.to_data()) == made
    assert made.category() in CATEGORIES
    assert made.schema_version() == 1
    assert VOCABULARY[made.event_type()] is event is getattr(events, made.event_type())


@by_type
def test_null_and_absent_are_the_same(event: type[Event]) -> None:
    nulls = {at.field: None for at in event.rules() if not at.required}
    data = data_for(event, everything=False)
    assert event.from_data(data | nulls).to_data() == data
    for at in event.rules():
        if at.required:
            assert model_verdict(event, data | {at.field: None}) == ("required", f"/{at.field}")
            del (without := dict(data))[at.field]
            assert model_verdict(event, without) == ("required", f"/{at.field}")


@by_type
def test_fields_of_others_are_refused(event: type[Event]) -> None:
    assert model_verdict(event, data_for(event) | {"zz": 1, "a/~b": 2}) == ("unknown_field", "/a~1~0b")


@by_type
def test_each_field_is_as_wide_as_its_column(event: type[Event]) -> None:
    data = data_for(event)
    for at in event.rules():
        if at.rule.kind in ("name", "text") and at.rule.maximum:
            assert model_verdict(event, data | {at.field: "é" * at.rule.maximum}) is None
            too_long = data | {at.field: "x" * (at.rule.maximum + 1)}
            with pytest.raises(InvalidInput) as caught:
                event.from_data(too_long)
            assert (caught.value.code, caught.value.limit, caught.value.found) == (
                "too_long",
                at.rule.maximum,
                at.rule.maximum + 1,
            )
        if at.rule.kind == "integer":
            assert at.rule.minimum is not None
            assert at.rule.maximum is not None
            for value, code in [
                (at.rule.minimum, None),
                (at.rule.minimum - 1, "out_of_range"),
                (at.rule.maximum + 1, "out_of_range"),
                (1.0, "not_an_integer"),
                (True, "wrong_type"),
                ("1", "wrong_type"),
            ]:
                found = model_verdict(event, data | {at.field: value})
                assert (found and found.code) == code, (at.field, value)
        if at.rule.kind == "enum":
            assert model_verdict(event, data | {at.field: "nonsense"}) == ("not_allowed", f"/{at.field}")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("x" * 255, None),
        ('x"; drop table events;--', None),
        ("", "blank"),
        (" \u00a0\u2003", "blank"),
        ("a\tb", "control_character"),
        ("a\x7f", "control_character"),
        ("a\x85", "control_character"),
        ("x" * 256, "too_long"),
        ("a\0b", "nul_character"),
        ("a\ud800", "lone_surrogate"),
        (7, "wrong_type"),
        (b"x", "not_json"),
    ],
)
def test_names_are_visible_text_of_255_characters(name: Any, code: str | None) -> None:
    found = model_verdict(NodeStarted, started(node_id=name))
    assert found == (None if code is None else (code, "/node_id"))


@pytest.mark.parametrize(
    ("value", "code", "pointer"),
    [
        ({"a": [float("nan")]}, "not_finite", "/a/0"),
        ({"a": float("-inf")}, "not_finite", "/a"),
        (2**63, "integer_too_large", ""),
        (-(2**63) - 1, "integer_too_large", ""),
        ({1: 2}, "key_not_string", ""),
        ({"a": {1, 2**63}}, "integer_too_large", "/a/1"),
        ({"a": object()}, "not_json", "/a"),
        ({"a\ud800": 1}, "lone_surrogate", "/a?"),
        ({"a": "\udc00"}, "lone_surrogate", "/a"),
    ],
)
def test_free_json_is_what_json_can_say(value: Any, code: str, pointer: str) -> None:
    assert model_verdict(NodeStarted, started(input_data=value)) == (code, f"/input_data{pointer}")


def test_nesting_ends_at_a_hundred_levels() -> None:
    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = [value]
        return value

    assert model_verdict(NodeStarted, started(input_data=nested(99))) is None
    found = model_verdict(NodeStarted, started(input_data=nested(100)))
    assert found == ("too_deep", "/input_data" + "/0" * 99)


@pytest.mark.parametrize(
    "at",
    [
        "2026-01-31T12:00:00",
        "2026-01-31",
        "infinity",
        "2026-01-31T12:00:00Z BC",
        "10000-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "2026-02-30T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00.1234567Z",
        "2026-01-31T12:00:00+16:00",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00z",
        datetime(2026, 1, 31),  # noqa: DTZ001
    ],
)
def test_times_have_a_zone_and_a_place_in_the_calendar(at: Any) -> None:
    assert model_verdict(WorkflowDeleted, {"at": at}) == ("not_a_timestamp", "/at")


def test_times_and_ids_may_be_given_as_such() -> None:
    zone = datetime.fromisoformat("2026-01-31T12:00:00+02:00")
    assert WorkflowDeleted(at=zone).to_data() == {"at": "2026-01-31T10:00:00.000000+00:00"}
    made = ExecutionCreated(execution_id="e1", workflow_id=UUID(int=1), mode="MANUAL")
    assert made.to_data()["workflow_id"] == str(UUID(int=1))


def test_a_log_line_has_both_its_types() -> None:
    line = LogAppended.from_data({"level": "INFO", "event_type": "step_input", "message": "x"})
    assert (line.event_type(), line.log_event_type) == ("LogAppended", "step_input")


def test_events_never_change() -> None:
    made = NodeStarted.from_data(started())
    with pytest.raises(Exception, match="frozen"):
        made.node_id = "n2"  # type: ignore[misc]


def test_every_fault_says_what_and_what_to_do() -> None:
    for code, fault in FAULTS.items():
        assert code == code.lower()
        assert fault.message
        assert fault.hint.endswith((".", ":", "Z."))


@by_type
def test_examples_satisfy_their_rules(event: type[Event]) -> None:
    assert all(value_for(at.rule) is not None for at in event.rules())

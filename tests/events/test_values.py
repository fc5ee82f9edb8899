"""Values of Python's types are stored as documented, or refused with the place and the reason."""

from __future__ import annotations

from collections import OrderedDict, UserDict, defaultdict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import orjson
import pytest
from pydantic import BaseModel, SecretStr

from runfold.errors import InvalidInput
from runfold.events import ExecutionCreated, NodeStarted, NodeSucceeded
from runfold.events.codec import encode_appends
from runfold.events.encoding import Default, encoded, encoding_with
from runfold.events.envelope import Append, NewEvent
from runfold.events.json_values import check, is_plain

Point = namedtuple("Point", "x y")


class Text(str, Enum):  # noqa: UP042 - what people have
    A = "a"


class Newer(StrEnum):
    A = "a"


class Code(IntEnum):
    OK = 200


class Plain(Enum):
    PAIR = (1, 2)
    NOTHING = None


class Bits(Flag):
    READ = 1


class Loud(str):
    def __str__(self) -> str:
        return "something else"


class Inner(BaseModel):
    at: datetime
    price: Decimal


class Model(BaseModel):
    inner: Inner
    blob: bytes


@dataclass
class Record:
    id: UUID
    children: list[Any]


NOON = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))

WRITTEN: list[tuple[Any, Any]] = [
    (Text.A, "a"),
    (Newer.A, "a"),
    (Code.OK, 200),
    (Plain.PAIR, [1, 2]),
    ({"a": Plain.NOTHING}, {"a": None}),
    (Bits.READ, 1),
    (Loud("text"), "text"),
    (type("float64", (float,), {})(1.5), 1.5),
    (type("int64", (int,), {})(7), 7),
    (OrderedDict(a=1), {"a": 1}),
    (defaultdict(int, a=1), {"a": 1}),
    (UserDict(a=1), {"a": 1}),
    ({Text.A: 1}, {"a": 1}),
    (Point(1, 2), [1, 2]),
    (type("Rows", (list,), {})([True, None]), [True, None]),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", 1, "a"}), [1, "a", "b"]),
    (NOON, "2026-01-31T10:00:00.000000+00:00"),
    (date(2026, 1, 31), "2026-01-31"),
    (NOON.time(), "12:00:00"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Decimal("1.10"), "1.10"),
    (PurePosixPath("/a/b"), "/a/b"),
    (b"\x00\xff", "AP8="),
    (bytearray(b"a"), "YQ=="),
    (Model(inner=Inner(at=NOON, price=Decimal("2.50")), blob=b"a"),
     {"inner": {"at": "2026-01-31T10:00:00.000000+00:00", "price": "2.50"}, "blob": "YQ=="}),
    (Record(UUID(int=2), [Code.OK, Path("x")]), {"id": "00000000-0000-0000-0000-000000000002", "children": [200, "x"]}),
]  # fmt: skip


def sent(event: NewEvent) -> dict[str, Any]:
    """Return an event as the call of `append_events` has it."""
    call = orjson.loads(encode_appends([Append(stream_id="x-1", events=[event])]))
    found: dict[str, Any] = call[0]["events"][0]
    return found


@pytest.mark.parametrize(("value", "written"), WRITTEN)
def test_a_value_is_written_as_documented(value: Any, written: Any) -> None:
    assert not is_plain(value), "a plain value would not show what the encoder does"
    output = NodeSucceeded(activation="n", node_id="n", end_time=1, output_data={"value": value}).to_data()
    assert output["output_data"] == {"value": written}
    assert is_plain(output)
    created = ExecutionCreated(
        execution_id="e1", workflow_id=UUID(int=1), mode="MANUAL", metadata={"value": value}
    ).to_data()
    assert created["metadata"] == {"value": written}
    event = sent(NewEvent(type="X", data={"value": value}, metadata={"value": value}))
    assert event["data"] == event["metadata"] == {"value": written}


@pytest.mark.parametrize("value", [Inner(at=NOON, price=Decimal(1)), Record(UUID(int=1), []), OrderedDict(a=1)])
def test_an_object_may_be_a_model_a_dataclass_or_another_mapping(value: Any) -> None:
    made = ExecutionCreated(execution_id="e1", workflow_id=UUID(int=1), mode="MANUAL", metadata=value)
    assert made.to_data()["metadata"] == encoded(value)
    assert sent(NewEvent(type="X", data=value))["data"] == encoded(value)


def test_fields_of_text_take_members_of_enums_and_subclasses() -> None:
    class Mode(StrEnum):
        MANUAL = "MANUAL"

    class Named(Enum):
        NODE = "n"

    made = ExecutionCreated.from_data({"execution_id": Loud("e1"), "workflow_id": UUID(int=1), "mode": Mode.MANUAL})
    assert made.to_data() == {"execution_id": "e1", "workflow_id": str(UUID(int=1)), "mode": "MANUAL"}
    started = NodeStarted.from_data(
        {"activation": "n", "node_id": Named.NODE, "node_type": Text.A, "attempt": Code.OK, "start_time": Code.OK}
    )
    assert is_plain(started.to_data())
    assert (started.node_id, started.attempt) == ("n", 200)


@pytest.mark.parametrize(
    ("value", "code", "pointer"),
    [
        (type("F", (float,), {})("nan"), "not_finite", ""),
        (Decimal("NaN"), "not_finite", ""),
        (Decimal("sNaN"), "not_finite", ""),
        (Decimal("-Infinity"), "not_finite", ""),
        (type("I", (int,), {})(2**63), "integer_too_large", ""),
        (Loud("a\0"), "nul_character", ""),
        (Path("a\udcff"), "lone_surrogate", ""),
        ({Plain.PAIR: 1}, "key_not_string", ""),
        (Record(UUID(int=1), [float("nan"), object()]), "not_finite", "/children/0"),
        ([Decimal(1), {"a": object()}], "not_json", "/1/a"),
        ([Code.OK, SecretStr("x")], "not_json", "/1"),
        ([Code.OK, datetime(2026, 1, 31)], "not_a_timestamp", "/1"),  # noqa: DTZ001
        (Record, "not_json", ""),
    ],
)
def test_what_cannot_be_stored_is_refused_at_its_place(value: Any, code: str, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        NodeSucceeded(activation="n", node_id="n", end_time=1, output_data={"value": value})
    assert (caught.value.code, caught.value.pointer) == (code, f"/output_data/value{pointer}")
    with pytest.raises(InvalidInput) as caught:
        sent(NewEvent(type="X", data={"value": value}))
    assert (caught.value.code, caught.value.pointer) == (code, f"/0/events/0/data/value{pointer}")


def test_a_cycle_is_too_deep() -> None:
    cycle = Record(UUID(int=1), [])
    cycle.children = [cycle, cycle]
    with pytest.raises(InvalidInput) as caught:
        NodeSucceeded(activation="n", node_id="n", end_time=1, output_data=cycle)
    assert caught.value.code == "too_deep"


def test_keys_that_become_the_same_are_refused() -> None:
    class Own(str):
        __hash__ = object.__hash__

        def __eq__(self, other: object) -> bool:
            return self is other

    with pytest.raises(InvalidInput) as caught:
        encoded({Own("a"): 1, Own("a"): 2})
    assert (caught.value.code, caught.value.pointer) == ("duplicate_key", "/a")


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, None, True, 1.5, "x"]},
        [float("nan")],
        {"b": {"a": 2**63, "c": "\0"}},
        {1: 2},
        {"a\ud800": 1},
        object(),
    ],
)
def test_the_encoder_refuses_plain_values_as_the_check_does(value: Any) -> None:
    def verdict(judge: Any) -> tuple[Any, ...] | None:
        try:
            judge(value)
        except InvalidInput as error:
            return error.code, error.pointer, error.limit, error.found
        return None

    assert verdict(encoded) == verdict(check)


def _refuse(value: Any) -> Any:
    raise TypeError(f"no {value}")


@pytest.mark.parametrize(
    ("default", "outcome"),
    [
        (lambda value: {"seconds": value.total_seconds()}, {"seconds": 60.0}),
        (lambda value: [Decimal(value.seconds)], ["60"]),
        (lambda _: float("nan"), "not_finite"),
        (lambda value: value, "too_deep"),
        (_refuse, "not_json"),
        (None, "not_json"),
    ],
)
def test_default_is_asked_about_what_is_not_known(default: Default | None, outcome: Any) -> None:
    with encoding_with(default):
        if isinstance(outcome, str):
            with pytest.raises(InvalidInput) as caught:
                encoded({"a": timedelta(minutes=1)})
            assert (caught.value.code, caught.value.pointer) == (outcome, "/a")
        else:
            assert encoded({"a": timedelta(minutes=1)}) == {"a": outcome}
    with pytest.raises(InvalidInput):  # control: outside it is not asked any more
        encoded(timedelta(minutes=1))


def test_default_is_not_asked_about_what_is_known() -> None:
    with encoding_with(_refuse):
        for value, written in WRITTEN:
            assert encoded(value) == written
        assert encoded(datetime(2026, 1, 31, tzinfo=UTC)) == "2026-01-31T00:00:00.000000+00:00"

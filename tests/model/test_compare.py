"""The comparison finds the differences that must not be missed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.model.compare import assert_tables_equal, differences, jsonb_image
from tests.model.tables import Table

KEY = UUID(int=1)


def tables(**columns: Any) -> dict[str, Table]:
    return {"workflow_executions": {KEY: {"id": KEY, **columns}}}


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"metadata": {"a": 1}}, {"metadata": {"a": 1.0}}),
        ({"metadata": {"a": 1}}, {"metadata": {"a": True}}),
        ({"metadata": {"a": "1"}}, {"metadata": {"a": 1}}),
        ({"metadata": {"a": None}}, {"metadata": {}}),
        ({"metadata": [1, 2]}, {"metadata": [2, 1]}),
        ({"run_data": None}, {"run_data": {}}),
        ({"paused": False}, {"paused": 0}),
        ({"start_time": 1}, {"start_time": 1.0}),
        ({"retry_of": "\u00e9"}, {"retry_of": "e\u0301"}),
        ({"retry_of": None}, {}),
        ({}, {"retry_of": None}),
    ],
)
def test_values_that_differ_are_named(expected: dict[str, Any], actual: dict[str, Any]) -> None:
    (line,) = differences(tables(**expected), tables(**actual))
    assert line.startswith(f"workflow_executions[{KEY}].")


def test_json_is_compared_as_jsonb_keeps_it() -> None:
    assert differences(tables(metadata={"a": 1, "b": 2}), tables(metadata={"b": 2, "a": 1})) == []
    assert jsonb_image(1e22) == "10000000000000000000000"
    assert jsonb_image(1.5e10) == "15000000000.0"
    assert jsonb_image(1.0) == "1.0"
    assert jsonb_image(-0.0) == "0.0"
    assert jsonb_image(1e-7) == "0.0000001"


def test_rows_too_many_and_too_few_are_named() -> None:
    (missing,) = differences(tables(status="NEW"), {"workflow_executions": {}})
    assert "there is no such row" in missing
    (extra,) = differences({"workflow_executions": {}}, tables(status="NEW"))
    assert "expected no such row" in extra


def test_a_difference_fails_with_table_key_column_and_both_values() -> None:
    with pytest.raises(AssertionError, match=rf"workflow_executions\[{KEY}\].status: expected 'NEW', there is 'ERROR'"):
        assert_tables_equal(tables(status="NEW"), tables(status="ERROR"))

"""A tail of one execution ends with the events that end it."""

from __future__ import annotations

from runfold.reading import tail


def test_the_tail_of_an_execution_ends_with_each_of_its_ends() -> None:
    assert {
        "ExecutionSucceeded",
        "ExecutionFailed",
        "ExecutionCanceled",
        "ExecutionTimedOut",
        "ExecutionDeclaredLost",
    } == tail._ENDS

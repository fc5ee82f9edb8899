"""The cases that LangGraph publishes for checkpointers pass with ours, all of them, each capability whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import runfold
from runfold.langgraph import RunfoldSaver
from tests.memory.conftest import ENGINE, add_user

conformance = pytest.importorskip("langgraph.checkpoint.conformance")
CAPABILITIES = 8
CASES = 81


def report(url: str, saver: type[RunfoldSaver]) -> Any:
    """Run the library's cases with a checkpointer of a new user."""

    @conformance.checkpointer_test(name="runfold")
    async def registered() -> AsyncIterator[RunfoldSaver]:
        with runfold.connect(url + ENGINE) as store:
            yield saver(store, add_user(url))

    return asyncio.run(conformance.validate(registered))


def test_the_librarys_cases_pass(database_url: str) -> None:
    found = report(database_url, RunfoldSaver)
    failed = {name: result.failures for name, result in found.results.items() if result.failures}
    assert failed == {}
    assert len(found.results) == CAPABILITIES
    assert all(result.detected for result in found.results.values())
    assert sum(result.tests_passed for result in found.results.values()) == CASES


class Forgetful(RunfoldSaver):
    """Records no writes."""

    async def aput_writes(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


def test_control_a_checkpointer_that_forgets_writes_fails_the_cases(database_url: str) -> None:
    results = report(database_url, Forgetful).results.values()
    assert sum(result.tests_failed for result in results) > 5

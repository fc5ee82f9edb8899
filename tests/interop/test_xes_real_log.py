"""The real log against an independent reading of it: regular expressions here, expat there."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from runfold.events.envelope import Append, NewEvent
from tests.interop.replay import Execution, replay, stream

REAL_LOG = Path(__file__).parents[3] / "shared" / "data" / "bpic2012.xes.gz"

pytestmark = pytest.mark.skipif(not REAL_LOG.exists(), reason="../shared/data/bpic2012.xes.gz is not here")


def read_by_regular_expressions() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each trace's name, and its events' names and transitions; the file has one element a line."""
    with gzip.open(REAL_LOG, "rt", encoding="utf-8") as file:
        text = file.read()
    assert "&" not in text
    for trace in re.findall(r"<trace>(.*?)</trace>", text, re.DOTALL):
        head, *events = re.split(r"<event>", trace)
        [name] = re.findall(r'<string key="concept:name" value="([^"]*)"/>', head)
        yield (
            name,
            [
                (
                    "".join(re.findall(r'key="concept:name" value="([^"]*)"', event)),
                    "".join(re.findall(r'key="lifecycle:transition" value="([^"]*)"', event)),
                )
                for event in events
            ],
        )


def rows_by_the_mapping(events: list[tuple[str, str]]) -> dict[str, list[tuple[str, int]]]:
    """Apply the mapping, written again from its description; return status and retries of each node's activations."""
    nodes: dict[str, list[tuple[str, int]]] = {}
    for node, transition in events:
        opened = nodes.setdefault(node, [])
        status, retries = opened[-1] if opened else ("", 0)
        match transition.lower():
            case "schedule":
                opened.append(("PENDING", 0))
            case "start" if status == "PENDING":
                opened[-1] = ("RUNNING", retries)
            case "start" if status == "RUNNING":
                opened[-1] = ("RUNNING", retries + 1)
            case "start":
                opened.append(("RUNNING", 0))
            case "complete" if status in ("PENDING", "RUNNING"):
                opened[-1] = ("SUCCESS", retries)
            case "complete":
                opened.append(("SUCCESS", 0))
            case _:
                pytest.fail(f"unexpected transition {transition}")
    return nodes


@pytest.fixture(scope="module")
def event_ids() -> Counter[int]:
    return Counter()


@pytest.fixture(scope="module")
def replayed(event_ids: Counter[int]) -> dict[str, Execution]:
    def noted(appends: Iterator[Append]) -> Iterator[Append]:
        for append in appends:
            event_ids.update(event.event_id.int for event in append.events if isinstance(event, NewEvent))
            yield append

    return replay(noted(stream(REAL_LOG)))


@pytest.fixture(scope="module")
def independent() -> dict[str, list[tuple[str, str]]]:
    return dict(read_by_regular_expressions())


def test_independent_reading_has_the_counts_that_are_stated(independent: dict[str, list[tuple[str, str]]]) -> None:
    rows = [row for events in independent.values() for opened in rows_by_the_mapping(events).values() for row in opened]
    assert len(independent) == 13_087
    assert sum(map(len, independent.values())) == 262_200
    assert len(rows) == 166_390
    # The 1,884 that are open when their trace ends are closed by that end: CANCELED.
    assert Counter(status for status, _ in rows) == {"SUCCESS": 164_506, "RUNNING": 1_813, "PENDING": 71}
    assert sum(retries for _, retries in rows) == 2


def test_import_produces_the_rows_of_the_independent_reading(
    replayed: dict[str, Execution], independent: dict[str, list[tuple[str, str]]]
) -> None:
    assert replayed.keys() == independent.keys()
    different = [name for name, events in independent.items() if replayed[name].rows() != rows_by_the_mapping(events)]
    assert different == []
    assert {execution.status for execution in replayed.values()} == {"SUCCESS"}
    assert not any(execution.logs for execution in replayed.values())


def test_import_produces_one_event_an_event_and_three_an_execution(
    replayed: dict[str, Execution], event_ids: Counter[int]
) -> None:
    assert len(replayed) == 13_087
    assert len(event_ids) == event_ids.total() == 262_200 + 3 * 13_087

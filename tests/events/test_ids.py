"""The ids that runfold makes are UUIDs of version 7, and sort by when a process made them."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from time import time_ns
from uuid import RFC_4122, UUID, uuid4

import pytest

from runfold.events import ids
from runfold.events.ids import new_id
from tests.fixtures.processes import forked

SOURCE = Path(__file__).parents[2]
MANY = 20_000


def vars_of(one: UUID) -> dict[str, object]:
    return {name: getattr(one, name) for name in ("int", "is_safe", "hex", "fields", "variant")}


def is_sorted(made: Sequence[UUID]) -> bool:
    return all(one < next_one for one, next_one in pairwise(made))


def test_an_id_is_a_uuid_of_version_7_that_says_when_it_was_made() -> None:
    before = time_ns() // 1_000_000
    made = new_id()
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made == UUID(int=made.int) == UUID(str(made)) == pickle.loads(pickle.dumps(made))
    assert vars_of(made) == vars_of(UUID(int=made.int))
    assert before <= made.int >> 80 <= time_ns() // 1_000_000 + 1


def test_ids_sort_by_when_they_were_made() -> None:
    assert is_sorted([new_id() for _ in range(MANY)])


def test_control_random_ids_do_not_sort() -> None:
    assert not is_sorted([uuid4() for _ in range(100)])


CLOCKS = {
    "still": lambda: 1_700_000_000_000_000_000,
    "going back": iter(range(2_000_000_000_000_000_000, 0, -1_000_000)).__next__,
}


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_ids_sort_when_the_clock_is_still_or_goes_back(
    clock: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ids, "_maker", ids._Maker())
    monkeypatch.setattr(ids, "time_ns", clock)
    made = [new_id() for _ in range(MANY)]
    assert is_sorted(made)
    assert {one.version for one in made} == {7}


def test_threads_make_different_ids_and_each_thread_sorted_ones() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: [new_id() for _ in range(MANY // 8)], range(8)))
    assert all(is_sorted(of_thread) for of_thread in made)
    assert len({one for of_thread in made for one in of_thread}) == MANY


def ids_of_children(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return what each child process makes while the clock is still: only random bits tell them apart."""
    new_id()
    monkeypatch.setattr(ids, "time_ns", lambda: 0)
    made = []
    for _ in range(3):
        with forked(lambda: print(*(new_id() for _ in range(200)))) as child:
            assert child.wait() == 0, child.output
            made.append(child.output.split())
    return made


@pytest.mark.process
def test_child_processes_make_different_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ids_of_children(monkeypatch)
    assert len({one for of_child in made for one in of_child}) == 600


@pytest.mark.process
def test_control_children_that_keep_the_random_bytes_make_the_same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_maker", ids._Maker())  # one that nobody renews
    made = ids_of_children(monkeypatch)
    assert made[0][:100] == made[1][:100]


def makers_of_other_ids(text: str) -> list[str]:
    return re.findall(r"\b(?:uuid[146]\(|uuid[146]\b(?=\)|,? *$)|gen_random_uuid\(\))", text, re.MULTILINE)


def test_nothing_of_ours_makes_ids_of_another_version() -> None:
    """But for the columns of the tables that users edit: their default must not need a right on our schema."""
    files = [
        *SOURCE.glob("src/runfold/**/*.py"),
        *SOURCE.glob("src/runfold/**/*.sql"),
        *SOURCE.glob("schema/functions/*.sql"),
    ]
    found = {file.name: makers for file in files if (makers := makers_of_other_ids(file.read_text(encoding="utf-8")))}
    assert found == {"new_id.sql": ["gen_random_uuid()"]}


def test_control_a_maker_of_random_ids_is_found() -> None:
    assert makers_of_other_ids("    event_id: UUID = field(default_factory=uuid4)\n    call = uuid4()\n") == [
        "uuid4",
        "uuid4(",
    ]

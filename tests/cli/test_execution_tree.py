"""The tree of an execution: every node once, in time that grows with their number, at any depth and width."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import runfold
from runfold import events
from runfold.cli.timeline import render_timeline
from runfold.cli.tree import CIRCLE
from tests.cli.running import execution, run
from tests.fixtures.processes import drain

pytest_plugins = ["tests.fixtures.stores"]

Parent = Callable[[int], int | None]
CHAIN: Parent = lambda number: number - 1 if number else None  # noqa: E731
FLAT: Parent = lambda number: None  # noqa: E731


def story(count: int, parent: Parent, **changes: Any) -> dict[str, Any]:
    """Return an execution as `read_execution` does, with nodes s0, s1, ... and these parents."""
    made = datetime(2026, 3, 1, tzinfo=UTC)
    nodes = [
        {
            "id": str(number), "parent_id": None if (above := parent(number)) is None else str(above),
            "activation": f"s{number}", "node_id": "s", "status": "RUNNING", "duration_ms": None,
            "start_time": 1000 + number, "end_time": None, "created_at": made, "retry_count": 0, "max_retries": 0,
        }
        for number in range(count)
    ]  # fmt: skip
    found = {
        "execution_id": "e", "workflow": None, "status": "RUNNING", "start_time": 1000, "end_time": None,
        "duration_ms": None, "logs": [], "attempts": [], "pauses": [], "children": [], "nodes": nodes,
    }  # fmt: skip
    return found | changes


def drawn(found: dict[str, Any], width: int = 80, height: int | None = None) -> list[str]:
    return render_timeline(found, now=20_000, width=width, height=height).plain.splitlines()


def names(lines: list[str]) -> list[str]:
    return [word for shown in lines for word in shown.split() if word[0] == "s" and word[1:].isdecimal()]


@pytest.mark.parametrize("parent", [FLAT, CHAIN], ids=["wide", "deep"])
def test_the_time_grows_with_the_lines_and_not_with_their_square(parent: Parent) -> None:
    def seconds(count: int) -> float:
        found = story(count, parent)
        began = time.process_time()
        assert len(drawn(found)) == count + 2, "header, execution and nodes"
        return time.process_time() - began

    seconds(100)
    small, large = seconds(1_000), seconds(8_000)
    assert large < 24 * small, f"8 times the lines took {large / small:.0f} times as long; the square is 64"


def test_a_tree_deeper_than_the_stack_of_python_shows_each_node_at_its_depth() -> None:
    count = 2 * sys.getrecursionlimit()
    lines = drawn(story(count, CHAIN))
    assert names(lines) == [f"s{number}" for number in range(count)]
    assert lines[-1].startswith(f"…{count} ")


@pytest.mark.parametrize(
    ("parents", "order"),
    [
        ([1, 0, None], ["s2", "s0", "s1"]),
        ([0, None], ["s0", "s1"]),
        ([None, 2, 3, 1, 3], ["s0", "s1", "s3", "s2", "s4"]),
        ([1, 2, 1, 4, 3], ["s1", "s0", "s2", "s3", "s4"]),
    ],
    ids=["two that name each other", "its own parent", "a node below a circle", "two circles"],
)
def test_a_circle_of_parents_is_under_its_own_heading_and_each_node_is_shown_once(
    parents: list[int | None], order: list[str]
) -> None:
    lines = drawn(story(len(parents), lambda number: parents[number]))
    assert sorted(names(lines)) == sorted(order)
    if parents[0] != 0:
        assert names(lines) == order
        assert sum(CIRCLE in shown for shown in lines) == 1


def test_control_without_a_circle_there_is_no_heading() -> None:
    assert not any(CIRCLE in shown for shown in drawn(story(4, CHAIN)))


def test_each_line_that_is_left_out_is_counted() -> None:
    found = story(50, lambda number: 0 if number else None)
    found["nodes"][0]["status"] = "SUCCESS"
    assert drawn(found, height=20)[-1] == "… 49 more lines", "those below a succeeded node count too"
    assert drawn(story(50, CHAIN), height=20)[-1] == "… 32 more lines"
    assert not drawn(found)[-1].startswith("…")


@pytest.mark.parametrize("width", [60, 80])
def test_names_of_wide_letters_keep_the_columns(width: int) -> None:
    found = story(2, FLAT)
    found["nodes"][1]["activation"] = "山田" * 20
    plain, wide = drawn(found, width)[-2:]
    from rich.cells import cell_len

    assert cell_len(plain[: plain.index("●")]) == cell_len(wide[: wide.index("●")])


def test_a_name_in_the_tree_cannot_end_its_line_or_steer() -> None:
    found = story(1, FLAT, workflow="a\nb\x1b[2J\u202e")
    lines = drawn(found)
    assert len(lines) == 3
    assert all(shown.isprintable() for shown in lines)


def test_the_command_shows_deep_and_circular_trees(store: runfold.Store, database_url: str) -> None:
    about: dict[str, Any] = {"node_type": "ACTION", "attempt": 1, "start_time": 1_764_000_000_000}
    deep = [
        events.NodeStarted(
            activation=f"s{number}", node_id="s", parent_activation=f"s{number - 1}" if number else None, **about
        )
        for number in range(1_200)
    ]
    ring = [
        events.NodeStarted(activation="alpha", node_id="alpha", parent_activation="beta", **about),
        events.NodeStarted(activation="beta", node_id="beta", parent_activation="alpha", **about),
    ]
    store.append_many([execution("deep", *deep), execution("ring", *ring)])
    drain(database_url)
    shown = run(database_url, "execution", "show", "deep", "--lines", "5000")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "s1199" in shown.stdout
    shown = run(database_url, "execution", "show", "ring", columns=60)
    assert all(name in shown.stdout for name in ("alpha", "beta", CIRCLE))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "runfold", "--url", database_url, "execution", "show", "ring"]
    piped = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    assert max(map(len, piped.splitlines())) <= 80, "a pipe does not get bars of ten thousand columns"


def test_a_pause_is_shown_below_the_activation_that_waits_or_the_one_that_had_begun_when_its_node_paused() -> None:
    found = story(4, FLAT)

    def pause(second: float, **about: Any) -> dict[str, Any]:
        at = datetime.fromtimestamp(second, UTC)
        return {
            "paused_at": at,
            "resumed_at": at,
            "updated_at": at,
            "status": "resumed",
            "pause_reason": "timer",
        } | about

    # Three began at 1.000, 1.001 and 1.002 s; the fourth begins at 1.003 s.
    found["pauses"] = [
        pause(9, paused_node_id="s", activation="s0"),
        pause(1.0015, paused_node_id="s", activation=None),
        pause(9, paused_node_id="s", activation=None),
        pause(0.5, paused_node_id="s", activation=None),
    ]
    lines = drawn(found)[2:]
    assert ["timer" if "timer" in line else names([line])[0] for line in lines] == [
        "s0", "timer", "timer", "s1", "timer", "s2", "s3", "timer",
    ]  # fmt: skip

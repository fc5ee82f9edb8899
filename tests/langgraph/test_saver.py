"""LangGraph's checkpointer: interrupts, time travel, other processes, tenants, large values, growth of the log."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from operator import add
from threading import Thread
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

import runfold
from runfold.errors import InvalidInput, StreamUnavailable, TenantErased
from runfold.langgraph import RunfoldSaver
from runfold.langgraph.packing import difference
from runfold.langgraph.saving import SMALL
from runfold.settings import load_settings
from tests.memory.conftest import ENGINE, add_user

graphs = pytest.importorskip("langgraph.graph")
types = pytest.importorskip("langgraph.types")


class State(TypedDict):
    lines: Annotated[list[str], add]
    total: int


def propose(state: State) -> dict[str, Any]:
    return {"lines": [f"proposed after {len(state['lines'])}"], "total": state.get("total", 0) + 1}


def approve(state: State) -> dict[str, Any]:
    answer = types.interrupt({"ask": "may I?"})
    return {"lines": [f"answer {answer}"]}


def graph(saver: Any, *, padding: int = 0) -> Any:
    """A graph that proposes, asks a person, and ends."""
    builder = graphs.StateGraph(State)
    builder.add_node("propose", lambda state: {**propose(state), "lines": [f"p{len(state['lines'])} {'x' * padding}"]})
    builder.add_node("approve", approve)
    builder.add_edge(graphs.START, "propose")
    builder.add_edge("propose", "approve")
    return builder.compile(checkpointer=saver)


def config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


@pytest.fixture(scope="module")
def store(module_database_url: str) -> Iterator[runfold.Store]:
    with runfold.connect(module_database_url + ENGINE) as opened:
        yield opened


@pytest.fixture
def saver(store: runfold.Store, module_database_url: str) -> RunfoldSaver:
    return RunfoldSaver(store, add_user(module_database_url))


# -- graphs ------------------------------------------------------------------------------------------------------------


def test_a_graph_waits_for_a_person_and_goes_on_in_another_saver(saver: RunfoldSaver, store: runfold.Store) -> None:
    thread = config(str(uuid4()))
    waiting = graph(saver).invoke({"lines": ["begin"]}, thread)
    assert waiting["__interrupt__"][0].value == {"ask": "may I?"}
    other = RunfoldSaver(store, saver.user_id)
    done = graph(other).invoke(types.Command(resume="yes"), thread)
    assert done["lines"] == ["begin", "p1 ", "answer yes"]


RESUMES = """
import sys
import runfold
from langgraph.types import Command
from runfold.langgraph import RunfoldSaver
from tests.langgraph.test_saver import config, graph
url, user, thread = sys.argv[1:]
with runfold.connect(url) as store:
    print(graph(RunfoldSaver(store, user)).invoke(Command(resume="yes"), config(thread))["lines"])
"""


def test_a_graph_goes_on_in_another_process(saver: RunfoldSaver, module_database_url: str) -> None:
    thread = str(uuid4())
    graph(saver).invoke({"lines": []}, config(thread))
    command = [sys.executable, "-c", RESUMES, module_database_url + ENGINE, str(saver.user_id), thread]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "['p0 ', 'answer yes']\n", done.stderr
    # What the other process wrote is seen here.
    assert graph(saver).get_state(config(thread)).values["lines"] == ["p0 ", "answer yes"]


def test_the_past_of_a_thread_is_listed_changed_and_gone_on_from(saver: RunfoldSaver) -> None:
    thread = config(str(uuid4()))
    built = graph(saver)
    built.invoke({"lines": ["begin"]}, thread)
    built.invoke(types.Command(resume="no"), thread)
    history = [*built.get_state_history(thread)]
    assert [found.values.get("lines") for found in history][:2] == [["begin", "p1 ", "answer no"], ["begin", "p1 "]]
    before = next(found for found in history if found.next == ("approve",))
    forked = built.update_state(before.config, {"lines": ["changed"]})
    again = built.invoke(types.Command(resume="yes"), {"configurable": {**forked["configurable"]}})
    assert again["lines"] == ["begin", "p1 ", "changed", "answer yes"]
    # What was there before the fork is as it was.
    assert built.get_state(history[0].config).values["lines"] == ["begin", "p1 ", "answer no"]


def test_a_graph_runs_in_asyncio(saver: RunfoldSaver) -> None:
    async def run() -> Any:
        thread = config(str(uuid4()))
        built = graph(saver)
        await built.ainvoke({"lines": []}, thread)
        await built.ainvoke(types.Command(resume=1), thread)
        return [found.values.get("lines") async for found in built.aget_state_history(thread)]

    assert asyncio.run(run())[0] == ["p0 ", "answer 1"]


# -- the same as the library's own -------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["run", "resume", "update", "fork", "prune", "delete", "forget"]),
        st.integers(0, 3),
        st.text("ab", max_size=900),
    ),
    min_size=1,
    max_size=8,
)


def states(built: Any, thread: dict[str, Any]) -> list[Any]:
    return [
        (
            found.values,
            found.next,
            found.metadata["source"],
            found.metadata["step"],
            len(found.tasks),
            found.interrupts != (),
        )
        for found in built.get_state_history(thread)
    ]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS)
def test_threads_are_as_with_the_librarys_own(saver: RunfoldSaver, store: runfold.Store, steps: Any) -> None:
    thread = config(str(uuid4()))
    kept: Any = saver
    reference: Any = InMemorySaver()
    for step, place, text in steps:
        if step == "forget":  # what is in memory is lost, as in another process
            kept = RunfoldSaver(store, saver.user_id)
            continue
        both = [graph(kept), graph(reference)]
        seen = []
        for built in both:
            history = [*built.get_state_history(thread)]
            if step == "run":
                built.invoke({"lines": [text]}, thread)
            elif step == "resume" and history and history[0].interrupts:
                built.invoke(types.Command(resume=text), thread)
            elif step == "update" and history:
                built.update_state(thread, {"lines": [text]})
            elif step == "fork" and len(history) > place:
                built.invoke(None, built.update_state(history[place].config, {"lines": [text]}, as_node="propose"))
            elif step == "delete":
                built.checkpointer.delete_thread(thread["configurable"]["thread_id"])
            elif step == "prune" and history:
                kept.prune([thread["configurable"]["thread_id"]])
                _prune_reference(reference, thread["configurable"]["thread_id"])
            seen.append(states(built, thread))
        assert seen[0] == states(both[1], thread)
    fresh = RunfoldSaver(store, saver.user_id)
    assert states(graph(fresh), thread) == states(graph(reference), thread)


def _prune_reference(reference: InMemorySaver, thread: str) -> None:
    for ns, found in reference.storage[thread].items():
        for name in sorted(found)[:-1]:
            del found[name]
            reference.writes.pop((thread, ns, name), None)


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=12), st.binary(max_size=12))
def test_a_difference_gives_the_value_again(base: bytes, tail: bytes, old: bytes, new: bytes) -> None:
    value = new + base + tail
    found = difference(old + base, value)
    assert found is None or found.applied(old + base) == value


# -- writers side by side ----------------------------------------------------------------------------------------------


def test_writers_of_one_thread_lose_nothing(store: runfold.Store, saver: RunfoldSaver) -> None:
    thread = str(uuid4())
    graph(saver).invoke({"lines": []}, config(thread))
    place = saver.get_tuple(config(thread)).config
    savers = [RunfoldSaver(store, saver.user_id) for _ in range(3)]

    def write(one: RunfoldSaver, number: int) -> None:
        for n in range(20):
            one.put_writes(place, [("lines", [number, n])], f"task {number} {n}")

    threads = [Thread(target=write, args=pair) for pair in zip(savers, range(3), strict=True)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = RunfoldSaver(store, saver.user_id).get_tuple(place)
    written = [tuple(value) for task, channel, value in found.pending_writes if task.startswith("task ")]
    assert sorted(written) == [(number, n) for number in range(3) for n in range(20)]


# -- what it takes in the log ------------------------------------------------------------------------------------------


def events(url: str, saver: RunfoldSaver) -> list[tuple[str, int]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT type, octet_length(payload) FROM runfold.events WHERE user_id = %s ORDER BY position",
            [saver.user_id],
        ).fetchall()


def test_a_value_that_did_not_change_is_recorded_once(saver: RunfoldSaver, module_database_url: str) -> None:
    thread = config(str(uuid4()))
    built = graph(saver)
    built.update_state(thread, {"lines": ["y" * 5000], "total": 1}, as_node="propose")
    for n in range(10):
        built.update_state(thread, {"total": n}, as_node="propose")
    large = [size for kind, size in events(module_database_url, saver) if kind == "langgraph:value"]
    assert len(large) == 1
    assert large[0] > 5000


def test_a_list_that_grows_is_recorded_as_what_is_added(saver: RunfoldSaver, module_database_url: str) -> None:
    thread = config(str(uuid4()))
    built = graph(saver)
    for n in range(40):
        built.update_state(thread, {"lines": [f"{n} " + "z" * 1000]}, as_node="propose")
    sizes = [size for kind, size in events(module_database_url, saver) if kind == "langgraph:value"]
    assert len(sizes) == 40
    assert sum(sizes) < 6 * 40 * 1000  # each version whole would be 20 times 40 kB
    assert len(built.get_state(thread).values["lines"]) == 40
    assert [len(found.values["lines"]) for found in built.get_state_history(thread)] == [*range(40, 0, -1)]


def test_control_without_differences_each_version_is_whole(
    saver: RunfoldSaver, module_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.langgraph.saving.difference", lambda base, value: None)
    thread = config(str(uuid4()))
    for n in range(40):
        graph(saver).update_state(thread, {"lines": [f"{n} " + "z" * 1000]}, as_node="propose")
    assert sum(size for _, size in events(module_database_url, saver)) > 15 * 40 * 1000


def test_a_small_value_needs_no_event_of_its_own(saver: RunfoldSaver, module_database_url: str) -> None:
    for size, count in ((SMALL // 2, 0), (SMALL * 2, 1)):
        thread = config(str(uuid4()))
        graph(saver).update_state(thread, {"lines": ["y" * size]}, as_node="propose")
        kinds = [kind for kind, _ in events(module_database_url, saver)]
        assert kinds.count("langgraph:value") == count


def test_a_value_over_the_limit_of_an_event_is_a_blob(
    saver: RunfoldSaver, store: runfold.Store, module_database_url: str
) -> None:
    thread = config(str(uuid4()))
    text = "".join(chr(97 + n * n % 26) for n in range(1_500_000))
    graph(saver).update_state(thread, {"lines": [text]}, as_node="propose")
    assert max(size for _, size in events(module_database_url, saver)) < 2000
    assert len(store.blobs.list(saver.user_id)) == 1
    assert graph(RunfoldSaver(store, saver.user_id)).get_state(thread).values["lines"] == [text]


def test_a_snapshot_shortens_the_first_reading(
    saver: RunfoldSaver, store: runfold.Store, module_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.langgraph.thread_log._SNAPSHOT_EVENTS", 20)
    thread = config(str(uuid4()))
    built = graph(saver)
    for n in range(50):
        built.update_state(thread, {"lines": [str(n) * 300], "total": n}, as_node="propose")
    with psycopg.connect(module_database_url) as connection:
        rows = connection.execute(
            "SELECT version FROM runfold.snapshots WHERE category = 'langgraph' AND originator_id = %s",
            [thread["configurable"]["thread_id"]],
        ).fetchall()
    assert len(rows) == 1
    fresh = RunfoldSaver(store, saver.user_id)
    with fresh._log.thread(thread["configurable"]["thread_id"]) as opened:
        assert opened.snapshot_at == rows[0][0] > 50
    assert states(graph(fresh), thread) == states(built, thread)


# -- tenants -----------------------------------------------------------------------------------------------------------


def test_no_tenant_reads_a_thread_of_another(
    saver: RunfoldSaver, store: runfold.Store, module_database_url: str
) -> None:
    thread = str(uuid4())
    graph(saver).invoke({"lines": []}, config(thread))
    other = RunfoldSaver(store, add_user(module_database_url))
    assert other.get_tuple(config(thread)) is None
    assert [*other.list(config(thread))] == [*other.list(None)] == []
    with pytest.raises(StreamUnavailable):
        graph(other).invoke({"lines": []}, config(thread))
    assert len([*saver.list(None)]) == 3
    with runfold.connect(module_database_url) as login:
        rows = [
            login.as_user(user).fetch(
                "SELECT count(*) AS n FROM runfold.events WHERE stream_id = %s", [f"langgraph-{thread}"]
            )
            for user in (saver.user_id, other.user_id)
        ]
    assert [row[0]["n"] > 0 for row in rows] == [True, False]


def test_a_store_with_a_tenant_needs_no_other(module_database_url: str) -> None:
    user = add_user(module_database_url)
    with runfold.connect(module_database_url + ENGINE, user_id=user) as opened:
        assert RunfoldSaver(opened).user_id == user
    with runfold.connect(module_database_url + ENGINE) as opened, pytest.raises(InvalidInput, match="user_id"):
        RunfoldSaver(opened)


def test_an_erased_tenants_threads_take_nothing_and_leave_no_snapshot(
    saver: RunfoldSaver, module_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.langgraph.thread_log._SNAPSHOT_EVENTS", 1)
    thread = str(uuid4())
    graph(saver).invoke({"lines": []}, config(thread))
    count = "SELECT count(*) FROM runfold.snapshots WHERE originator_id = %s"
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        assert connection.execute(count, [thread]).fetchone() == (1,)
        for _ in range(100):
            row = connection.execute("SELECT state FROM runfold.erase_tenant(%s)", [saver.user_id]).fetchone()
            if row == ("erased",):
                break
        assert connection.execute(count, [thread]).fetchone() == (0,)
    with pytest.raises(TenantErased):
        graph(saver).invoke(types.Command(resume=1), config(thread))


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thread", ["a b", "é-ü", "100% sure", "-", "x" * 254])
def test_any_thread_id_is_taken(saver: RunfoldSaver, thread: str) -> None:
    thread = f"{thread}{uuid4().hex}"[-254:]
    graph(saver).invoke({"lines": []}, config(thread))
    assert [found.config["configurable"]["thread_id"] for found in saver.list(None)] == [thread] * 3


@pytest.mark.parametrize(("thread", "code"), [("", "blank"), ("x" * 255, "too_long"), ("é" * 43, "too_long")])
def test_a_thread_id_without_a_name_is_refused(saver: RunfoldSaver, thread: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        saver.get_tuple(config(thread))
    assert refused.value.code == code


def test_an_unknown_strategy_is_refused(saver: RunfoldSaver) -> None:
    with pytest.raises(InvalidInput, match="strategy"):
        saver.prune([], strategy="everything")


# -- encryption --------------------------------------------------------------------------------------------------------


def test_payloads_are_encrypted_by_policy_and_read_with_the_key(database_url: str, tmp_path: Any) -> None:
    user = add_user(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO runfold.encryption_policies (user_id, event_type, field) VALUES (%s, '*', 'payload')", [user]
        )
    ledger = tmp_path / "ledger"
    ledger.touch()
    chosen = load_settings(master_keys=Fernet.generate_key().decode(), key_home="database", erasure_ledger=str(ledger))
    thread = config(str(uuid4()))
    with runfold.connect(database_url, settings=chosen) as opened:
        graph(RunfoldSaver(opened, user), padding=2000).invoke({"lines": ["secret words"]}, thread)
        fresh = RunfoldSaver(opened, user)
        assert graph(fresh).get_state(thread).values["lines"][0] == "secret words"
        opened.encryption.keyring().destroy(user)
        assert RunfoldSaver(opened, user).get_tuple(thread) is None
    with psycopg.connect(database_url) as connection:
        payloads = connection.execute("SELECT payload FROM runfold.events WHERE user_id = %s", [user]).fetchall()
    assert len(payloads) > 3
    assert not any(b"secret" in payload or b"lines" in payload for (payload,) in payloads)

"""Event ids of a stream and a name: the same in SQL and Python, near each other, of version 8."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import runfold
from runfold.errors import InvalidInput
from runfold.events.ids import new_id

STREAMS = st.one_of(
    st.builds(lambda: f"execution-{new_id()}"),
    st.uuids().map(lambda one: f"log-{one}"),
    st.from_regex(r"[a-z]{1,6}-[!-~]{1,40}", fullmatch=True),
)
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=80)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=STREAMS, name=NAMES)
@example(stream="execution-01890A5D-AC96-774B-BCCE-B302099A8057", name="n")
@example(stream="nodash", name="n")
def test_sql_and_python_agree(connection: psycopg.Connection[Any], stream: str, name: str) -> None:
    made = runfold.event_id(stream, name)
    assert connection.execute("SELECT runfold.event_id(%s, %s)", (stream, name)).fetchone() == (made,)
    assert (made.version, made.variant) == (8, UUID(int=0, version=4).variant)


def test_the_ids_of_a_stream_are_neighbours_and_differ() -> None:
    for stream in (f"execution-{new_id()}", f"log-{uuid4()}", "log-order-12"):
        made = {runfold.event_id(stream, f"n1/1/NodeWaiting/{n}") for n in range(100)}
        assert (len(made), len({one.int >> 80 for one in made})) == (100, 1)
    id_ = new_id()
    assert runfold.event_id(f"execution-{id_}", "x").int >> 80 == id_.int >> 80
    assert runfold.event_id("log-a", "x") != runfold.event_id("log-b", "x")


@pytest.mark.parametrize(("name", "code"), [("", "blank"), ("a\0", "nul_character"), ("\ud800", "lone_surrogate")])
def test_a_name_that_names_nothing_is_refused(name: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        runfold.event_id("log-a", name)
    assert (refused.value.code, refused.value.pointer) == (code, "/name")


def test_a_blank_name_is_refused_in_sql(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error, match="/name is blank"):
        connection.execute("SELECT runfold.event_id('log-a', '')")

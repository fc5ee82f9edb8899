"""SQL refuses by one function with the texts of one catalogue, and Python reads its errors."""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
import pytest

from runfold.database.connections import map_error
from runfold.database.sources.files import sources_dir
from runfold.database.vector_migrations import VECTORS
from runfold.errors import REFUSALS, VersionConflict
from runfold.events.claims_sql import claim_rule_rows
from runfold.events.sql import refusal_rows

# They raise from a catalogue: of refusals, and of faults.
RAISING = ("refuse", "raise_fault")


def refused(connection: psycopg.Connection[Any], name: str, facts: Any = None, words: Any = None) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(
            "SELECT runfold.refuse(%s, %s, %s)", [name, json.dumps(facts or {}), json.dumps(words or {})]
        )
    return caught.value


def test_the_table_is_the_catalogue(connection: psycopg.Connection[Any]) -> None:
    found = connection.execute("SELECT name, sqlstate, code, message, hint FROM runfold.refusals").fetchall()
    assert sorted(found) == sorted(refusal_rows())


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_the_error_of_its_class(connection: psycopg.Connection[Any], name: str) -> None:
    one = REFUSALS[name]
    facts = {fact: f"the {fact}" for fact in re.findall(r"\{(\w+)\}", one.message)}
    raised = refused(connection, name, facts)
    assert (raised.sqlstate, raised.diag.message_hint) == (one.error.sqlstate, one.hint)
    error = map_error(raised)
    assert type(error) is one.error
    assert error.message == one.message.format(**facts)
    assert (error.code, error.facts) == (one.code or name, facts)


def test_words_are_in_the_message_and_not_among_the_facts(connection: psycopg.Connection[Any]) -> None:
    raised = refused(connection, "log_immutable", words={"operation": "UPDATE", "table": "runfold.events"})
    assert raised.diag.message_primary == "the log is append-only: UPDATE on runfold.events is refused"
    assert json.loads(raised.diag.message_detail or "") == {"code": "log_immutable"}


def test_a_value_in_braces_is_a_value(connection: psycopg.Connection[Any]) -> None:
    facts = {"stream_id": "execution-{version}", "version": 2, "expected_version": "{stream_id}"}
    error = map_error(refused(connection, "version_conflict", facts))
    assert isinstance(error, VersionConflict)
    assert error.message == "execution-{version} is at version 2, expected {stream_id}"
    assert error.facts == facts


def test_a_refusal_that_is_not_in_the_catalogue_still_refuses(connection: psycopg.Connection[Any]) -> None:
    assert refused(connection, "nonsense").sqlstate == "P0002"


def test_no_function_raises_an_error_of_ours_by_hand() -> None:
    folders = ("functions", "steps", f"{VECTORS}/functions")
    files = [path for folder in folders for path in (sources_dir() / folder).rglob("*.sql")]
    files = [path for path in files if path.stem not in RAISING]
    by_hand = {path.stem for path in files if "ERRCODE = 'RF" in path.read_text()}
    assert by_hand == set()
    named = {
        name for path in files for name in re.findall(r"runfold\.refuse(?:_search)?\(\s*'(\w+)'", path.read_text())
    }
    named |= {"event_ids_mixed", "event_id_conflict"}  # recorded_appends chooses one of them
    named |= {"checkpoint_ahead", "log_differs"}  # read_all chooses, too
    named |= {refusal for *_, refusal, _ in claim_rule_rows() if refusal}
    assert named == set(REFUSALS)

"""append_events knows no event type: what an event claims is said by its class, and generated into a table."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from runfold.database.sources.files import sources_dir
from runfold.events import VOCABULARY, types_that_end
from runfold.events.claims_sql import claim_rule_rows
from runfold.events.machines import EXECUTION

COLUMNS = "type, kind, effect, key_field, finer_key_field, name_field, refusal, function_name"


def test_the_table_is_what_the_classes_say(connection: psycopg.Connection[Any]) -> None:
    found = connection.execute(f"SELECT {COLUMNS} FROM runfold.claim_rules").fetchall()  # type: ignore[call-overload]
    assert sorted(found) == sorted(claim_rule_rows())


def test_a_pause_is_released_by_what_closes_it_and_by_each_end_of_its_execution() -> None:
    pauses = {row[0]: row[2:6] for row in claim_rule_rows() if row[1] == "pause"}
    assert pauses.pop("PauseOpened") == ("takes", "paused_node_id", "activation", "pause")
    for closing in ("PauseResumed", "PauseTimedOut", "PauseCanceled"):
        assert pauses.pop(closing) == ("releases", None, None, "pause")
    assert set(pauses) == set(types_that_end(EXECUTION))
    assert set(pauses.values()) == {("releases", None, None, None)}


def test_each_field_of_a_rule_is_a_field_of_its_event_and_only_the_finer_key_may_be_left_out() -> None:
    for type_, _, _, key, finer_key, name, _, _ in claim_rule_rows():
        required = {at.field for at in VOCABULARY[type_].rules() if at.required}
        assert {field for field in (key, name) if field} <= required, type_
        assert finer_key is None or finer_key in {at.field for at in VOCABULARY[type_].rules()} - required, type_


def test_each_function_of_a_rule_is_there(connection: psycopg.Connection[Any]) -> None:
    functions = {row[-1] for row in claim_rule_rows() if row[-1]}
    assert functions == {"runfold.webhooks_after"}
    for function in functions:
        row = connection.execute("SELECT to_regprocedure(%s)::text", [f"{function}(text, jsonb)"]).fetchone()
        assert row is not None
        assert row[0] is not None


@pytest.mark.parametrize("type_", VOCABULARY)
def test_the_quick_tests_find_exactly_the_types_that_have_a_rule(
    connection: psycopg.Connection[Any], type_: str
) -> None:
    call = f'[{{"events": [{{"type": "NodeStarted"}}, {{"type": "{type_}"}}]}}]'
    row = connection.execute(
        "SELECT runfold.has_claim_rule(%s), %s::jsonb @? runfold.claiming_events()", [type_, call]
    ).fetchone()
    has_rule = type_ in {rule[0] for rule in claim_rule_rows()}
    assert row == (has_rule, has_rule)


def test_what_ends_an_execution_is_what_the_classes_say(connection: psycopg.Connection[Any]) -> None:
    found = connection.execute(
        "SELECT t FROM unnest(%s::text[]) AS t WHERE runfold.ends_execution(t)", [list(VOCABULARY)]
    ).fetchall()
    assert {type_ for (type_,) in found} == set(types_that_end(EXECUTION))


def test_an_append_names_no_event_type() -> None:
    folder = sources_dir()
    steps = [folder / "functions" / f"append_{name}.sql" for name in ("events", "batch", "opaque_events")]
    steps += [folder / "functions" / f"{name}.sql" for name in ("take_claims", "take_given_claims")]
    steps += [folder / "functions" / f"{name}.sql" for name in ("take_claims_of_events", "following_claims")]
    steps += sorted((folder / "steps").glob("*.sql"))
    for path in steps:
        code = re.sub(r"--[^\n]*", "", path.read_text())
        assert not [type_ for type_ in VOCABULARY if re.search(rf"\b{type_}\b", code)], path.name
        assert "deployment-" not in code

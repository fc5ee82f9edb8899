"""Kinds of nodes, tools and models are saved, found by their newest version, and checked when they are written."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from runfold.errors import InvalidInput, NotRegistered

SCHEMA = {"type": "object", "properties": {"channel": {"type": "string", "minLength": 1}}, "required": ["channel"]}
NOW = datetime.now(UTC)


def test_a_kind_of_node_is_found_as_it_was_saved(store: Any) -> None:
    saved = store.node_specifications.save("ACTION", "SLACK", SCHEMA)
    found = store.node_specifications.get("ACTION", "SLACK")
    assert (found.id, found.version, found.data, found.is_system_spec) == (saved, "1.0.0", SCHEMA, False)
    assert store.node_specifications.save("ACTION", "SLACK", {"type": "object"}) == saved
    assert [one.data for one in store.node_specifications.list("ACTION")] == [{"type": "object"}]
    assert store.node_specifications.list("TOOL") == []


VERSIONS = ["0.9.0", "1.0.0-beta", "1.0.0", "1.2.0", "1.2.10", "1.10.0", "2.0.0"]


def test_the_latest_version_is_the_greatest_by_the_order_of_versions(store: Any) -> None:
    shuffled = random.sample(VERSIONS, len(VERSIONS))
    for version in (*shuffled, "3.0.0-rc.1"):
        store.node_specifications.save("FLOW", "IF", {"title": version}, version=version)
        store.tools.save("t", {"title": version}, tool_type="x", provider="p", version=version)
    assert store.node_specifications.get("FLOW", "IF").version == "2.0.0"
    assert store.tools.get("t").version == "2.0.0"
    assert [one.version for one in store.node_specifications.list()] == ["3.0.0-rc.1", *reversed(VERSIONS)]
    assert store.node_specifications.get("FLOW", "IF", "1.2.0").data == {"title": "1.2.0"}
    store.node_specifications.save("FLOW", "IF", {}, version="2.0.0", is_active=False)
    assert store.node_specifications.get("FLOW", "IF").version == "1.10.0"
    assert store.node_specifications.get("FLOW", "IF", "2.0.0").is_active is False


def test_a_version_before_a_release_is_the_latest_where_there_is_no_release(store: Any) -> None:
    store.node_specifications.save("FLOW", "IF", {}, version="1.0.0-rc.2")
    store.node_specifications.save("FLOW", "IF", {}, version="1.0.0-rc.10")
    assert store.node_specifications.get("FLOW", "IF").version == "1.0.0-rc.10"


numbers = st.integers(0, 10**6)
parts = st.integers(0, 30).map(str) | st.sampled_from(["a", "B", "rc", "x-1", "alpha"])
versions = st.tuples(st.tuples(numbers, numbers, numbers), st.none() | st.lists(parts, min_size=1, max_size=3))


def semantic(version: tuple[tuple[int, int, int], list[str] | None]) -> Any:
    """The order of semantic versions, from its text."""
    core, before = version
    named = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in before or ())
    return core, before is None, named


def test_versions_are_ordered_as_semantic_versions(connection: psycopg.Connection[Any]) -> None:
    @given(st.lists(versions, min_size=2, max_size=6, unique_by=semantic))
    def check(drawn: list[Any]) -> None:
        texts = {
            ".".join(map(str, core)) + (f"-{'.'.join(before)}" if before else ""): (core, before)
            for core, before in drawn
        }
        rows = connection.execute(
            "SELECT v FROM unnest(%s::text[]) AS v ORDER BY runfold.version_order(v)", (list(texts),)
        ).fetchall()
        assert [row[0] for row in rows] == sorted(texts, key=lambda text: semantic(texts[text]))

    check()


def test_control_the_order_of_texts_is_another() -> None:
    assert sorted(VERSIONS) != VERSIONS


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "strin"}, "/type"),
        ({"properties": {"a/b~c": {"minLength": -1}}}, "/properties/a~1b~0c/minLength"),
        ({"anyOf": [{}, {"items": {"required": ["a", "a"]}}]}, "/anyOf/1/items/required"),
        ([], ""),
        ({"properties": []}, "/properties"),
    ],
)
def test_what_is_no_json_schema_is_refused_at_its_place(store: Any, schema: Any, pointer: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.node_specifications.save("TOOL", "x", schema)
    assert (refused.value.code, refused.value.pointer) == ("invalid_schema", f"/specification_data{pointer}")
    with pytest.raises(InvalidInput) as refused:
        store.tools.save("t", {"name": "t", "inputSchema": schema}, tool_type="x", provider="p")
    assert (refused.value.code, refused.value.pointer) == ("invalid_schema", f"/tool_schema/inputSchema{pointer}")
    assert store.node_specifications.list() == store.tools.list() == []


def test_a_version_without_an_order_is_refused(store: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.node_specifications.save("TOOL", "x", {}, version="newest")
    assert (refused.value.code, refused.value.pointer) == ("invalid_version", "/specification_version")
    with pytest.raises(InvalidInput, match="/version"):
        store.tools.save("t", {}, tool_type="x", provider="p", version="1.0.0.0")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("NODE", "x", {}), "not_allowed"),
        (("TOOL", "", {}), "blank"),
        (("TOOL", "x" * 101, {}), "too_long"),
        (("TOOL", "x\n", {}), "control_character"),
    ],
)
def test_a_bad_name_is_refused_before_it_is_sent(store: Any, arguments: Any, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.node_specifications.save(*arguments)
    assert refused.value.code == code


def test_what_is_not_registered_is_named(store: Any) -> None:
    for ask in (
        lambda: store.node_specifications.get("TOOL", "none"),
        lambda: store.tools.get("none"),
        lambda: store.models.get("none"),
        lambda: store.models.default("none"),
    ):
        with pytest.raises(NotRegistered, match="none") as refused:
            ask()
        assert refused.value.code == "not_registered"


# Models


def test_the_eight_models_are_there_without_a_price(store: Any) -> None:
    found = store.models.list()
    assert [one.name for one in found] == [
        "Claude Haiku 3.5", "Claude Sonnet 4", "GPT-5", "GPT-5 Mini", "GPT-5 Nano", "Gemini 2.5 Flash",
        "Gemini 2.5 Flash Lite", "Gemini 2.5 Pro",
    ]  # fmt: skip
    costs = {(one.cost_per_input_token, one.cost_per_output_token, one.cost_per_cached_token) for one in found}
    assert costs == {(None, None, None)}
    assert store.models.default("openai").name == "GPT-5"


def test_the_costs_of_a_model_are_copies_of_its_present_price(store: Any, connection: psycopg.Connection[Any]) -> None:
    price = {"source": "https://example.org/prices", "seen_on": date(2026, 1, 2)}
    for days, value in ((-2, "3"), (-1, "0.000000001"), (1, "7")):
        store.models.set_price(
            "GPT-5",
            valid_from=NOW + timedelta(days=days),
            input_per_million=Decimal(value),
            output_per_million=Decimal("10"),
            **price,
        )
    store.models.set_price(
        "GPT-5", valid_from=NOW - timedelta(days=1), above_input_tokens=9, input_per_million=Decimal(99),
        output_per_million=None, **price,
    )  # fmt: skip
    found = store.models.get("GPT-5")
    assert (found.cost_per_input_token, found.cost_per_output_token) == (
        Decimal("1E-15").quantize(Decimal("1E-12")),
        Decimal("0.00001"),
    )
    assert found.cost_per_cached_token is None
    connection.execute("UPDATE public.ai_model_prices SET valid_from = now() WHERE input_per_million = 7")
    (copied,) = (
        connection.execute("SELECT cost_per_input_token FROM public.ai_models WHERE name = 'GPT-5'").fetchone() or ()
    )
    assert copied == Decimal("0.000007")


def test_a_price_that_begins_while_nobody_writes_is_copied_when_it_is_asked_for(
    store: Any, connection: psycopg.Connection[Any]
) -> None:
    connection.execute(
        "INSERT INTO public.ai_model_prices (model, valid_from, input_per_million, source, seen_on)"
        " SELECT id, clock_timestamp() + interval '50 ms', 2, 'https://example.org', '2026-01-01' FROM public.ai_models"
        "  WHERE name = 'GPT-5'"
    )
    connection.execute("SELECT pg_sleep_until(max(valid_from)) FROM public.ai_model_prices")
    (changed,) = connection.execute("SELECT runfold.copy_present_prices()").fetchone() or ()
    (again,) = connection.execute("SELECT runfold.copy_present_prices()").fetchone() or ()
    assert (changed, again) == (1, 0)


@pytest.mark.parametrize("field", ["input_per_million", "output_per_million", "cached_per_million"])
@pytest.mark.parametrize("value", ["-0.000000001", "1000000000"])
def test_a_price_out_of_range_is_refused(store: Any, field: str, value: str) -> None:
    price: dict[str, Any] = {"input_per_million": Decimal(1), "output_per_million": Decimal(1), field: Decimal(value)}
    with pytest.raises(InvalidInput) as refused:
        store.models.set_price("GPT-5", valid_from=NOW, source="x", seen_on=NOW.date(), **price)
    assert (refused.value.code, refused.value.pointer) == ("out_of_range", f"/{field}")


def test_a_seed_leaves_what_an_operator_has_edited(connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE public.ai_models SET max_context_tokens = 7, is_active = false WHERE name = 'GPT-5'")
    edited = {"name": "GPT-5", "provider": "openai", "model_id": "gpt-5.1", "max_context_tokens": 9}
    new = {"name": "New", "version": "2", "provider": "openai", "model_id": "new", "is_default": True}
    seed = Jsonb([{**edited, "supports_vision": True}, new])
    counts = [connection.execute("SELECT runfold.seed_models(%s)", (seed,)).fetchone() for _ in range(2)]
    assert counts == [(2,), (0,)]
    rows = connection.execute(
        "SELECT name, model_id, max_context_tokens, is_active, is_default FROM public.ai_models"
        " WHERE name IN ('GPT-5', 'New') ORDER BY name"
    ).fetchall()
    assert rows == [("GPT-5", "gpt-5.1", 7, False, True), ("New", "new", None, True, False)]

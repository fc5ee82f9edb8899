"""Calls of models cost what their model cost when they were made; without a price they are unpriced, never free."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runfold
from runfold.errors import IllegalTransition
from tests.fixtures.processes import drain

MILLION = 1_000_000
SOURCE = {"source": "https://example.org/prices", "seen_on": date(2026, 1, 2)}
GPT_5 = {"provider": "openai", "model_id": "gpt-5"}


def price(store: Any, valid_from: datetime, cost: str, output: str, cached: str | None = None, above: int = 0) -> None:
    store.models.set_price(
        "GPT-5",
        valid_from=valid_from,
        input_per_million=Decimal(cost),
        output_per_million=Decimal(output),
        cached_per_million=None if cached is None else Decimal(cached),
        above_input_tokens=above,
        **SOURCE,
    )


def test_a_run_records_its_calls_and_knows_their_cost(store: Any, database_url: str) -> None:
    price(store, datetime(2026, 1, 1, tzinfo=UTC), "2", "10", "0.5")
    with runfold.connect(database_url) as engine:
        with engine.executions.create(workflow_id=uuid4(), mode="MANUAL") as run:
            with run.node("ask", node_type="AI_AGENT") as node:
                node.model_called(**GPT_5, input_tokens=1000, cached_tokens=400, output_tokens=50, latency_ms=900)
            run.model_called(**GPT_5, input_tokens=10, output_tokens=1)
        run.model_called(**GPT_5, input_tokens=1, output_tokens=0)  # after the end
        drain(database_url)
    found = store.models.cost_of(run.execution_id)
    assert (found.calls, found.input_tokens, found.cached_tokens, found.output_tokens) == (3, 1011, 400, 51)
    assert found.cost == Decimal(611 * 2 + 51 * 10 + 200) / MILLION
    assert found.unpriced_calls == 0
    assert str(found) == f"{run.execution_id}: 3 calls, 0.001932 USD"


def test_a_call_without_a_price_is_unpriced_and_never_free(store: Any, database_url: str) -> None:
    price(store, datetime(2026, 1, 1, tzinfo=UTC), "2", "10")
    with runfold.connect(database_url) as engine:
        run = engine.executions.create(workflow_id=uuid4(), mode="MANUAL")
        run.model_called(**GPT_5, input_tokens=100, output_tokens=0)
        run.model_called(provider="openai", model_id="gpt-5-mini", input_tokens=1, output_tokens=1)
        run.model_called(provider="nobody", model_id="x", input_tokens=0, output_tokens=0)
        run.model_called(**GPT_5, input_tokens=1, cached_tokens=1, output_tokens=0)  # no price of the cache
        drain(database_url)
    found = store.models.cost_of(run.execution_id)
    assert (found.calls, found.unpriced_calls, found.cost) == (4, 3, None)
    assert found.priced_cost == Decimal(200) / MILLION
    assert str(found).endswith("unpriced")


def test_an_execution_without_calls_costs_nothing(store: Any) -> None:
    found = store.models.cost_of("none")
    assert (found.calls, found.cost) == (0, Decimal(0))


def test_a_call_before_the_execution_is_refused(store: Any) -> None:
    from runfold.domain.execution import Execution

    with pytest.raises(IllegalTransition):
        Execution.named("7").model_called(**GPT_5, input_tokens=1, output_tokens=1)


BASE = datetime(2026, 6, 1, tzinfo=UTC)
prices = st.lists(
    st.tuples(
        st.integers(-3, 3),  # the day from which it is valid
        st.sampled_from([0, 10, 100]),
        st.none() | st.integers(0, 5),
        st.none() | st.integers(0, 5),
        st.none() | st.integers(0, 5),
    ),
    max_size=6,
    unique_by=lambda each: each[:2],
)
calls = st.lists(
    st.tuples(
        st.integers(-4, 4),
        st.integers(0, 3),
        st.sampled_from([0, 1, 10, 11, 100, 101]),
        st.sampled_from([0, 1, 7, 200]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=5,
)


def cost_by_hand(priced: list[Any], call: Any) -> Decimal | None:
    """The cost of a call by what the pages say, in plain Python."""
    day, hours, inputs, cached, outputs = call
    now = timedelta(days=day, hours=hours)
    valid = [each for each in priced if timedelta(days=each[0]) <= now and (each[1] == 0 or inputs > each[1])]
    if not valid:
        return None
    _, _, per_input, per_cached, per_output = max(valid, key=lambda each: each[:2])
    if per_input is None or per_output is None or (cached and per_cached is None):
        return None
    return Decimal(max(inputs - cached, 0) * per_input + cached * (per_cached or 0) + outputs * per_output) / MILLION


def test_any_call_costs_what_was_valid_when_it_was_made(connection: psycopg.Connection[Any]) -> None:
    seen = set()

    @given(prices, calls)
    def check(priced: list[Any], called: list[Any]) -> None:
        with connection.transaction(force_rollback=True):
            for day, above, *amounts in priced:
                connection.execute(
                    "INSERT INTO public.ai_model_prices SELECT id, %s, %s, %s, %s, %s, 'page', '2026-01-01'"
                    "  FROM public.ai_models WHERE name = 'GPT-5'",
                    (BASE + timedelta(days=day), above, *amounts),
                )
            for n, (day, hours, inputs, cached, outputs) in enumerate(called):
                connection.execute(
                    "INSERT INTO public.model_calls (id, execution_id, provider, model_id, input_tokens, cached_tokens,"
                    " output_tokens, last_event_position, called_at)"
                    " VALUES (gen_random_uuid(), 'e', 'openai', 'gpt-5', %s, %s, %s, %s, %s)",
                    (inputs, cached, outputs, n, BASE + timedelta(days=day, hours=hours)),
                )
            expected = [cost_by_hand(priced, call) for call in called]
            seen.update(cost is None for cost in expected)
            found = connection.execute(
                "SELECT v.cost FROM public.model_call_costs v JOIN public.model_calls c USING (id)"
                " ORDER BY c.last_event_position"
            ).fetchall()
            assert [cost for (cost,) in found] == expected
            whole = connection.execute("SELECT pricing, cost, priced_cost FROM public.execution_costs").fetchone()
            known = [cost for cost in expected if cost is not None]
            assert whole == (
                "priced" if len(known) == len(expected) else "unpriced",
                sum(known) if len(known) == len(expected) else None,
                sum(known) if known else None,
            )

    check()
    assert seen == {True, False}

"""The models, the quick path and the exact path agree about the same data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runfold.events import Event
from runfold.events.rules import CONTROLS, SPACES
from tests.events.examples import APPENDED, append, data_for, envelope, stream_of
from tests.events.judging import Verdict, database_verdict, model_verdict, quick_verdicts, verdicts
from tests.events.mutations import ODD_VALUES, mutated_call, mutated_data, text_of

Connection = psycopg.Connection[Any]
DATA = "/0/events/0/data"

asking = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def disagreements(connection: Connection, cases: Sequence[tuple[type[Event], Any]]) -> list[str]:
    """Return the cases in which the judges disagree."""
    placed = []
    for event, data in cases:
        stream_id = stream_of(event, data)
        if not is_stream_id(stream_id):
            stream_id = "execution-e1"  # the stream's own faults would come first
        placed.append((event, stream_id, data))
    calls = [text_of([append(envelope(event.event_type(), data), stream_id=id_)]) for event, id_, data in placed]
    exact = verdicts(connection, "raise_append_fault", calls)
    validated = verdicts(connection, "validate_appends", calls)
    quick = quick_verdicts(connection, placed)
    said = []
    for n, (event, _, data) in enumerate(placed):
        model = model_verdict(event, data)
        expected = Verdict(model.code, DATA + model.pointer) if model else None
        mismatch = exact[n] == Verdict("stream_mismatch", f"{DATA}/execution_id")
        if validated[n] != exact[n] or quick[n] is not (exact[n] is None) or (exact[n] != expected and not mismatch):
            said.append(
                f"{event.__name__} {str(data)[:300]}: model {expected}, exact path {exact[n]}, "
                f"quick path {quick[n]}, validate_appends {validated[n]}"
            )
    return said


def is_stream_id(stream_id: str) -> bool:
    """Return whether a stream may have this id."""
    name = stream_id.partition("-")[2]
    return (
        len(stream_id.encode()) <= 300 and len(name) <= 255 and name.strip(SPACES) != "" and not CONTROLS.search(name)
    )


@asking
@given(st.lists(mutated_data(), min_size=1, max_size=40))
def test_models_quick_path_and_exact_path_agree(connection: Connection, cases: list[tuple[type[Event], Any]]) -> None:
    assert not disagreements(connection, cases)


def test_judges_agree_on_every_kind_of_field_at_its_edges(connection: Connection) -> None:
    kinds = {(at.rule, at.required): (event, at.field) for event in APPENDED for at in event.rules()}
    assert len(kinds) > 30
    cases = [(event, data_for(event) | {field: value}) for event, field in kinds.values() for value in ODD_VALUES]
    assert not disagreements(connection, cases)


@asking
@given(st.lists(mutated_call(), min_size=1, max_size=20))
def test_nothing_passes_that_the_exact_path_refuses(connection: Connection, calls: list[Any]) -> None:
    texts = [text_of(call) for call in calls]
    assert verdicts(connection, "validate_appends", texts) == verdicts(connection, "raise_append_fault", texts)


def test_a_quick_path_that_takes_everything_is_found_out(connection: Connection) -> None:
    """Negative control: the comparison can fail."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "CREATE OR REPLACE FUNCTION runfold.event_is_valid(category text, type text, stream_id text, data jsonb)"
            " RETURNS boolean LANGUAGE sql AS 'SELECT true'"
        )
        strict = [event for event in APPENDED if any(at.required for at in event.rules())]
        assert len(disagreements(connection, [(event, {}) for event in strict])) == len(strict) > 40


@pytest.mark.parametrize("event", APPENDED, ids=lambda event: event.event_type())
def test_valid_events_never_take_the_exact_path(connection: Connection, event: type[Event]) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(
            "CREATE OR REPLACE FUNCTION runfold.raise_append_fault(appends text) RETURNS void LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'the exact path' USING ERRCODE = 'P0001'; END $$"
        )
        for everything in (True, False):
            data = data_for(event, everything=everything)
            nulls = {at.field: None for at in event.rules() if not at.required}
            for given_data in (data, nulls | data):
                call = [append(envelope(event.event_type(), given_data), stream_id=stream_of(event, data))]
                assert database_verdict(connection, call) is None
        with pytest.raises(psycopg.errors.RaiseException):
            connection.execute("SELECT runfold.validate_appends('[7]')")

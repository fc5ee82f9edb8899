"""The past at a position equals the reference model of the log up to there, for any log."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runfold.projections.definition.catalogue import load_catalogue
from runfold.reading.past import reader as past_module
from runfold.reading.past.reader import open_past
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_past
from tests.model.histories import History, histories
from tests.model.tables import Recorded
from tests.projections.folding.test_folds_equal_the_model import DELETION, LATE, MATCHES, REGISTERED, Database

pytest_plugins = ["tests.projections.folding.test_folds_equal_the_model"]

CATALOGUE = load_catalogue()

# The log is emptied between examples: the past is folded from its beginning, and would take longer each time.
EMPTY_LOG = """
    SET session_replication_role = replica;
    TRUNCATE runfold.events, runfold.streams, runfold.event_ids, runfold.claims, runfold.commands;
    ALTER SEQUENCE runfold.events_position RESTART;
    RESET session_replication_role
"""

in_one_database = settings(
    deadline=None,
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def begin(database: Database, history: History) -> list[Recorded]:
    """Append the history to an empty log."""
    database.connection.execute(EMPTY_LOG)
    return database.append(history)


def check(database: Database, events: Sequence[Recorded], position: int) -> None:
    """Compare the past at a position with the model of the log up to there."""
    with (
        psycopg.connect(database.url, autocommit=True) as connection,
        open_past(connection, CATALOGUE, position=position) as past,
    ):
        found = read_past(connection, past)
    assert_tables_equal(reference.fold(event for event in events if event.position <= position), found)


@in_one_database
@example(DELETION, [0.5])
@given(histories(), st.lists(st.floats(0, 1), min_size=1, max_size=2))
def test_the_past_at_any_position_is_the_model_of_the_log_up_to_there(
    database: Database, history: History, places: list[float]
) -> None:
    events = begin(database, history)
    for place in places:
        if events:
            check(database, events, events[round(place * (len(events) - 1))].position)


@pytest.mark.parametrize(
    ("history", "step"), [(MATCHES, 1), (REGISTERED, 2), (DELETION, 3)], ids=["matches", "registered", "deletion"]
)
def test_positions_all_over_a_log_have_their_past(database: Database, history: History, step: int) -> None:
    events = begin(database, history)
    for event in events[::step]:
        check(database, events, event.position)


def test_control_a_past_that_lacks_its_last_event_is_found(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    events = begin(database, LATE)
    whole = past_module.position_of
    check(database, events, events[2].position)
    monkeypatch.setattr(past_module, "position_of", lambda *args, **wanted: whole(*args, **wanted) - 1)
    with pytest.raises(AssertionError, match="the tables differ"):
        check(database, events, events[2].position)


def test_control_a_past_that_shows_the_present_is_found(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    events = begin(database, DELETION)
    monkeypatch.setattr(past_module, "position_of", lambda *args, **wanted: events[-1].position)
    with pytest.raises(AssertionError, match="the tables differ"):
        check(database, events, events[5].position)

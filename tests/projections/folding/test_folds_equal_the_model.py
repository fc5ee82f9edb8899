"""The folds and the reference model agree, column by column, on any history cut into any batches in any session.

One database serves all examples of a test: each example appends its history with unique names and reads only rows that
its events wrote, so a fold that touches rows of another example shows as too many rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from runfold.database.migrations import migrate
from runfold.database.server import EmbeddedServer
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.fold import bind, fold_batch, live_schemas
from tests.fixtures.databases import drop_database, with_database
from tests.fixtures.logs import append_all
from tests.model import deletion, executions, reference
from tests.model.compare import assert_tables_equal, read_tables
from tests.model.histories import History, crowded_histories, cut_histories, histories, isolate, record, size
from tests.model.payloads import (
    BASE,
    BASE_MS,
    DEPLOYMENTS,
    INTERACTIONS,
    PLAIN,
    RESPONSES,
    TENANTS,
    WORKFLOWS,
    payload,
)
from tests.model.tables import Recorded

Fold = Callable[[psycopg.Connection[Any], int, Sequence[int]], None]

GROUPS = tuple(load_catalogue().groups.values())
PLAIN_SESSION: dict[str, str] = {}

# The database is one for all examples (see above), and each example's time is the server's.
in_one_database = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def fold_in_batches(connection: psycopg.Connection[Any], after: int, ends: Sequence[int]) -> None:
    """Fold the events after a position into the live tables, in batches that end at these positions."""
    for upto in ends:
        for group in GROUPS:
            with connection.transaction(), connection.cursor() as cursor:
                bind(cursor, live_schemas(group))
                fold_batch(cursor, group, after=after, upto=upto, types=frozenset(group.events))
        after = upto


# Illegal histories open two pauses of one node in one append, which a claim refuses.
NO_PAUSE_CLAIMS = """
    CREATE OR REPLACE FUNCTION public.no_claim() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE OR REPLACE TRIGGER no_pause_is_claimed BEFORE INSERT ON runfold.claims
        FOR EACH ROW WHEN (NEW.kind = 'pause') EXECUTE FUNCTION public.no_claim()
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database, and the session that appends to it and reads its tables."""

    url: str
    connection: psycopg.Connection[Any]

    def append(self, history: History) -> list[Recorded]:
        """Append the history, one call for each append, and return the recorded events."""
        event_ids = [uuid4() for _ in range(size(history))]
        ids = iter(event_ids)
        positions: list[int] = []
        with self.connection.transaction():
            self.connection.execute(NO_PAUSE_CLAIMS)
            for stream_id, user_id, happenings in history:
                # Two workflows may want one webhook path here, and one node two pauses: not what is tested.
                self.connection.execute("DELETE FROM runfold.claims")
                events = [
                    {
                        "event_id": str(next(ids)),
                        "type": event["type"],
                        "schema_version": 1,
                        "data": event["data"],
                        "metadata": {},
                        "occurred_at": occurred_at.isoformat(),
                    }
                    for event, occurred_at in happenings
                ]
                appended = {"stream_id": stream_id, "expected_version": None, "events": events}
                appended["user_id"] = None if user_id is None else str(user_id)
                (row,) = append_all(self.connection, [appended])
                positions += range(row[0], row[1] + 1)
            recorded = dict(
                self.connection.execute(
                    "SELECT position, recorded_at FROM runfold.events WHERE position = ANY (%s)", [positions]
                ).fetchall()
            )
        return record(history, positions, event_ids, [recorded[position] for position in positions])

    def check(
        self,
        history: History,
        cuts: Sequence[int],
        *,
        session: dict[str, str] = PLAIN_SESSION,
        fold: Fold = fold_in_batches,
    ) -> None:
        """Append the history, fold it in these batches in such a session, and compare the tables with the model."""
        events = self.append(isolate(history, f"{uuid4().hex[:12]}."))
        if not events:
            return
        after = events[0].position - 1
        with psycopg.connect(self.url, autocommit=True) as connection:
            # What is tested is what was folded, not what survives a crash: a commit need not wait for the disk.
            for name, value in {"TimeZone": "UTC", "synchronous_commit": "off", **session}.items():
                connection.execute(sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
            fold(connection, after, [events[end - 1].position for end in cuts])
        assert_tables_equal(reference.fold(events), read_tables(self.connection, after))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        yield Database(database_url, connection)


@pytest.fixture
def icu_database(postgres15: EmbeddedServer, schema_copy: Path) -> Iterator[Database]:
    """A database with another text order than that of the bytes; the bundled server has no such order."""
    name = f"runfold_icu_{uuid4().hex[:12]}"
    with psycopg.connect(postgres15.url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'").format(
                sql.Identifier(name)
            )
        )
    url = with_database(postgres15.url, name)
    try:
        migrate(url, folder=schema_copy)
        with psycopg.connect(url, autocommit=True) as connection:
            yield Database(url, connection)
    finally:
        drop_database(postgres15.url, url)


def written(*events: tuple[str, str, dict[str, Any]]) -> History:
    """Return a history with one append for each event: (stream, type, data besides the simplest)."""
    history: History = []
    for stream_id, event_type, about in events:
        name = {"execution_id": stream_id.removeprefix("execution-")} if event_type == "ExecutionCreated" else {}
        event = {"type": event_type, "data": {**payload(event_type, PLAIN), **name, **about}}
        history.append((stream_id, TENANTS[0], [(event, BASE)]))
    return history


LATE = written(
    ("execution-1", "ExecutionCreated", {}),
    ("execution-1", "ExecutionStarted", {"start_time": BASE_MS}),
    ("execution-1", "PauseOpened", {"pause": "p"}),
    ("execution-1", "NodeStarted", {"activation": "a", "attempt": 1}),
    ("execution-1", "NodeStarted", {"activation": "a", "attempt": 2}),
    ("execution-1", "ExecutionCanceled", {"end_time": BASE_MS + 9}),
    ("execution-1", "PauseResumed", {"pause": "p"}),
    ("execution-1", "ExecutionSucceeded", {"end_time": BASE_MS + 10, "run_data": {"late": True}}),
    ("execution-1", "ExecutionMetadataSet", {"metadata": {"still": "merged"}}),
)
"""An execution that events still come for after its end."""

EXCHANGE = written(
    ("execution-1", "ExecutionCreated", {}),
    ("execution-2", "ExecutionCreated", {}),
    ("execution-1", "ExecutionStarted", {"start_time": BASE_MS + 2}),
    ("execution-2", "ExecutionStarted", {"start_time": BASE_MS + 1}),
    ("execution-1", "PauseOpened", {"pause": "p", "pause_reason": "timer"}),
    ("execution-2", "PauseOpened", {"pause": "p", "pause_reason": "human_interaction"}),
    ("execution-2", "PauseCanceled", {"pause": "p"}),
    ("execution-1", "PauseCanceled", {"pause": "p"}),
    ("execution-1", "NodeStarted", {"activation": "a", "parent_activation": "b"}),
    ("execution-1", "NodeStarted", {"activation": "b", "parent_activation": "a"}),
)
"""Two rows that take each other's place: a workflow's latest execution, statuses, each other's parents."""

INTERACTION = f"interaction-{INTERACTIONS[0]}"
RESPONSE, OTHER_RESPONSE = (f"response-{name}" for name in RESPONSES)
DEPLOYMENT = f"deployment-{WORKFLOWS[0]}"

MATCHES = written(
    (RESPONSE, "ResponseReceived", {}),
    (OTHER_RESPONSE, "ResponseReceived", {}),
    (RESPONSE, "ResponseMatched", {}),
    (INTERACTION, "InteractionRequested", {}),
    (OTHER_RESPONSE, "ResponseMatched", {}),
    (INTERACTION, "InteractionResponded", {}),
    (RESPONSE, "ResponseMatched", {}),
)
"""A response that is matched before its interaction was requested, and one that is matched after."""

REGISTERED = written(
    (DEPLOYMENT, "TriggerRegistered", {"trigger": "t", "node_id": "n"}),
    (DEPLOYMENT, "TriggerActivated", {"trigger": "t"}),
    (DEPLOYMENT, "TriggerRegistered", {"trigger": "t"}),
    (DEPLOYMENT, "TriggerRemoved", {"trigger": "t"}),
    (DEPLOYMENT, "TriggerActivated", {"trigger": "t"}),
    (DEPLOYMENT, "TriggerRegistered", {"trigger": "t", "index_key": "anew"}),
    (DEPLOYMENT, "DeploymentStarted", {"deployment_id": DEPLOYMENTS[0]}),
    (DEPLOYMENT, "DeploymentStarted", {"deployment_id": DEPLOYMENTS[1]}),
    (DEPLOYMENT, "DeploymentLogAppended", {"deployment_id": DEPLOYMENTS[0]}),
    (DEPLOYMENT, "DeploymentCompleted", {"deployment_id": DEPLOYMENTS[2], "to_status": "DEPLOYED"}),
    (DEPLOYMENT, "DeploymentLogAppended", {"deployment_id": DEPLOYMENTS[0], "message": "second"}),
    (DEPLOYMENT, "DeploymentFailed", {"deployment_id": DEPLOYMENTS[0], "to_status": "DEPLOYMENT_FAILED"}),
)
"""A trigger that goes and comes again, and two deployments at once."""

A_WORKFLOW_S_LIFE = written(
    ("log-1", "LogAppended", {"message": "before its execution"}),
    ("execution-1", "ModelCalled", {"input_tokens": 9}),
    ("execution-1", "ExecutionCreated", {}),
    ("execution-1", "ModelCalled", {"activation": "a"}),
    ("execution-1", "NodeStarted", {"activation": "a"}),
    ("execution-1", "PauseOpened", {"pause": "p"}),
    (INTERACTION, "InteractionRequested", {}),
    (RESPONSE, "ResponseReceived", {}),
    (RESPONSE, "ResponseMatched", {}),
    (DEPLOYMENT, "DeploymentStarted", {"deployment_id": DEPLOYMENTS[0]}),
    (DEPLOYMENT, "TriggerRegistered", {"trigger": "t"}),
)
AFTER_IT = written(
    ("log-1", "LogAppended", {"message": "after the deletion"}),
    ("execution-1", "ModelCalled", {"output_tokens": 7}),
    ("execution-1", "ExecutionStarted", {}),
    ("execution-1", "NodeStarted", {"activation": "a"}),
    ("execution-1", "PauseResumed", {"pause": "p"}),
    (RESPONSE, "ResponseReopened", {}),
    (RESPONSE, "ResponseReceived", {}),
    (RESPONSE, "ResponseMatched", {}),
    (DEPLOYMENT, "DeploymentCompleted", {"deployment_id": DEPLOYMENTS[0], "to_status": "DEPLOYED"}),
    (DEPLOYMENT, "TriggerActivated", {"trigger": "t"}),
)
DELETED = written((DEPLOYMENT, "WorkflowDeleted", {}))
DELETION = [*A_WORKFLOW_S_LIFE, *DELETED, *AFTER_IT, *A_WORKFLOW_S_LIFE, *DELETED, *DELETED, *AFTER_IT[:3]]
"""A workflow with a row of every kind that is deleted, continues, begins again and is deleted again."""


# Batches may be cut anywhere


@in_one_database
@example((LATE, list(range(1, size(LATE) + 1))))
@example((MATCHES, list(range(1, size(MATCHES) + 1))))
@example((REGISTERED, list(range(1, size(REGISTERED) + 1))))
@example((DELETION, list(range(1, size(DELETION) + 1))))
@given(cut_histories())
def test_any_cut_of_a_log_gives_the_model_s_tables(database: Database, cut: tuple[History, list[int]]) -> None:
    history, cuts = cut
    database.check(history, cuts)
    database.check(history, [size(history)])


@pytest.mark.parametrize("cut", range(1, size(LATE)))
def test_a_late_event_never_changes_an_ended_execution(database: Database, cut: int) -> None:
    database.check(LATE, [cut, size(LATE)])


def test_control_a_fold_that_skips_an_event_at_each_cut_is_found(database: Database) -> None:
    def skipping(connection: psycopg.Connection[Any], after: int, ends: Sequence[int]) -> None:
        for upto in ends:
            fold_in_batches(connection, after, [upto])
            after = upto + 1

    database.check(LATE, [size(LATE)], fold=skipping)
    with pytest.raises(AssertionError, match="the tables differ"):
        database.check(LATE, [2, 5, size(LATE)], fold=skipping)


def test_control_a_model_whose_ends_do_not_hold_is_found(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "ENDED", frozenset({"TIMEOUT"}))
    with pytest.raises(AssertionError, match="workflow_executions"):
        database.check(LATE, [size(LATE)])


def test_a_deletion_may_come_anywhere_in_a_batch(database: Database) -> None:
    for cut in range(1, size(DELETION)):
        database.check(DELETION, [cut, size(DELETION)])


def test_a_match_sees_only_the_interactions_that_stand(database: Database) -> None:
    for cut in range(1, size(MATCHES)):
        database.check(MATCHES, [cut, size(MATCHES)])


def test_control_a_model_that_deletes_nothing_is_found(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "removed", lambda table, goes: [])
    with pytest.raises(AssertionError, match="there is no such row"):
        database.check([*A_WORKFLOW_S_LIFE, *DELETED], [size(A_WORKFLOW_S_LIFE) + 1])


# One key many times in a batch


@in_one_database
@example(EXCHANGE)
@example(REGISTERED)
@example(DELETION)
@given(crowded_histories())
def test_a_key_may_come_many_times_in_a_batch(database: Database, history: History) -> None:
    database.check(history, [size(history)])


@pytest.mark.parametrize("cut", range(1, size(EXCHANGE)))
def test_rows_may_exchange_places_in_a_batch(database: Database, cut: int) -> None:
    database.check(EXCHANGE, [cut, size(EXCHANGE)])


@pytest.mark.parametrize("forgotten", [1, 2, 4])
def test_control_a_fold_that_forgets_one_event_of_a_key_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch, forgotten: int
) -> None:
    whole = reference.fold
    monkeypatch.setattr(
        reference, "fold", lambda events: whole([event for n, event in enumerate(events) if n != forgotten])
    )
    with pytest.raises(AssertionError, match="the tables differ"):
        database.check(LATE, [size(LATE)])


# Folds are deterministic


SESSIONS = {
    "TimeZone": ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "Europe/Berlin"),
    "DateStyle": ("ISO, MDY", "ISO, DMY", "German", "SQL, DMY", "Postgres, MDY"),
    "IntervalStyle": ("postgres", "iso_8601", "sql_standard"),
    "extra_float_digits": ("1", "-15", "3"),
    "bytea_output": ("hex", "escape"),
    "standard_conforming_strings": ("on", "off"),
    "default_text_search_config": ("pg_catalog.simple", "pg_catalog.german"),
    "work_mem": ("4MB", "64kB"),
    "enable_hashagg": ("on", "off"),
    "enable_hashjoin": ("on", "off"),
    "enable_mergejoin": ("on", "off"),
    "enable_sort": ("on", "off"),
    "plan_cache_mode": ("auto", "force_custom_plan"),
}
LOCALES = ("C", "C.UTF-8", "de_DE.UTF-8", "en_US.UTF-8", "tr_TR.UTF-8")
CATEGORIES = ("lc_numeric", "lc_monetary", "lc_time", "lc_messages")


@in_one_database
@given(st.data(), histories())
def test_a_session_s_settings_change_nothing(database: Database, data: st.DataObject, history: History) -> None:
    choices: dict[str, st.SearchStrategy[str]] = {name: st.sampled_from(values) for name, values in SESSIONS.items()}
    choices |= {name: st.sampled_from(locales(database)) for name in CATEGORIES}
    session = data.draw(st.fixed_dictionaries({}, optional=choices))
    database.check(history, [size(history)], session=session)


def test_control_a_fold_that_reads_the_session_s_time_zone_is_found(database: Database) -> None:
    def careless(connection: psycopg.Connection[Any], after: int, ends: Sequence[int]) -> None:
        fold_in_batches(connection, after, ends)
        connection.execute(
            "UPDATE public.workflow_executions SET created_at = created_at::timestamp AT TIME ZONE 'UTC'"
            " WHERE last_event_position > %s",
            (after,),
        )

    database.check(LATE, [size(LATE)], fold=careless)
    with pytest.raises(AssertionError, match="created_at"):
        database.check(LATE, [size(LATE)], fold=careless, session={"TimeZone": "Asia/Kathmandu"})


TIES = written(
    *((f"execution-{name}", "ExecutionCreated", {}) for name in ("a", "B", "_", "e\u0301", "\u00e9")),
)
"""Executions of one workflow and one time, whose ids sort differently by every order of text."""


@in_one_database
@example(TIES)
@given(histories())
def test_a_database_s_order_of_text_changes_nothing(icu_database: Database, history: History) -> None:
    icu_database.check(history, [size(history)])


def test_control_the_other_database_does_order_text_otherwise(icu_database: Database) -> None:
    row = icu_database.connection.execute("SELECT 'a' < 'B', 'a' < 'B' COLLATE \"C\"").fetchone()
    assert row == (True, False)


def locales(database: Database) -> list[str]:
    """Return the locales of the list that this server has."""
    found = []
    for locale in LOCALES:
        try:
            database.connection.execute("SELECT set_config('lc_numeric', %s, false)", (locale,))
        except psycopg.errors.InvalidParameterValue:
            continue
        found.append(locale)
    return found

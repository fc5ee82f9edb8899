"""Any history with erasures, cut into any batches, gives the rows of the model; and a replay changes none of them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runfold.projections.reconciling.replay import replay
from tests.erasure.tenants import CATALOGUE, recorded
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_tables
from tests.model.histories import History, cuts, histories, isolate
from tests.model.tables import Recorded
from tests.projections.folding.test_folds_equal_the_model import Database, fold_in_batches, in_one_database

Erasures = dict[int, int]
"""Before which append which tenant is erased, each by its number."""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for group in CATALOGUE.groups:
            connection.execute("INSERT INTO runfold.checkpoints (group_name) VALUES (%s)", (group,))
        yield Database(database_url, connection)


def append(database: Database, history: History, erasures: Erasures) -> list[Recorded]:
    """Append a history with tenants of its own, and the erasures between; nothing of an erased tenant follows."""
    before = max((found.position for found in recorded(database.connection)), default=0)
    history = isolate(history, f"{uuid4().hex[:12]}.")
    own: dict[UUID, UUID] = {}
    erased: set[UUID] = set()
    for number, (stream_id, tenant, happenings) in enumerate(history):
        if tenant is not None:
            own.setdefault(tenant, uuid4())
        if number in erasures and own:
            gone = list(own.values())[erasures[number] % len(own)]
            erased.add(gone)
            database.connection.execute("SELECT runfold.append_tenant_erased(%s)", (gone,))
        if tenant is None or own[tenant] not in erased:
            database.append([(stream_id, None if tenant is None else own[tenant], happenings)])
    return [found for found in recorded(database.connection) if found.position > before]


@given(history=histories(), data=st.data())
@settings(parent=in_one_database, max_examples=60)
def test_folds_with_erasures_equal_the_model_and_replays_agree(
    database: Database, history: History, data: st.DataObject
) -> None:
    erasures = data.draw(st.dictionaries(st.integers(1, max(1, len(history) - 1)), st.integers(0, 3), max_size=2))
    events = append(database, history, erasures)
    if not events:
        return
    after, ends = events[0].position - 1, data.draw(cuts(len(events)))
    fold_in_batches(database.connection, after, [events[end - 1].position for end in ends])
    assert_tables_equal(reference.fold(events), read_tables(database.connection, after))
    database.connection.execute("UPDATE runfold.checkpoints SET position = %s", (events[-1].position,))
    for stream in data.draw(st.sets(st.sampled_from(sorted({event.stream_id for event in events})), max_size=2)):
        assert [done.projection for done in replay(database.connection, CATALOGUE, stream) if done.differing] == []


def test_control_a_fold_that_passes_the_barrier_by_differs(database: Database) -> None:
    from tests.projections.folding.test_folds_equal_the_model import LATE

    events = append(database, LATE, {len(LATE) - 1: 0})
    fold_in_batches(database.connection, events[0].position - 1, [events[-2].position])
    with pytest.raises(AssertionError):
        assert_tables_equal(reference.fold(events), read_tables(database.connection, events[0].position - 1))

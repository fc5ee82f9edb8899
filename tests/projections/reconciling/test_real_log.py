"""A thousand damaged cells of a real log's tables: verify names each of them, and a rebuild repairs only them."""

from __future__ import annotations

from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import psycopg
import pytest

import runfold
from runfold.interop.xes import import_xes
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.verify import verify
from tests.fixtures.evidence import Evidence
from tests.fixtures.processes import drain
from tests.projections.reconciling.rebuilding import Rebuilder, counted_writes

REAL_LOG = Path(__file__).parents[4] / "shared" / "data" / "bpic2012.xes.gz"

pytestmark = pytest.mark.skipif(not REAL_LOG.exists(), reason="../shared/data/bpic2012.xes.gz is not here")

CELLS = 1_000
SEED = 20121019
TABLES = {"workflow_executions": "id", "node_executions": "id", "workflow_status": "workflow_id"}
# Nodes refer to it, so nobody can change it.
FIXED = {("workflow_executions", "execution_id"), ("node_executions", "execution_id")}

OTHER_VALUE = {
    "bigint": "coalesce({column}, 0) + 1",
    "integer": "coalesce({column}, 0) + 1",
    "jsonb": "'{{\"damaged\": true}}'::jsonb",
    "timestamp with time zone": "coalesce({column}, '2000-01-01Z') + interval '1 second'",
    "boolean": "NOT {column}",
    "uuid": "gen_random_uuid()",
    "character varying": "coalesce({column}, '') || 'x'",
    "text": "coalesce({column}, '') || 'x'",
}
# Columns of which only some values are allowed.
OF_A_LIST = {
    ("workflow_executions", "status"): "CASE status WHEN 'ERROR' THEN 'TIMEOUT' ELSE 'ERROR' END",
    ("workflow_executions", "mode"): "CASE mode WHEN 'RETRY' THEN 'WEBHOOK' ELSE 'RETRY' END",
    ("node_executions", "status"): "CASE status WHEN 'ERROR' THEN 'SKIPPED' ELSE 'ERROR' END",
}

Cell = tuple[str, str, str]


def damage_cells(connection: psycopg.Connection[Any], cells: int) -> set[Cell]:
    """Change this many random cells one by one; return table, key and column of each."""
    random = Random(SEED)
    rows, columns = [], {}
    for table, key in TABLES.items():
        rows += [
            (table, str(value)) for (value,) in connection.execute(f"SELECT {key} FROM {table} ORDER BY 1".encode())
        ]
        columns[table] = [
            (name, kind)
            for name, kind in connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position",
                (table,),
            )
            if name != key and (table, name) not in FIXED
        ]
    done: set[Cell] = set()
    with connection.transaction():
        while len(done) < cells:
            table, key = random.choice(rows)
            column, kind = random.choice(columns[table])
            if (table, key, column) in done:
                continue
            value = OF_A_LIST.get((table, column)) or OTHER_VALUE[kind].format(column=column)
            statement = f"UPDATE {table} SET {column} = {value} WHERE {TABLES[table]} = %s"
            assert connection.execute(statement.encode(), (key,)).rowcount == 1
            done.add((table, key, column))
    return done


@pytest.mark.large
def test_a_thousand_damaged_cells_are_named_and_repaired_and_no_other_row_is_written(
    database_url: str, connection: psycopg.Connection[Any], rebuilder: Rebuilder, evidence: Evidence
) -> None:
    with runfold.connect(database_url) as store:
        imported = import_xes(store, REAL_LOG)
    assert drain(database_url) == {}
    damaged = damage_cells(connection, CELLS)
    began = monotonic()
    found = verify(connection, load_catalogue(), TABLES, limit=2 * CELLS)
    evidence.note(verified_in=round(monotonic() - began, 1))
    named = {
        (item.projection, str(difference.key[TABLES[item.projection]]), column)
        for item in found
        for difference in item.differences
        for column in difference.columns
    }
    assert {difference.kind for item in found for difference in item.differences} == {"different"}
    assert named == damaged
    with counted_writes(connection) as written:
        began = monotonic()
        done = rebuilder(*TABLES)
        evidence.note(rebuilt_in=round(monotonic() - began, 1))
    changed = {(table, "UPDATE"): len({key for name, key, _ in damaged if name == table}) for table in TABLES}
    assert written == {what: count for what, count in changed.items() if count}
    assert [item.differing for item in verify(connection, load_catalogue(), TABLES)] == [0, 0, 0]
    evidence.note(
        events=imported.events_appended,
        cells=len(damaged),
        rows=sum(written.values()),
        locked=round(max(item.locked_seconds for item in done.values()), 2),
    )

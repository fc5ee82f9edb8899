"""The Parquet file of an export opens in DuckDB as it is, and what is wrong with another is named."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow
import pytest
from pyarrow import parquet

import runfold
from runfold.errors import ExtraMissing, ImportFailed
from runfold.interop import parquet as ours
from runfold.interop.exporting import export_events
from runfold.interop.importing import import_events
from tests.cli.running import run
from tests.interop.files import CATEGORY, another, content, fill


def written(url: str, path: Path) -> Path:
    output = io.BytesIO()
    with runfold.connect(url) as store:
        store.register_event_types(CATEGORY)
    fill(url)
    with runfold.connect(url) as store:
        export_events(store, output, "parquet")
    path.write_bytes(output.getvalue())
    return path


def test_duckdb_opens_it_as_it_is(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "ROWS", 7)
    path = written(database_url, tmp_path / "log.parquet")
    with psycopg.connect(database_url) as connection:
        expected = connection.execute(
            "SELECT position, stream_id, stream_version, event_id::text, type, schema_version, user_id::text, payload,"
            "       occurred_at FROM runfold.events ORDER BY position"
        ).fetchall()
    found = duckdb.execute(
        "SELECT position, stream_id, stream_version, event_id, type, schema_version, user_id, payload, occurred_at"
        "  FROM read_parquet(?) ORDER BY position", [str(path)],
    ).fetchall()  # fmt: skip
    assert found == expected
    assert len(found) > 80
    mode = "json_extract_string(data, '$.mode')"
    modes = f"SELECT count(*) FROM read_parquet(?) WHERE type = 'ExecutionCreated' AND {mode} > ''"
    assert duckdb.execute(modes, [str(path)]).fetchone() == (2,)
    assert parquet.ParquetFile(path).num_row_groups > 10


def test_the_command_writes_and_reads_it(
    database_url: str, server_url: str, template_database: str, tmp_path: Path
) -> None:
    written(database_url, tmp_path / "log.parquet")
    out = tmp_path / "again.parquet"
    done = run(database_url, "export", "--format", "parquet", "--out", str(out))
    assert done.returncode == 0, done.stderr
    with another(server_url, template_database) as url:
        done = run(url, "import", "parquet", str(out))
        assert done.returncode == 0, done.stderr
        assert content(url) == content(database_url)
    refused = run(database_url, "export", "--format", "parquet", "--out", str(tmp_path / "log.parquet.gz"))
    assert (refused.returncode, "compressed already" in refused.stderr) == (2, True)


def table(**changes: Any) -> pyarrow.Table:
    row: dict[str, Any] = {
        "stream_id": "execution-e", "stream_version": 1, "event_id": "00000000-0000-4000-8000-000000000001",
        "type": "ExecutionStarted", "schema_version": 1, "data": '{"start_time": 1}', "payload": None,
        "occurred_at": None,
    } | changes  # fmt: skip
    return pyarrow.Table.from_pylist([{name: value for name, value in row.items() if value is not ...}])


BAD = {
    "a column that is missing": (table(stream_id=...), "no column stream_id"),
    "data that is no JSON": (table(data="{"), "row 1: data is not JSON"),
    "an id that is no UUID": (table(event_id="7"), "row 1: event_id must be a UUID"),
    "no time": (table(), "row 1: occurred_at must be"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_named_with_its_row(tmp_path: Path, what: str) -> None:
    made, said = BAD[what]
    parquet.write_table(made, tmp_path / "log.parquet")
    with pytest.raises(ImportFailed, match=said):
        import_events(None, ours.read_parquet(tmp_path / "log.parquet"), dry_run=True)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ImportFailed, match="cannot be read as Parquet"):
        list(ours.read_parquet(tmp_path / "log.parquet"))


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExtraMissing) as refused:
        ours.ParquetWriter(lambda _: None)
    assert "runfold[archive]" in str(refused.value.hint)

"""A segment's file holds what was written to it, to the last byte, and what is not so is noticed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runfold.archive import files
from runfold.archive.files import (
    Manifest,
    file_name,
    read_manifest,
    read_segment,
    verify_file,
    write_manifest,
    write_segment,
)
from runfold.archive.records import WIRE_TYPES, Record, from_wire, to_wire
from runfold.errors import ArchiveDamaged, ArchiveMissing

FACTS = {"log": "a log", "schema_version": "1", "postgres": "18.6", "written_at": "2026-01-01T00:00:00Z"}
UUIDS = st.uuids().map(str)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
TIMES = st.integers(-62_135_510_400_000_000, 253_402_214_399_999_999)
RECORDS = st.builds(
    Record,
    position=st.integers(1, 2**62),
    append_end=st.integers(1, 2**62),
    stream_id=TEXTS,
    stream_version=st.integers(-(2**62), 2**62),
    event_id=UUIDS,
    category=TEXTS,
    type=TEXTS,
    schema_version=st.integers(1, 2**31 - 1),
    user_id=st.none() | UUIDS,
    data=st.none() | st.just('{"n": 1}') | st.just('{"ä\\n": [1.10, null]}'),
    payload=st.none() | st.binary(max_size=30),
    metadata=st.just("{}"),
    occurred_at=TIMES,
    recorded_at=TIMES,
    erased=st.none() | st.binary(min_size=32, max_size=32),
)


def record(position: int = 1, **changes: Any) -> Record:
    plain = Record(
        position, position, "log-1", position, f"00000000-0000-7000-8000-{position:012}", "log", "LogAppended", 1, None,
        '{"n": 1}', None, "{}", 1_700_000_000_000_000, 1_700_000_000_000_001,
    )  # fmt: skip
    return plain._replace(**changes)


def written(folder: Path, records: list[Record], to_position: int = 2**62) -> Manifest:
    return write_segment(folder, records, from_position=1, to_position=to_position, facts=FACTS)


def read(folder: Path, manifest: Manifest, **only: Any) -> list[Record]:
    return [item for group in read_segment(manifest.path(folder), **only) for item in group]


@settings(deadline=None, max_examples=50)
@given(st.lists(RECORDS, max_size=6))
def test_what_is_read_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, records: list[Record]) -> None:
    folder = tmp_path_factory.mktemp("archive")
    records.sort()
    manifest = written(folder, records)
    assert read(folder, manifest) == records
    assert manifest.events == len(records)
    assert manifest.digest == hashlib.sha256(b"".join(item.hash() for item in records)).hexdigest()
    assert read_manifest(manifest.path(folder)) == manifest
    assert sorted(item.name for item in folder.iterdir()) == [f"{file_name(1, 2**62)[:-8]}.json", file_name(1, 2**62)]
    verify_file(folder, manifest)


@given(RECORDS)
def test_the_wire_keeps_everything(given: Record) -> None:
    plain = given._replace(erased=None)
    assert from_wire(to_wire(plain)) == plain


VALUES = [
    ("execution-ä\"\\\x1f\x7f\u2028\U0001f600", '{"a": "\\u0001 \\" \\\\ ä😀", "n": 12345678901234567890.10}', None),
    ("x-1", None, b"\x00\xff"),
]  # fmt: skip


@pytest.mark.parametrize(("stream", "data", "payload"), VALUES)
@pytest.mark.parametrize(
    "at", ["0001-01-02 00:00:00.000001+00", "9999-12-30 23:59:59.999999+00", "2026-05-05 01:02:03Z"]
)
def test_postgresql_gives_the_same_values_and_the_same_hash(
    connection: psycopg.Connection[Any], stream: str, data: str | None, payload: bytes | None, at: str
) -> None:
    """The formula of the log's seals, over a row of PostgreSQL and over the record that its COPY gave."""
    connection.execute("CREATE TEMP TABLE given (LIKE runfold.events)")
    connection.execute(
        "INSERT INTO given VALUES (7, 9, %s, 3, gen_random_uuid(), 'x', 'A \"type\"', 2, gen_random_uuid(), %s, %s,"
        " '{\"m\": 1}', %s, %s)",
        (stream, data, payload, at, at),
    )
    columns = ", ".join(WIRE_TYPES)
    with connection.cursor().copy(f"COPY given ({columns}) TO STDOUT (FORMAT binary)".encode()) as copy:
        copy.set_types(list(WIRE_TYPES.values()))
        (wire,) = copy.rows()
    found = from_wire(wire)
    row = connection.execute(
        "SELECT sha256(convert_to(jsonb_build_array(1, e.position, e.append_end, e.stream_id, e.stream_version,"
        " e.event_id, e.type, e.schema_version, e.user_id, e.data, encode(e.payload, 'hex'), e.metadata,"
        " (extract(epoch FROM e.occurred_at) * 1000000)::bigint,"
        " (extract(epoch FROM e.recorded_at) * 1000000)::bigint)::text, 'UTF8')),"
        " e.event_id::text, e.user_id::text, e.data::text, e.payload FROM given e"
    ).fetchone()
    assert row == (found.hash(), found.event_id, found.user_id, found.data, found.payload)
    with connection.cursor().copy(f"COPY given ({columns}) FROM STDIN (FORMAT binary)".encode()) as copy:
        copy.set_types(list(WIRE_TYPES.values()))
        copy.write_row(to_wire(found))
    assert connection.execute("SELECT count(*) FROM given x, given y WHERE x.* *= y.*").fetchone() == (4,)


def test_groups_are_small_and_can_be_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROWS", 10)
    manifest = written(tmp_path, [record(n, stream_id=f"log-{n % 3}") for n in range(1, 96)])
    groups = list(read_segment(manifest.path(tmp_path)))
    assert [len(group) for group in groups] == [10] * 9 + [5]
    assert [item.position for item in read(tmp_path, manifest, after=20, upto=22)] == [21, 22]
    assert [item.position for item in read(tmp_path, manifest, streams={"log-0", "log-9"}, upto=9)] == [3, 6, 9]
    monkeypatch.setattr(files, "GROUP_BYTES", 5000)
    large = written(tmp_path, [record(n, data=f'"{"x" * 3000}"') for n in range(1, 6)])
    assert [len(group) for group in read_segment(large.path(tmp_path))] == [2, 2, 1]


def test_a_segment_without_events_has_a_file(tmp_path: Path) -> None:
    manifest = written(tmp_path, [])
    assert (manifest.events, manifest.first_position, read(tmp_path, manifest)) == (0, None, [])
    verify_file(tmp_path, manifest)


def test_a_flipped_bit_is_found_anywhere(tmp_path: Path) -> None:
    manifest = written(tmp_path, [record(n) for n in range(1, 50)])
    path = manifest.path(tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ArchiveDamaged, match="has changed"):
            verify_file(tmp_path, manifest)
    path.write_bytes(whole)
    verify_file(tmp_path, manifest)


def test_a_manifest_that_lies_is_found(tmp_path: Path) -> None:
    manifest = written(tmp_path, [record(n) for n in range(1, 5)])
    for lie in ({"events": 5}, {"digest": "0" * 64}):
        with pytest.raises(ArchiveDamaged, match="does not hold"):
            verify_file(tmp_path, replace(manifest, **lie))


def test_what_was_written_is_read_back_before_it_has_a_name(tmp_path: Path) -> None:
    """A disk that keeps something else than it was given, for instance."""
    other = written(tmp_path / "other", [record(2)]).path(tmp_path / "other").read_bytes()
    made = tmp_path / f"{file_name(1, 5)}.new"
    with pytest.raises(ArchiveDamaged, match="is not what was written"):
        write_segment(
            tmp_path, [record(1)], from_position=1, to_position=5, facts=FACTS, check=lambda: made.write_bytes(other)
        )
    assert list(tmp_path.glob("events*")) == []


def test_a_missing_file_and_a_foreign_one_are_said(tmp_path: Path) -> None:
    manifest = written(tmp_path, [record(1)])
    with pytest.raises(ArchiveMissing, match="name the folder"):
        read_manifest(tmp_path / "events-2-3.parquet")
    write_manifest(tmp_path, replace(manifest, format=2))
    with pytest.raises(ArchiveDamaged, match="format 2"):
        read_manifest(manifest.path(tmp_path))
    for text in ("{", "[]", "{}"):
        manifest.path(tmp_path).with_suffix(".json").write_text(text)
        with pytest.raises(ArchiveDamaged, match="is no manifest"):
            read_manifest(manifest.path(tmp_path))
    manifest.path(tmp_path).write_bytes(b"PAR1")
    with pytest.raises(ArchiveDamaged, match="cannot be read"):
        list(read_segment(manifest.path(tmp_path)))
    manifest.path(tmp_path).unlink()
    with pytest.raises(ArchiveMissing):
        list(read_segment(tmp_path / manifest.file))
    with pytest.raises(ArchiveMissing):
        verify_file(tmp_path, manifest)


@pytest.mark.process
def test_without_pyarrow_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path; from runfold.archive.files import read_segment\n"
        "from runfold.errors import ExtraMissing\n"
        "try: list(read_segment(Path('x')))\n"
        "except ExtraMissing as error: print(error, error.extra)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert result.stdout.strip() == "archives need pyarrow: pip install 'runfold[archive]' archive"

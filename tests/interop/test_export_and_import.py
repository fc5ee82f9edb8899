"""What is exported and imported into another log has the same streams, versions, ids, times and data, in order."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import runfold
from runfold.errors import ImportFailed
from runfold.interop import cloud_events, jsonl
from runfold.interop.documents import read_documents
from runfold.interop.exporting import export_events
from runfold.interop.importing import EventsSummary, import_events
from runfold.interop.ocel import OcelLog
from runfold.interop.parquet import read_parquet
from runfold.interop.portable import FORMATS, Portable
from tests.interop.files import another, content, fill

READERS: dict[str, Callable[[Path], Iterator[Portable]]] = {
    "jsonl": lambda path: (jsonl.decode(*one) for one in read_documents(path)),
    "cloudevents": lambda path: (cloud_events.decode(*one) for one in read_documents(path)),
    "ocel": lambda path: OcelLog(path).events(),
    "parquet": read_parquet,
}


@pytest.fixture(scope="module")
def source(server_url: str, template_database: str) -> Iterator[str]:
    with another(server_url, template_database) as url:
        fill(url)
        yield url


@pytest.fixture
def target(server_url: str, template_database: str) -> Iterator[str]:
    with another(server_url, template_database) as url:
        yield url


def exported(url: str, form: str, **more: Any) -> bytes:
    output = io.BytesIO()
    with runfold.connect(url) as store:
        export_events(store, output, form, **more)
    return output.getvalue()


def imported(url: str, form: str, path: Path) -> EventsSummary:
    with runfold.connect(url) as store:
        return import_events(store, READERS[form](path))


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(source: str, form: str, tmp_path: Path) -> Path:
    made = tmp_path / f"log.{form}"
    made.write_bytes(exported(source, form))
    return made


def test_a_round_trip_gives_the_same_log(source: str, target: str, form: str, path: Path) -> None:
    before = content(source)
    summary = imported(target, form, path)
    assert content(target) == before
    assert len(before) > 80
    assert (summary.events_read, summary.events_appended, summary.events_repeated) == (len(before), len(before), 0)


def test_an_import_that_runs_again_appends_nothing(source: str, target: str, form: str, path: Path) -> None:
    imported(target, form, path)
    again = imported(target, form, path)
    assert (again.events_appended, again.events_repeated) == (0, len(content(source)))
    assert content(target) == content(source)


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_file_that_has_grown_is_continued(source: str, target: str, tmp_path: Path, cut: int) -> None:
    lines = exported(source, "jsonl").splitlines(keepends=True)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(lines[:cut]))
    assert imported(target, "jsonl", path).events_appended == cut
    path.write_bytes(b"".join(lines))
    summary = imported(target, "jsonl", path)
    assert (summary.events_appended, summary.events_repeated) == (len(lines) - cut, cut)
    assert content(target) == content(source)


def test_control_an_event_that_is_lost_is_found(source: str, target: str, tmp_path: Path) -> None:
    lines = exported(source, "jsonl").splitlines(keepends=True)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(lines[:-1]))
    imported(target, "jsonl", path)
    assert content(target) != content(source)


def test_a_dry_run_needs_no_database_and_finds_what_is_wrong(form: str, path: Path) -> None:
    summary = import_events(None, READERS[form](path), dry_run=True)
    assert summary.dry_run
    assert (summary.events_read > 80, summary.events_appended) == (True, 0)
    with pytest.raises(ValueError, match="needs a store"):
        import_events(None, READERS[form](path))


def line(**changes: Any) -> dict[str, Any]:
    made = {
        "stream_id": "execution-e1",
        "stream_version": 1,
        "event_id": str(uuid4()),
        "type": "ExecutionStarted",
        "occurred_at": "2026-03-01T12:00:00Z",
        "data": {"start_time": 1},
    } | changes
    return {name: value for name, value in made.items() if value is not ...}


BAD = {
    "no event id": ({"event_id": ...}, "event_id"),
    "an id that is no UUID": ({"event_id": "7"}, "UUID"),
    "no stream": ({"stream_id": ""}, "stream_id"),
    "a time without a zone": ({"occurred_at": "2026-03-01T12:00:00"}, "occurred_at"),
    "data that is a list": ({"data": []}, "data"),
    "a field that the type does not have": ({"data": {"start_time": 1, "zz": 1}}, "zz"),
    "a negative version": ({"stream_version": -1}, "stream_version"),
    "bytes that are not base64": ({"data": ..., "payload": "€"}, "base64"),
    "a category that nobody registered": ({"stream_id": "nobody-1"}, "nobody"),
    "a version that the stream is not at": ({"stream_id": "execution-e2", "stream_version": 5}, "version 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_named_and_what_came_before_it_stays(target: str, tmp_path: Path, case: str) -> None:
    changes, said = BAD[case]
    path = tmp_path / "log.jsonl"
    second = line(**{"stream_version": 2} | changes)
    path.write_text(f"{json.dumps(line())}\n\n{json.dumps(second)}\n")
    with pytest.raises(ImportFailed) as failed:
        imported(target, "jsonl", path)
    assert "log.jsonl, line 3: " in failed.value.message
    assert said in str(failed.value)
    assert failed.value.hint
    assert len(content(target)) <= 1


def test_a_repeated_id_with_other_content_is_refused(target: str, tmp_path: Path) -> None:
    first = line()
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(first))
    imported(target, "jsonl", path)
    path.write_text(json.dumps(first | {"data": {"start_time": 2}}))
    with pytest.raises(ImportFailed, match="in the log already, with other content"):
        imported(target, "jsonl", path)


def test_what_only_runfold_appends_is_left_out_and_counted(target: str, tmp_path: Path) -> None:
    stream = f"deployment-{uuid4()}"
    deleted = line(stream_id=stream, type="WorkflowDeleted", data={"at": 1})
    removed = line(stream_id=stream, stream_version=2, type="TriggerRemoved", data={"trigger": "t"})
    path = tmp_path / "log.jsonl"
    path.write_text(f"{json.dumps(deleted)}\n{json.dumps(removed)}")
    summary = imported(target, "jsonl", path)
    assert (summary.events_left_out, summary.events_appended) == (1, 1)
    assert [row[:4:3] for row in content(target)] == [(stream, "TriggerRemoved")]


def test_gzip_is_seen_by_content_and_a_damaged_file_is_named(source: str, target: str, tmp_path: Path) -> None:
    packed = gzip.compress(exported(source, "jsonl"))
    (tmp_path / "log").write_bytes(packed)
    assert imported(target, "jsonl", tmp_path / "log").events_appended == len(content(source))
    (tmp_path / "log").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ImportFailed, match="damaged"):
        list(READERS["jsonl"](tmp_path / "log"))


@pytest.mark.parametrize("text", ["{", '{"a": ', "[1, ", "no"])
def test_what_is_not_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "log").write_text(text)
    with pytest.raises(ImportFailed, match="is not JSON"):
        list(READERS["jsonl"](tmp_path / "log"))


def test_an_export_goes_on_after_a_position(source: str) -> None:
    whole = exported(source, "jsonl").splitlines()
    tenth = json.loads(whole[9])["position"]
    assert exported(source, "jsonl", after=tenth).splitlines() == whole[10:]
    assert exported(source, "jsonl", after=json.loads(whole[-1])["position"]) == b""

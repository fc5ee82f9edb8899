"""`runfold export` and the imports of events, as people and scripts use them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.running import ask, run
from tests.interop.files import CATEGORY, another, content, fill

pytest_plugins = ["tests.fixtures.stores"]


@pytest.mark.parametrize("form", ["jsonl", "cloudevents", "ocel"])
def test_a_file_goes_out_of_one_database_and_into_another(
    database_url: str, server_url: str, template_database: str, tmp_path: Path, form: str
) -> None:
    from runfold import connect

    with connect(database_url) as store:
        store.register_event_types(CATEGORY)
    fill(database_url)
    out = tmp_path / f"log.{form}.gz"
    summary = ask(database_url, "export", "--format", form, "--out", str(out))
    assert summary["events"] == len(content(database_url))
    assert gzip.decompress(out.read_bytes())
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    with another(server_url, template_database) as url:
        checked = ask(url, "import", form, str(out), "--dry-run")
        assert (checked["events_read"], checked["events_appended"]) == (summary["events"], 0)
        assert content(url) == []
        done = run(url, "import", form, str(out))
        assert done.returncode == 0, done.stderr
        assert "events appended" in done.stdout
        assert content(url) == content(database_url)


def test_standard_output_has_the_events_and_nothing_else(database_url: str) -> None:
    done = run(database_url, "export")
    assert (done.returncode, done.stdout) == (0, "")
    assert "0 events" in done.stderr


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(database_url: str, tmp_path: Path) -> None:
    done = run(database_url, "export", "--out", str(tmp_path / "none" / "log.jsonl"))
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_log_of_another_system_needs_its_case(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    event = {"id": "1", "type": "pay", "time": "2026-03-01T12:00:00Z", "relationships": [{"objectId": "o"}]}
    path.write_text(json.dumps({"events": [event], "objects": [{"id": "o", "type": "order"}]}))
    done = run(database_url, "import", "ocel", str(path))
    assert done.returncode == 1
    assert "--case 'order'" in done.stderr
    done = run(database_url, "import", "ocel", str(path), "--case", "parcel")
    assert (done.returncode, "order" in done.stderr) == (2, True)
    done = run(database_url, "import", "ocel", str(path), "--case", "order")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("form", ["jsonl", "cloudevents", "ocel", "parquet"])
def test_a_file_that_is_not_there_is_named(database_url: str, form: str) -> None:
    done = run(database_url, "import", form, "/nowhere/log")
    assert done.returncode == 1
    assert "/nowhere/log cannot be read" in done.stderr

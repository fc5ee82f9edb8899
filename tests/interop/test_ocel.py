"""OCEL 2.0: exports hold to the standard's schema and say what happened; other systems' logs come in as executions."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

import runfold
from runfold.errors import ImportFailed
from runfold.interop.exporting import export_events
from runfold.interop.ocel import OcelLog
from runfold.interop.xes import import_traces, import_xes
from runfold.interop.xes_options import Skips, XesOptions
from tests.cli.running import WORKFLOW
from tests.fixtures.logs import Log, created, event, run
from tests.fixtures.processes import drain
from tests.interop.files import CATEGORY, fill
from tests.interop.test_xes_real_log import REAL_LOG

SCHEMA = json.loads((Path(__file__).parent / "ocel20_schema.json").read_text())
"""The JSON Schema of the standard, as its document prints it."""

FOREIGN: dict[str, Any] = {
    "eventTypes": [{"name": "pay", "attributes": []}],
    "objectTypes": [{"name": "order", "attributes": []}, {"name": "customer", "attributes": []}],
    "events": [
        {
            "id": "2",
            "type": "pay",
            "time": "2026-03-01T13:00:00Z",
            "relationships": [{"objectId": "o1", "qualifier": ""}, {"objectId": "c1", "qualifier": "by"}],
        },
        {
            "id": "1",
            "type": "place",
            "time": "2026-03-01T12:00:00Z",
            "relationships": [{"objectId": "o1", "qualifier": ""}, {"objectId": "o2", "qualifier": ""}],
        },
    ],
    "objects": [{"id": "o1", "type": "order"}, {"id": "o2", "type": "order"}, {"id": "c1", "type": "customer"}],
}


def exported(url: str) -> dict[str, Any]:
    output = io.BytesIO()
    with runfold.connect(url) as store:
        export_events(store, output, "ocel")
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


def check(found: Any) -> None:
    """Judge a log by the standard's schema, and by what it says about references."""
    jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(found)
    objects = {one["id"] for one in found["objects"]}
    assert len(objects) == len(found["objects"])
    related = [r["objectId"] for one in (*found["events"], *found["objects"]) for r in one["relationships"]]
    assert set(related) <= objects
    for things, kinds in ((found["events"], found["eventTypes"]), (found["objects"], found["objectTypes"])):
        declared = {kind["name"]: {one["name"] for one in kind["attributes"]} for kind in kinds}
        for thing in things:
            assert {one["name"] for one in thing["attributes"]} <= declared[thing["type"]]


def test_every_type_of_event_holds_to_the_schema(database_url: str) -> None:
    with runfold.connect(database_url) as store:
        store.register_event_types(CATEGORY)
    fill(database_url)
    found = exported(database_url)
    check(found)
    assert all(one["relationships"] for one in found["events"])


def test_an_empty_log_holds_to_the_schema(database_url: str) -> None:
    found = exported(database_url)
    check(found)
    assert found == {"events": [], "objects": [], "eventTypes": [], "objectTypes": []}


def test_control_a_log_that_breaks_the_schema_is_found(database_url: str) -> None:
    found = exported(database_url)
    with pytest.raises(jsonschema.ValidationError):
        check(found | {"events": [{"id": 1, "type": "x", "time": "2026-03-01T12:00:00Z"}]})
    lost = {
        "id": "1",
        "type": "x",
        "time": "2026-03-01T12:00:00Z",
        "attributes": [],
        "relationships": [{"objectId": "o", "qualifier": ""}],
    }
    with pytest.raises(AssertionError):
        check(found | {"events": [lost], "eventTypes": FOREIGN["eventTypes"]})


def test_the_objects_of_an_execution_and_what_became_of_them(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    log = Log(connection)
    log.append("execution-a", *run("a", nodes=1, workflow_id=str(WORKFLOW)))
    log.append("execution-b", created("b", workflow_id=str(WORKFLOW), parent_execution_id="a", triggered_by="ada"))
    with runfold.connect(database_url) as store:
        recorded = [dict(one.data or {}) for one in store.read_stream("execution-a")]
    nodes = {str(data["node_id"]) for data in recorded if "node_id" in data}
    node_id = min(nodes)
    log.append("log-a", event("LogAppended", node_id=node_id, message="m"))
    found = exported(database_url)
    check(found)
    objects = {one["id"]: one for one in found["objects"]}
    assert Counter(one["type"] for one in found["objects"]) == {
        "execution": 2, "workflow": 1, "node": len(nodes), "activation": 1, "person": 1,
    }  # fmt: skip
    statuses = [one["value"] for one in objects["execution:a"]["attributes"] if one["name"] == "status"]
    assert statuses == ["NEW", "RUNNING", "SUCCESS"]
    assert {"objectId": f"workflow:{WORKFLOW}", "qualifier": "part of"} in objects["execution:a"]["relationships"]
    assert {"objectId": "execution:a", "qualifier": "part of"} in objects["activation:a/n0"]["relationships"]
    (line,) = (one for one in found["events"] if one["type"] == "LogAppended")
    assert {"objectId": f"node:{WORKFLOW}/{node_id}", "qualifier": "at"} in line["relationships"]
    (child,) = (one for one in found["events"] if {"objectId": "person:ada", "qualifier": "by"} in one["relationships"])
    assert {"objectId": "execution:a", "qualifier": "child of"} in child["relationships"]


def write(tmp_path: Path, found: Any) -> Path:
    path = tmp_path / "orders.json"
    path.write_text(json.dumps(found))
    return path


def test_a_log_of_another_system_becomes_executions(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    log = OcelLog(write(tmp_path, FOREIGN))
    assert not log.is_ours
    assert log.object_types() == ["order", "customer"]
    for appended in (11, 0):
        with runfold.connect(database_url) as store:
            summary = import_traces(store, log.traces("order", prefix="shop/"), options=XesOptions(), skips=Skips())
        assert (summary.traces, summary.events_read, summary.log_name) == (2, 3, "orders")
        assert summary.events_appended == (3 + 2 * 3 if appended else 0)
    drain(database_url)
    rows = connection.execute("SELECT execution_id, node_id, status FROM node_executions ORDER BY 1, end_time, 2")
    assert rows.fetchall() == [
        ("shop/o1", "place", "SUCCESS"), ("shop/o1", "pay", "SUCCESS"), ("shop/o2", "place", "SUCCESS"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "no list of events"),
        ({"events": []}, "no list of objects"),
        ({"ocel:events": {}, "ocel:objects": {}}, "no list of events"),
        (FOREIGN | {"objects": [{"id": "o1"}]}, "type must be"),
        (FOREIGN | {"events": [{"id": "1", "type": "x", "time": "today"}]}, "time must be"),
    ],
)
def test_what_is_no_log_of_ocel_2_is_named(tmp_path: Path, found: Any, said: str) -> None:
    def read() -> None:
        log = OcelLog(write(tmp_path, found))
        log.object_types()
        list(log.traces("order"))

    with pytest.raises(ImportFailed) as failed:
        read()
    assert said in failed.value.message
    assert "orders.json" in failed.value.message


READ = """
import json, sys
import pm4py
log = pm4py.read_ocel2_json(sys.argv[1])
print(json.dumps({
    "events": len(log.events), "objects": len(log.objects), "relations": len(log.relations),
    "types": log.objects["ocel:type"].value_counts().to_dict(),
    "graph": len(pm4py.discover_ocdfg(log)["activities"]),
}))
"""


def first_traces(count: int, target: Path) -> Path:
    """Write the first traces of the real log: pm4py takes a quarter of an hour for all of them."""
    with gzip.open(REAL_LOG, "rt", encoding="utf-8") as source:
        traces = source.read().split("</trace>")[:count]
    target.write_text("</trace>".join(traces) + "</trace></log>", encoding="utf-8")
    return target


@pytest.mark.large
@pytest.mark.skipif(not REAL_LOG.exists(), reason="../shared/data/bpic2012.xes.gz is not here")
def test_pm4py_reads_the_real_log(database_url: str, tmp_path: Path) -> None:
    """In an environment of its own: pm4py is half a gigabyte."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "pm4py==2.7.*"], check=True, capture_output=True)
    with runfold.connect(database_url) as store:
        import_xes(store, first_traces(1_000, tmp_path / "first.xes"))
    path = tmp_path / "log.json"
    with runfold.connect(database_url) as store, path.open("wb") as output:
        export_events(store, output, "ocel")
    found = json.loads(path.read_bytes())
    check(found)
    done = subprocess.run([python, "-c", READ, path], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["events"] == len(found["events"]) > 20_000
    assert said["types"]["execution"] == 1_000
    assert said["types"]["activation"] == sum(one["type"] == "activation" for one in found["objects"])
    assert (said["objects"], said["graph"]) == (len(found["objects"]), len(found["eventTypes"]))
    assert said["relations"] == sum(len(one["relationships"]) for one in found["events"])

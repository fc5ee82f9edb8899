"""What is exported as XES is read by the import of XES, and gives the same executions, nodes and times."""

from __future__ import annotations

import io
import subprocess
import sys
import venv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import psycopg
import pytest

import runfold
from runfold.events import VOCABULARY
from runfold.interop.exporting import export_events
from runfold.interop.xes import import_xes
from runfold.interop.xes_options import XesOptions
from runfold.interop.xes_writing import TRANSITIONS
from tests.cli.running import run
from tests.fixtures.databases import create_database, drop_database
from tests.interop.xes_files import trace_of, write_log

XES = "{http://www.xes-standard.org/}"
TRACES = [
    trace_of("1", ("pay", "schedule"), ("pay", "start"), ("pay", "complete"), ("ship", None), ("pay", "complete")),
    trace_of('<&"2">', ("naïve 結果", "start"), ("pay", "assign"), ("naïve 結果", "complete")),
    trace_of("3", ("wait", "SUSPEND"), ("a  b ", "start")),
]


@pytest.fixture
def target(server_url: str, template_database: str) -> Iterator[str]:
    url = create_database(server_url, template=template_database)
    yield url
    drop_database(server_url, url)


def exported(url: str, name: str = "orders", after: int = 0) -> bytes:
    output = io.BytesIO()
    with runfold.connect(url) as store:
        export_events(store, output, "xes", name=name, after=after)
    return output.getvalue()


def imported(url: str, path: Path) -> None:
    with runfold.connect(url) as store:
        import_xes(store, path, options=XesOptions())


def streams(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT stream_id, stream_version, event_id, type, data, metadata, occurred_at"
            "  FROM runfold.events ORDER BY stream_id, stream_version"
        ).fetchall()


def traces(content: bytes) -> dict[str, list[dict[str, str]]]:
    found = {}
    for trace in ElementTree.fromstring(content).iter(f"{XES}trace"):
        (name,) = [each.attrib["value"] for each in trace if each.attrib.get("key") == "concept:name"]
        found[name] = [
            {each.attrib["key"]: each.attrib["value"] for each in event} for event in trace.iter(f"{XES}event")
        ]
    return found


def test_a_log_that_was_imported_comes_back_as_the_same_events(database_url: str, target: str, tmp_path: Path) -> None:
    imported(database_url, write_log(tmp_path / "orders.xes", TRACES, name="orders"))
    (tmp_path / "again.xes").write_bytes(exported(database_url))
    imported(target, tmp_path / "again.xes")
    assert streams(target) == streams(database_url)
    assert len(streams(target)) > 15


def test_control_an_event_that_is_left_out_is_found(database_url: str, target: str, tmp_path: Path) -> None:
    imported(database_url, write_log(tmp_path / "orders.xes", TRACES, name="orders"))
    head, event, rest = exported(database_url).partition(b"    <event>\n")
    (tmp_path / "again.xes").write_bytes(head + rest.partition(b"    </event>\n")[2])
    imported(target, tmp_path / "again.xes")
    assert event
    assert streams(target) != streams(database_url)


def test_what_an_engine_recorded_becomes_moves_with_their_times(database_url: str, tmp_path: Path) -> None:
    with runfold.connect(database_url) as store:
        execution = store.executions.create(execution_id="e1", workflow_id=uuid4(), mode="MANUAL")
        execution.start()
        for outcome in ("succeed", "fail", "skip", "cancel"):
            node = execution.node(outcome, node_type="ACTION")
            if outcome != "skip":
                node.start()
            getattr(node, outcome)(**({"error": ValueError("no")} if outcome == "fail" else {}))
        execution.log("a line for people", level="INFO", event_type="workflow_progress", node_id="succeed")
        execution.succeed()
    (events,) = traces(exported(database_url)).values()
    moves = [(event["concept:name"], event["lifecycle:transition"]) for event in events]
    assert moves == [
        ("succeed", "start"), ("succeed", "complete"), ("fail", "start"), ("fail", "ate_abort"),
        ("skip", "autoskip"), ("cancel", "start"), ("cancel", "withdraw"),
    ]  # fmt: skip
    assert all(
        datetime.fromisoformat(event["time:timestamp"]).tzinfo and "concept:instance" in event for event in events
    )


def test_every_move_of_a_node_has_a_transition() -> None:
    moves = {name for name, kind in VOCABULARY.items() if name.startswith("Node") and kind.category() == "execution"}
    assert moves == set(TRANSITIONS)


def test_characters_that_xml_has_no_place_for_are_replaced(database_url: str, tmp_path: Path) -> None:
    imported(database_url, write_log(tmp_path / "orders.xes", TRACES, name="orders"))
    log = ElementTree.fromstring(exported(database_url, name="a\x02\ufffe\t\n'\"<b"))
    (name,) = [each.attrib["value"] for each in log if each.attrib.get("key") == "concept:name"]
    assert name == "a\ufffd\ufffd\t\n'\"<b"


def test_executions_after_a_position_are_exported(database_url: str, tmp_path: Path) -> None:
    imported(database_url, write_log(tmp_path / "orders.xes", TRACES, name="orders"))
    whole = list(traces(exported(database_url)))
    with psycopg.connect(database_url) as connection:
        ((first,),) = connection.execute(
            "SELECT min(position) FROM runfold.events WHERE type = 'ExecutionCreated'"
        ).fetchall()
    assert list(traces(exported(database_url, after=first))) == whole[1:]
    assert traces(exported(database_url, after=first - 1 + len(streams(database_url)))) == {}


def test_the_command_writes_a_log_with_a_name(database_url: str, tmp_path: Path) -> None:
    imported(database_url, write_log(tmp_path / "orders.xes", TRACES, name="orders"))
    out = tmp_path / "out.xes"
    done = run(database_url, "export", "--format", "xes", "--name", "orders", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == exported(database_url)


READS_IT = """
import sys
import pm4py
log = pm4py.read_xes(sys.argv[1])
print(len(log), log["case:concept:name"].nunique(), len(pm4py.get_event_attribute_values(log, "concept:name")))
"""


@pytest.mark.large
def test_pm4py_reads_the_export(database_url: str, tmp_path: Path) -> None:
    """In an environment of its own: pm4py is half a gigabyte."""
    imported(database_url, write_log(tmp_path / "orders.xes", TRACES, name="orders"))
    (tmp_path / "out.xes").write_bytes(exported(database_url))
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "pm4py==2.7.*"], check=True, capture_output=True)
    read = subprocess.run([python, "-c", READS_IT, tmp_path / "out.xes"], check=True, capture_output=True, text=True)
    assert read.stdout.split()[-3:] == ["10", "3", "5"]
    assert sys.executable != str(python)

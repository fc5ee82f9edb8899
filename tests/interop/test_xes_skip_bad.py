"""What `skip_bad` leaves out, and how it says so; each is refused without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

import runfold
from runfold.errors import ImportFailed
from runfold.interop.xes import ImportSummary, import_xes
from runfold.interop.xes_options import PLACES_SHOWN, XesOptions
from runfold.interop.xes_reading import EVENTS_PER_PART
from tests.interop.replay import replay, stream
from tests.interop.xes_files import XesEventText, XesTraceText, attribute, log_text, trace_of, write_log

LENIENT = XesOptions(skip_bad=True)

BAD_EVENTS = [
    XesEventText(None),
    XesEventText("a", time=None),
    XesEventText("a", time="yesterday"),
    XesEventText("a", time="1948-01-26T22:59:00Z"),
    XesEventText("a", time="2024-02-29T12:00:00"),
    XesEventText("n" * 256),
    XesEventText(" "),
    XesEventText("a\x85b"),
]


def read(path: Path, options: XesOptions = LENIENT) -> ImportSummary:
    return import_xes(None, path, options=options, dry_run=True)


def left_out(summary: ImportSummary) -> tuple[int, int, int]:
    return summary.events_skipped, summary.traces_skipped, len(summary.skipped)


@pytest.mark.parametrize("bad", BAD_EVENTS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_bad_event_is_left_out_counted_and_placed(tmp_path: Path, bad: XesEventText, place: int) -> None:
    good = [XesEventText("a", "START"), XesEventText("b", "START")]
    with_bad = [*good[:place], bad, *good[place:]]
    path = write_log(tmp_path / "log.xes", [trace_of("1", *with_bad), trace_of("2", *good)])
    with pytest.raises(ImportFailed) as refused:
        read(path, XesOptions())
    summary = read(path)
    assert (summary.traces, summary.events_read, left_out(summary)) == (2, 5, (1, 0, 1))
    [skipped] = summary.skipped
    assert (skipped.line, skipped.trace) == (refused.value.facts["line"], "1")
    assert skipped.reason in refused.value.message
    executions = replay(stream(path, LENIENT))
    assert executions["1"].rows() == executions["2"].rows()
    assert executions["1"].status == "SUCCESS"


@pytest.mark.parametrize(
    "bad",
    [
        XesTraceText(None, [("a", "START"), ("b", "START")]),
        XesTraceText("1", [("a", "START"), ("b", "START")]),
        XesTraceText("1", [("a", "START"), ("b", "START")], name_last=True),
        XesTraceText("c" * 256, [("a", "START"), ("b", "START")]),
        XesTraceText(" ", [("a", "START"), ("b", "START")]),
        XesTraceText("bad", [XesEventText("a", time="soon"), XesEventText(None)]),
    ],
)
def test_bad_trace_is_left_out_as_a_whole(tmp_path: Path, bad: XesTraceText) -> None:
    traces = [trace_of("1", ("a", "START")), bad, trace_of("2", ("b", "START"))]
    path = write_log(tmp_path / "log.xes", traces)
    with pytest.raises(ImportFailed):
        read(path, XesOptions())
    summary = read(path)
    assert (summary.traces, summary.events_read) == (2, 4)
    assert left_out(summary)[:2] == (2, 1)
    assert replay(stream(path, LENIENT)).keys() == {"1", "2"}


def test_trace_of_no_events_that_has_a_bad_date_is_left_out(tmp_path: Path) -> None:
    more = attribute("REG_DATE", "1066-10-14T09:00:00Z", element="date")
    path = write_log(tmp_path / "log.xes", [XesTraceText("1", more=more), XesTraceText("2")])
    summary = read(path)
    assert (summary.traces, left_out(summary)) == (1, (0, 1, 1))


def test_long_trace_without_a_name_is_left_out_with_all_its_events(tmp_path: Path) -> None:
    events = [("a", "START")] * (2 * EVENTS_PER_PART + 3)
    path = write_log(tmp_path / "log.xes", [XesTraceText(None, events), trace_of("2", ("a", "START"))])
    summary = read(path)
    assert (summary.traces, left_out(summary)) == (1, (len(events), 1, 1))


def test_event_outside_of_a_trace_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    outside = XesEventText("a").xml(0)
    path.write_text(log_text([trace_of("1", ("a", "START"))]).replace("</log>", outside + "</log>"))
    summary = read(path)
    assert (summary.traces, left_out(summary)) == (1, (1, 0, 1))
    assert summary.skipped[0].trace is None


def test_damaged_file_is_refused_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    path.write_text(log_text([trace_of("1", ("a", "START"))]).replace("</event>", "</evnt>"))
    with pytest.raises(ImportFailed, match="cut off or damaged"):
        read(path)


def test_only_the_first_places_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    events = [XesEventText("a", "START"), *[XesEventText("a", time="soon")] * (PLACES_SHOWN + 7)]
    summary = read(write_log(tmp_path / "log.xes", [trace_of("1", *events)]))
    assert left_out(summary) == (PLACES_SHOWN + 7, 0, PLACES_SHOWN)


def test_good_log_has_nothing_left_out(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("1", ("a", "START")), XesTraceText("2")])
    assert left_out(read(path)) == (0, 0, 0)
    assert list(stream(path, LENIENT)) == list(stream(path))


def test_what_the_log_refuses_is_left_out_trace_by_trace(
    database_url: str, connection: psycopg.Connection[tuple[Any, ...]], tmp_path: Path
) -> None:
    endless = XesEventText("a", "START", resource="x" * 2_000_000)
    traces = [trace_of("1", ("a", "START")), trace_of("bad", endless), trace_of("2", ("a", "START"))]
    path = write_log(tmp_path / "log.xes", traces)
    with runfold.connect(database_url) as store:
        with pytest.raises(ImportFailed, match="bytes, more than") as refused:
            import_xes(store, path)
        assert "--skip-bad" in (refused.value.hint or "")
        summary = import_xes(store, path, options=LENIENT)
        assert left_out(summary) == (1, 1, 1)
        assert summary.skipped[0].trace == "bad"
        again = import_xes(store, path, options=LENIENT)
    assert (again.events_appended, again.events_repeated) == (0, summary.events_appended)
    streams = {row[0] for row in connection.execute("SELECT stream_id FROM runfold.streams WHERE version > 0")}
    assert streams == {"execution-1", "execution-2"}


def test_command_line_says_how_many_and_where(database_url: str, tmp_path: Path) -> None:
    old = XesEventText("a", time="1948-01-26T22:59:00Z")
    path = write_log(tmp_path / "log.xes", [trace_of("1", ("a", None), old)])
    command = [sys.executable, "-m", "runfold", "--url", database_url, "import", "xes", str(path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "--skip-bad" in refused.stderr
    done = subprocess.run([*command, "--skip-bad"], capture_output=True, text=True, check=True)
    assert "1 events; 0 whole traces" in " ".join(done.stdout.split())
    assert "before 1970" in " ".join(done.stdout.split())
    summary = orjson.loads(subprocess.run([*command, "--skip-bad", "--json"], capture_output=True, check=True).stdout)
    assert (summary["events_skipped"], summary["events_repeated"]) == (1, 4)
    assert summary["skipped"] == [
        {"line": summary["skipped"][0]["line"], "trace": "1", "reason": summary["skipped"][0]["reason"]}
    ]


def test_long_trace_that_the_log_refuses_in_its_middle_ends_there(
    database_url: str, connection: psycopg.Connection[tuple[Any, ...]], tmp_path: Path
) -> None:
    endless = XesEventText("a", "START", resource="x" * 2_000_000)
    events = [XesEventText("a", "START")] * EVENTS_PER_PART
    path = write_log(
        tmp_path / "log.xes", [trace_of("long", *events, endless, *events, *events), trace_of("2", ("a", None))]
    )
    with runfold.connect(database_url) as store:
        summary = import_xes(store, path, options=LENIENT)
    assert (summary.events_skipped, summary.traces_skipped) == (2 * EVENTS_PER_PART + 1, 0)
    assert f"from its event {EVENTS_PER_PART + 1:,} on" in summary.skipped[0].reason
    rows = dict(connection.execute("SELECT stream_id, version FROM runfold.streams WHERE version > 0").fetchall())
    assert rows == {"execution-long": EVENTS_PER_PART + 2, "execution-2": 4}

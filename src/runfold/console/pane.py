"""The pane beside a timeline: a node with its values and the events that set them, the log, run data, events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runfold.console.bars import attempts_of
from runfold.console.database import Reader, Row, statement
from runfold.console.frame import Frame
from runfold.console.values import SHOWN_BYTES, cut, json_value
from runfold.console.words import clock, sign, size, took, visible

EVENTS_SHOWN = 100
_LOG_SHOWN = 120
_PAYLOADS = {"error_data": "Error", "input_data": "Input", "output_data": "Output"}
_RUN = {"error_details": "Error", "trigger_data": "Trigger data", "run_data": "Run data", "metadata": "Metadata"}
_ENDS = ("NodeSucceeded", "NodeFailed", "NodeSkipped", "NodeCanceled")
_STATUS_AFTER = {
    "NodeScheduled": "PENDING",
    "NodeStarted": "RUNNING",
    "NodeAttemptFailed": "RETRYING",
    "NodeWaiting": "WAITING_INPUT",
    "NodeContinued": "RUNNING",
    "NodeSucceeded": "SUCCESS",
    "NodeFailed": "ERROR",
    "NodeSkipped": "SKIPPED",
    "NodeCanceled": "CANCELED",
}


def pane_of(
    reader: Reader,
    frame: Frame,
    present: Row,
    past: Row | None,
    *,
    selected: str | None,
    tab: str | None,
    stream: str,
    query: dict[str, str],
) -> dict[str, Any]:
    """Return what the pane shows: the chosen tab's content, and how many there are of each."""
    execution_id = present["execution_id"]
    upto = present["last_event_position"] if past is None else past["as_of"]["position"]
    source = present if past is None else past
    node = None if selected is None else _node(reader, past, execution_id, selected)
    chosen = tab or ("node" if node is not None else "log")
    found: dict[str, Any] = {
        "tab": chosen if node is not None or chosen != "node" else "log",
        "node": node,
        "selected": node["activation"] if node is not None else None,
        "log_count": len(source["logs"]),
        "log_lines": [],
        "run_values": [],
        "events": [],
        "next_events": None,
    }
    if found["tab"] == "node" and node is not None:
        events = reader.rows(
            statement("events_of_activation"), {"stream": stream, "activation": selected, "upto": upto}
        )
        payloads = _payloads(reader, frame, past, execution_id, node)
        found |= _of_node(node, source, events, payloads)
    elif found["tab"] == "log":
        found["log_lines"] = [_line(line) for line in source["logs"][-_LOG_SHOWN:]]
    elif found["tab"] == "data":
        found["run_values"] = _run_values(reader, past, execution_id)
    else:
        after = query.get("after", "0")
        begin = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
        rows = reader.rows(statement("page_of_events"), {"stream": stream, "after": begin, "limit": EVENTS_SHOWN + 1})
        found["events"] = [{**row, "about": visible(row["about"] or "", 80)} for row in rows[:EVENTS_SHOWN]]
        found["next_events"] = rows[EVENTS_SHOWN - 1]["stream_version"] if len(rows) > EVENTS_SHOWN else None
    return found


def _node(reader: Reader, past: Row | None, execution_id: str, selected: str) -> Row | None:
    if past is not None:
        return next((node for node in past["nodes"] if node["activation"] == selected), None)
    return reader.row(statement("node_of_execution"), {"execution_id": execution_id, "activation": selected})


def _payloads(reader: Reader, frame: Frame, past: Row | None, execution_id: str, node: Row) -> list[Row]:
    """Return the values of a node, the error first, each as text of the page."""
    if past is not None:
        return [
            {"name": name, "label": label, "shown": json_value(node[name]), "whole": None, "value": node[name]}
            for name, label in _PAYLOADS.items()
            if node[name] is not None
        ]
    asked = {"execution_id": execution_id, "activation": node["activation"], "most": SHOWN_BYTES}
    rows = {row["name"]: row for row in reader.rows(statement("payloads_of_node"), asked)}
    found = []
    for name, label in _PAYLOADS.items():
        if (row := rows.get(name)) is not None:
            link = frame.links.to("executions", execution_id, "nodes", node["activation"], name)
            found.append({"name": name, "label": label, **_shown(row), "whole": link if row["value"] is None else None})
    return found


def _shown(row: Row) -> Row:
    if row["value"] is None:
        return {"shown": cut(row["beginning"], row["bytes"]), "bytes": size(row["bytes"]), "value": None}
    return {"shown": json_value(row["value"]), "bytes": None, "value": row["value"]}


def _of_node(node: Row, source: Row, events: list[Row], payloads: list[Row]) -> dict[str, Any]:
    tries = attempts_of(
        {**node, "error_data": _error_of(payloads)},
        [row for row in source["attempts"] if row["activation"] == node["activation"]],
    )
    kind = " · ".join(
        visible(part, 60).replace("_", " ").lower() for part in (node["node_type"], node["node_subtype"]) if part
    )
    fields = [
        ("Status", sign(node["status"]), "", set_by(events, "status", node)),
        ("Type", None, kind, None),
        ("Started", None, clock(node["start_time"], fine=True), set_by(events, "start_time", node)),
        ("Took", None, took(node["duration_ms"]), set_by(events, "end_time", node)),
    ]
    return {
        "node_name": visible(node["node_name"] or node["activation"], 120),
        "fields": [field for field in fields if field[1] is not None or field[2]],
        "tries": [
            {
                "at": clock(each.start),
                "error": None if each.error is None else visible(each.error, 300),
                "took": "…" if each.end is None else took(each.end - each.start),
                "sign": sign("ERROR" if each.error is not None else node["status"]),
            }
            for each in tries[-50:]
        ],
        "payloads": [{**row, "event": set_by(events, row["name"], node)} for row in payloads],
        "log_lines": [_line(line) for line in source["logs"] if line["node_id"] == node["node_id"]][-40:],
        "node_events": len(events),
    }


def set_by(events: list[Row], name: str, node: Row) -> int | None:
    """Return the number of the event that set a value of a node, as far as the events' types and fields say.

    No fold runs: it is the last event of the activation after which the value is another one than before.
    """
    if name == "status":
        if node["closed_by"] is not None:
            return None  # the execution's end set it, which is no event of the activation
        return _last_change((event, _STATUS_AFTER.get(event["type"])) for event in events)
    if name == "end_time":
        ends = [event for event in events if event["type"] in _ENDS]
        return ends[-1]["stream_version"] if ends else None
    if name == "start_time":
        starts = [event for event in events if event["type"] == "NodeStarted"]
        return starts[0]["stream_version"] if starts else None
    return _last_change((event, event["fields"].get(name)) for event in events)


def _last_change(values: Iterable[tuple[Row, Any]]) -> int | None:
    """Return the number of the last event that gives another value than the one before; None gives none."""
    found, last = None, None
    for event, value in values:
        if value is not None and value != last:
            found, last = int(event["stream_version"]), value
    return found


def _error_of(payloads: list[Row]) -> Any:
    return next((row["value"] for row in payloads if row["name"] == "error_data"), None)


def _line(line: Row) -> Row:
    level = str(line["level"]).upper()
    tone = "ERROR" if level in ("ERROR", "CRITICAL") else "WARNING" if level.startswith("WARN") else ""
    text = line["user_friendly_message"] or line["message"]
    return {
        "at": clock(line["created_at"]),
        "tone": tone,
        "text": visible(text, 600),
        "node": visible(line["node_id"] or "", 80),
    }


def _run_values(reader: Reader, past: Row | None, execution_id: str) -> list[Row]:
    if past is not None:
        return [
            {"label": label, "shown": json_value(past[name]), "bytes": None}
            for name, label in _RUN.items()
            if past.get(name)
        ]
    rows = reader.rows(statement("run_data"), {"execution_id": execution_id, "most": SHOWN_BYTES})
    return [{"label": _RUN[row["name"]], **_shown(row)} for row in rows]

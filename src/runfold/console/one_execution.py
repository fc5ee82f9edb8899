"""One execution: its facts, what failed or what it waits for, the slider over its events, the timeline, the pane."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from runfold.console import drawings
from runfold.console.bars import message_of
from runfold.console.database import Reader, Row, statement
from runfold.console.frame import Frame, NoSuchPage
from runfold.console.pane import pane_of
from runfold.console.signing_in import Viewer
from runfold.console.timeline import scale_of, timeline
from runfold.console.words import ENDED, clock, count, date_clock, epoch_ms, sign, took, visible
from runfold.errors import InvalidInput, PositionUnavailable
from runfold.events.streams import stream_id
from runfold.reading.outline import MOST_NODES, outline, outline_of
from runfold.reading.status import statement as reading_statement

LOG_LINES = 200
TICKS = 400
KEPT_LOOKS = 32
_TABS = ("node", "log", "data", "events")


class Looks:
    """The last looks at the past: what an execution was after an event never changes, while its rows are folded."""

    def __init__(self, most: int = KEPT_LOOKS) -> None:
        self._kept: OrderedDict[tuple[str, int, int], Row] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def at(self, frame: Frame, execution_id: str, event: int, folded: int) -> Row:
        """Return an execution after an event; `folded` is the position of its row, which a new fold moves."""
        key = (execution_id, event, folded)
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found
        found = frame.database.execution_at(execution_id, event, logs=LOG_LINES)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


def register(app: FastAPI, frame: Frame) -> None:
    """Add the page to the application."""
    looks = Looks()

    @app.get("/executions/{execution_id:name}", include_in_schema=False)
    def page(request: Request, execution_id: str) -> Response:
        viewer = frame.viewer(request)
        query = request.query_params
        event = _number(query.get("event"), "event")
        facts = read_page(frame, looks, viewer, execution_id, event, dict(query))
        template = "execution_body.html" if request.headers.get("hx-request") == "true" else "execution.html"
        return frame.page(request, template, active="executions", **facts)

    @app.get("/executions/{execution_id:name}/nodes/{activation:name}/{name}", include_in_schema=False)
    def payload(request: Request, execution_id: str, activation: str, name: str) -> Response:
        viewer = frame.viewer(request)
        asked = {"execution_id": execution_id, "activation": activation, "name": name}
        with frame.database.reading(viewer) as reader:
            found = reader.row(statement("payload_of_node"), asked)
        if found is None or found["value"] is None:
            raise NoSuchPage
        headers = {"content-disposition": 'attachment; filename="value.json.txt"'}
        return Response(found["value"], media_type="text/plain; charset=utf-8", headers=headers)


_NOTHING: Row = {"version": 0, "last_position": 0, "archived": False}


def read_page(
    frame: Frame, looks: Looks, viewer: Viewer, execution_id: str, event: int | None, query: dict[str, str]
) -> dict[str, Any]:
    """Return what the page of an execution shows, now or after one of its events."""
    stream = stream_id("execution", execution_id)
    with frame.database.reading(viewer) as reader:
        present = read_outline(reader, execution_id)
        last = reader.row(statement("last_of_stream"), {"stream": stream}) or _NOTHING
        bins = _bins(reader, stream, int(last["version"]))
        moment, past = None, None
        if event is not None:
            if not viewer.operates:
                raise NoSuchPage("The past of an execution is for operators in this console")
            moment = reader.row(statement("event_of_version"), {"stream": stream, "version": event})
            if moment is None:
                raise PositionUnavailable(
                    f"execution {execution_id} has no event {event}",
                    hint=f"choose one from 1 to {last['version']}",
                    position=None,
                    safe_head=None,
                )
        failed = reader.row(statement("first_failed_node"), {"execution_id": execution_id})
        question = reader.row(statement("open_question"), {"execution": present["id"]})
        if moment is not None:
            past = looks.at(frame, execution_id, int(moment["stream_version"]), present["last_event_position"])
        shown = present if past is None else outline_of(past)
        tab = query.get("tab") if query.get("tab") in _TABS else None
        selected = query.get("node") or (failed["activation"] if failed and past is None else None)
        pane = pane_of(reader, frame, present, past, selected=selected, tab=tab, stream=stream, query=query)
    linear = query.get("axis") == "linear"
    changes: list[Row] = []
    if moment is not None and past is not None:
        changes = _changes(frame, looks, present, past, int(moment["stream_version"]))
    facts = _facts(present, shown, moment, last, bins, linear=linear)
    return {
        **facts,
        "cause": _cause(present, failed) if past is None else None,
        "question": _question(question) if past is None and present["status"] == "WAITING_FOR_HUMAN" else None,
        "changes": changes,
        **pane,
    }


def read_outline(reader: Reader, execution_id: str) -> Row:
    """Return an execution's outline as the viewer may see it; raises UnknownExecution."""

    def ask(name: str, parameters: Row) -> list[Row]:
        return reader.rows(reading_statement(name).replace("{tables}", "public"), parameters, prepare=False)

    if len(execution_id) > 255 or "\0" in execution_id:
        raise NoSuchPage("There is no execution with such an id")
    return outline(ask, execution_id, logs=LOG_LINES, most=MOST_NODES, with_log=reader.viewer.operates)


def _facts(
    present: Row, shown: Row, moment: Row | None, last: Row, bins: list[tuple[int, int, str]], *, linear: bool
) -> dict[str, Any]:
    real_now = time.time() * 1000
    scale = scale_of(present, real_now, linear=linear)
    now = real_now if moment is None else epoch_ms(moment["occurred_at"])
    lines = timeline(shown, scale, now)
    chosen = None if moment is None else int(moment["stream_version"])
    return {
        "execution": present,
        "shown": shown,
        "title": visible(present["execution_id"], 255),
        "sign_now": sign(shown["status"]),
        "facts": _about(present, shown, last, now),
        "moment": moment,
        "event": chosen,
        "last": int(last["version"]),
        "archived": last["archived"],
        "ticks": drawings.ticks(bins, int(last["version"]), chosen),
        "axis": drawings.axis(scale),
        "backdrop": drawings.backdrop(scale, future_from=None if moment is None else now),
        "log_lane": drawings.log_lane(shown["logs"], scale),
        "timeline": lines,
        "linear": linear,
        "folds": bool(scale.folds),
        "open": present["status"] not in ENDED,
    }


def _about(present: Row, shown: Row, last: Row, now: float) -> list[tuple[str, str, bool]]:
    """Return the facts above the page: name, value, and whether a phone shows them."""
    began = present["start_time"] or epoch_ms(present["created_at"])
    lasted = took(shown["duration_ms"]) if shown["status"] in ENDED else f"{took(max(now - began, 0))} so far"
    found = [
        ("Started", date_clock(began), True),
        ("Took", lasted, True),
        ("By", visible(present["trigger_subtype"] or present["mode"] or "", 60).lower(), True),
        ("Nodes", count(present["node_count"]), False),
        ("Events", count(last["version"]), False),
    ]
    if present["deployment_version"] is not None:
        found.append(("Deployment", f"v{present['deployment_version']}", False))
    for name, value in list((present["metadata"] or {}).items())[:3]:
        if isinstance(value, (str, int, float)):
            found.append((visible(name, 30), visible(value, 40), False))
    return found


def _cause(present: Row, failed: Row | None) -> Row | None:
    """Return why an execution failed: the node, its message, how often it was tried, when."""
    if present["status"] not in ("ERROR", "TIMEOUT"):
        return None
    if failed is None or failed["status"] != "ERROR":
        text = present["error_message"] or "No message was recorded"
        return {"name": sign(present["status"]).word, "message": visible(text, 400), "tries": None, "at": None}
    tries = failed["retry_count"] + 1
    return {
        "name": f"{visible(failed['node_name'] or failed['activation'], 80)} failed",
        "message": visible(message_of(failed["error_data"]) or present["error_message"] or "", 400),
        "tries": f"after {tries} attempt{'' if tries == 1 else 's'}",
        "at": failed["end_time"],
    }


def _question(question: Row | None) -> Row | None:
    if question is None:
        return None
    data = question["request_data"] if isinstance(question["request_data"], dict) else {}
    asked = next((data[name] for name in ("question", "title", "prompt", "message") if data.get(name)), None)
    return {**question, "asked": visible(asked or question["interaction_type"], 300)}


def _bins(reader: Reader, stream: str, last: int) -> list[tuple[int, int, str]]:
    """Return the slider's marks: one an event, and above 400 events one for as many as fit."""
    if last <= TICKS:
        rows = reader.rows(statement("events_of_execution"), {"stream": stream})
        return [(row["stream_version"], row["stream_version"], drawings.tone_of_event(row["type"])) for row in rows]
    rows = reader.rows(statement("bins_of_execution"), {"stream": stream, "last": last, "bins": TICKS})
    found: dict[int, str] = {}
    order = ("error", "timeout", "retrying", "waiting", "success", "running", "canceled", "idle")
    for row in rows:
        tone = drawings.tone_of_event(row["type"])
        number = int(row["bin"])
        found[number] = min(found.get(number, "idle"), tone, key=order.index)
    return [
        (number * last // TICKS + 1, max((number + 1) * last // TICKS, 1), found[number]) for number in sorted(found)
    ]


_COMPARED = ("status", "start_time", "end_time", "duration_ms", "error_message", "attempt", "retry_count")
_PAYLOADS = ("input_data", "output_data", "error_data", "run_data")


def _changes(frame: Frame, looks: Looks, present: Row, past: Row, event: int) -> list[Row]:
    """Return the cells that an event changed: what they were after the event before it, and what they are after it."""
    before: Row = {"nodes": []}
    if event > 1:
        before = looks.at(frame, present["execution_id"], event - 1, present["last_event_position"])
    found = _changed("", before, past)
    nodes = {node["activation"]: node for node in before["nodes"]}
    for node in past["nodes"]:
        found += _changed(f"{node['activation']}.", nodes.get(node["activation"], {}), node)
    return found[:12]


def _changed(prefix: str, before: Row, after: Row) -> list[Row]:
    found = []
    for name in (*_COMPARED, *_PAYLOADS):
        was, is_ = before.get(name), after.get(name)
        if was == is_ or name not in after:
            continue
        found.append({"cell": visible(f"{prefix}{name}", 80), "before": _said(name, was), "after": _said(name, is_)})
    return found


def _said(name: str, value: Any) -> str | None:
    """Return a cell in a few words; of a payload only that there is one."""
    if value is None:
        return None
    if name in _PAYLOADS:
        return "set"
    if name.endswith("_time"):
        return clock(value, fine=True)
    return took(value) if name == "duration_ms" else visible(value, 40)


def _number(text: str | None, name: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 19 and int(text) > 0):
        raise InvalidInput(
            f"{text!r} is not a number of an event", hint="give one from 1", code="invalid_event", pointer=name
        )
    return int(text)

"""The pages for those who operate the store: what is stuck, workflows, projections, parked streams, the log, growth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response

from runfold.console.database import Reader, Row, statement
from runfold.console.frame import Frame
from runfold.console.river import river, state_of
from runfold.console.values import json_value
from runfold.console.words import sign, took, visible
from runfold.errors import InvalidInput, StreamNotParked
from runfold.reading.anomalies import list_anomalies
from runfold.reading.executions import read_execution
from runfold.reading.past.compare import diff_executions
from runfold.reading.past.why import why
from runfold.reading.status import read_parking, read_projections, read_status
from runfold.reading.stuck import find_stuck

IDLE = timedelta(minutes=10)
STUCK_SHOWN = 50
LOG_PAGE = 100
WORKFLOWS_SHOWN = 50
ANOMALIES_SHOWN = 20
_DIFF_NODES = 60


def register(app: FastAPI, frame: Frame) -> None:
    """Add the pages to the application."""
    _projections(app, frame)
    _stuck(app, frame)
    _workflows(app, frame)
    _log(app, frame)
    _growth(app, frame)
    _questions_of_the_past(app, frame)


def _projections(app: FastAPI, frame: Frame) -> None:
    @app.get("/projections", include_in_schema=False)
    def page(request: Request) -> Response:
        with frame.database.reading(frame.operator(request)) as reader:
            status = read_status(reader.connection, frame.database.catalogue)
            tables = read_projections(reader.connection, frame.database.catalogue)
            sizes = reader.rows(statement("sizes"), {"names": [row["table"] for row in tables]})
            rebuilds = reader.rows(statement("rebuilds"))
            anomalies = list_anomalies(reader.connection, limit=ANOMALIES_SHOWN)
        rows_of = {row["name"]: row["n"] for row in sizes}
        tables.sort(key=lambda row: not row["verified_differences"])
        drawn = river(
            status["groups"],
            verified=status["verified"]["position"],
            safe_head=status["safe_head"],
            head=status["head"],
        )
        return frame.page(
            request,
            "projections.html",
            active="projections",
            status=status,
            river=drawn,
            states=[(group["group"], state_of(group)) for group in status["groups"]],
            tables=[{**row, "rows": rows_of.get(row["table"])} for row in tables],
            rebuilds=rebuilds,
            anomalies=anomalies,
        )

    @app.get("/parked/{stream:name}", include_in_schema=False)
    def parked(request: Request, stream: str) -> Response:
        with frame.database.reading(frame.operator(request)) as reader:
            rows = read_parking(reader.connection, frame.database.catalogue, stream)
        if not rows:
            raise StreamNotParked(
                f"{visible(stream, 200)} is not parked", hint="the page of projections has those that are"
            )
        for row in rows:
            row["data"] = None if row["event"] is None else json_value(row["event"]["data"])
        return frame.page(request, "parked.html", active="projections", stream=visible(stream, 300), parkings=rows)


def _stuck(app: FastAPI, frame: Frame) -> None:
    @app.get("/stuck", include_in_schema=False)
    def page(request: Request) -> Response:
        with frame.database.reading(frame.operator(request)) as reader:
            found = find_stuck(reader.connection, IDLE, limit=STUCK_SHOWN)
        return frame.page(request, "stuck.html", active="stuck", stuck=found, idle="10 minutes", shown=STUCK_SHOWN)


def _workflows(app: FastAPI, frame: Frame) -> None:
    @app.get("/workflows", include_in_schema=False)
    def page(request: Request) -> Response:
        with frame.database.reading(frame.viewer(request)) as reader:
            rows = read_workflows(reader)
        return frame.page(request, "workflows.html", active="workflows", workflows=rows)


def read_workflows(reader: Reader) -> list[Row]:
    """Return the workflows that ran last, with what became of the last seven days' executions, by the hour fold."""
    since = datetime.now(UTC) - timedelta(days=7)
    rows = reader.rows(statement("workflows"), {"since": since, "limit": WORKFLOWS_SHOWN})
    return [
        {**row, "sign": sign(row["latest_status"]), "named": visible(row["workflow"] or row["workflow_id"], 120)}
        for row in rows
    ]


def _log(app: FastAPI, frame: Frame) -> None:
    @app.get("/log", include_in_schema=False)
    def page(request: Request) -> Response:
        query = request.query_params
        before = _position(query.get("before"))
        with frame.database.reading(frame.operator(request)) as reader:
            rows = read_log(reader, before, stream=query.get("stream"), type_=query.get("type"))
        return frame.page(
            request,
            "log.html",
            active="log",
            events=rows[:LOG_PAGE],
            before=before,
            older=rows[LOG_PAGE - 1]["position"] if len(rows) > LOG_PAGE else None,
            stream=query.get("stream", ""),
            type=query.get("type", ""),
        )


def read_log(reader: Reader, before: int | None, *, stream: str | None = None, type_: str | None = None) -> list[Row]:
    """Return the newest events before a position, of a stream or a type if given, and one more behind the page."""
    name = "log_of_stream" if stream else "log_page"
    asked = {"before": before, "stream": stream or None, "type": type_ or None, "limit": LOG_PAGE + 1}
    rows = reader.rows(statement(name), asked, prepare=False)
    return [{**row, "about": visible(row["about"] or "", 80), "stream": visible(row["stream_id"], 120)} for row in rows]


def _growth(app: FastAPI, frame: Frame) -> None:
    @app.get("/growth", include_in_schema=False)
    def page(request: Request) -> Response:
        with frame.database.reading(frame.operator(request)) as reader:
            tables = reader.rows(statement("growth_tables"))
            retention = reader.rows(statement("growth_retention"))
            workflows = reader.rows(statement("growth_workflows"), {"limit": 20})
        return frame.page(
            request, "growth.html", active="growth", tables=tables, retention=retention, workflows=workflows
        )


def _questions_of_the_past(app: FastAPI, frame: Frame) -> None:
    @app.get("/why/{table}/{key:name}/{column}", include_in_schema=False)
    def why_page(request: Request, table: str, key: str, column: str) -> Response:
        frame.operator(request)
        with frame.database.past() as connection:
            found = why(connection, frame.database.catalogue, table, key, column)
        return frame.page(
            request,
            "why.html",
            active="",
            why=found,
            before=json_value(found.before),
            after=json_value(found.after),
            data=json_value(found.event.get("data")),
        )

    @app.get("/executions/{first:name}/diff/{second:name}", include_in_schema=False)
    def diff_page(request: Request, first: str, second: str) -> Response:
        with frame.database.reading(frame.operator(request)) as reader:
            found = diff_executions(
                read_execution(reader.connection, first, logs=0), read_execution(reader.connection, second, logs=0)
            )
        return frame.page(request, "diff.html", active="executions", **_diff_facts(found))


def _diff_facts(found: Row) -> dict[str, Any]:
    differing = [_side_by_side(node) for node in found["nodes"] if node["differs"]]
    sides = [found["execution"]["first"], found["execution"]["second"]]
    return {
        "same": found["same"],
        "sides": [{**side, "sign": sign(side["status"]), "lasted": took(side["duration_ms"])} for side in sides],
        "changes": [_change(change) for change in found["execution"]["changes"]],
        "divergence": None if found["first_divergence"] is None else _side_by_side(found["first_divergence"])["name"],
        "nodes": differing[:_DIFF_NODES],
        "left_out": max(len(differing) - _DIFF_NODES, 0),
        "alike": len(found["nodes"]) - len(differing),
    }


def _side_by_side(node: Row) -> Row:
    name = (node["first"] or node["second"] or {}).get("activation") or node.get("node_id") or ""
    signs = [None if node[side] is None else sign(node[side]["status"]) for side in ("first", "second")]
    changes = [_change(change) for change in node["changes"]][:20]
    return {"name": visible(name, 200), "signs": signs, "differs": node["differs"], "changes": changes}


def _change(change: Row) -> Row:
    def said(side: str) -> str | None:
        if change.get("only_in") not in (None, side):
            return None
        value = change.get(side)
        return visible(value if isinstance(value, str) else orjson.dumps(value, default=str).decode(), 300)

    return {"path": visible(change["path"], 200), "first": said("first"), "second": said("second")}


def _position(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise InvalidInput(f"{text!r} is not a position", hint="give a whole number", code="invalid_position")
    return int(text)

"""The same as JSON below `/api/v1`: what the pages show, by the same functions, with an OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import FastAPI, Path, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from runfold.console.database import Row
from runfold.console.executions import read_page, workflow_of
from runfold.console.filters import FIELDS, Tokens
from runfold.console.frame import Frame
from runfold.console.inbox import read_questions, read_unmatched
from runfold.console.one_execution import read_outline
from runfold.console.store_pages import LOG_PAGE, read_log, read_workflows
from runfold.reading.status import read_projections


class Page(BaseModel):
    """A page of a list: its rows, and the `after` of the next page, null on the last one."""

    rows: list[dict[str, Any]]
    after: str | None


class Execution(BaseModel):
    """An execution with its nodes, without payloads; see `read_execution_outline`."""

    model_config = ConfigDict(extra="allow")

    execution_id: str
    workflow_id: UUID
    status: str
    nodes: list[dict[str, Any]]
    families: list[dict[str, Any]]
    created_at: datetime


class Problem(BaseModel):
    """What is wrong, and what to do."""

    error: dict[str, Any]


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request is not valid."},
    401: {"model": Problem, "description": "Sign in with a token."},
    404: {"model": Problem, "description": "There is no such thing, or it is another tenant's."},
    421: {"description": "The Host is not the console's."},
    503: {"model": Problem, "description": "The database is away or busy."},
    504: {"model": Problem, "description": "The statement took more than two seconds."},
}
_After = Annotated[str | None, Query(max_length=60, description="the `after` of the page before")]
_Limit = Annotated[int, Query(ge=1, le=200)]


def answer(value: Any) -> Response:
    """Return a value as JSON."""
    text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z, default=str)
    return Response(text, media_type="application/json")


def register(app: FastAPI, frame: Frame) -> None:
    """Add the addresses to the application."""
    _of_executions(app, frame)
    _of_the_store(app, frame)


def _of_executions(app: FastAPI, frame: Frame) -> None:
    @app.get("/api/v1/executions", response_model=Page, responses=_PROBLEMS, summary="Executions, the newest first")
    def executions(
        request: Request,
        status: Annotated[str | None, Query(max_length=50)] = None,
        workflow: Annotated[str | None, Query(max_length=255, description="its id or its name")] = None,
        trigger: Annotated[str | None, Query(max_length=100)] = None,
        mode: Annotated[str | None, Query(max_length=50)] = None,
        parent: Annotated[str | None, Query(max_length=255)] = None,
        min: Annotated[str | None, Query(max_length=20, description="it took so long: 10s, 5m")] = None,  # noqa: A002
        error: Annotated[str | None, Query(max_length=200, description="a part of the error message")] = None,
        since: Annotated[str | None, Query(max_length=40)] = None,
        until: Annotated[str | None, Query(max_length=40)] = None,
        after: _After = None,
        limit: _Limit = 50,
    ) -> Response:
        given = (status, workflow, trigger, mode, parent, min, error, since, until)
        tokens = Tokens({field: value for field, value in zip(FIELDS, given, strict=True) if value})
        with frame.database.reading(frame.viewer(request)) as reader:
            wanted = tokens.filter(workflow_of(reader, tokens.values.get("workflow")))
            rows = read_page(reader, wanted, after, limit)
        return answer(_page(rows, limit))

    @app.get(
        "/api/v1/executions/{execution_id:name}",
        response_model=Execution,
        responses=_PROBLEMS,
        summary="One execution, in a bounded number of rows",
    )
    def execution(request: Request, execution_id: Annotated[str, Path(max_length=255)]) -> Response:
        with frame.database.reading(frame.viewer(request)) as reader:
            return answer(read_outline(reader, execution_id))

    @app.get("/api/v1/inbox", response_model=Page, responses=_PROBLEMS, summary="Open questions, by deadline")
    def inbox(request: Request, after: _After = None, limit: _Limit = 50) -> Response:
        with frame.database.reading(frame.viewer(request)) as reader:
            return answer(_page(read_questions(reader, after, limit), limit))

    @app.get("/api/v1/unmatched", response_model=Page, responses=_PROBLEMS, summary="Answers that match no question")
    def unmatched(request: Request) -> Response:
        with frame.database.reading(frame.viewer(request)) as reader:
            return answer({"rows": read_unmatched(reader), "after": None})

    @app.get("/api/v1/workflows", response_model=Page, responses=_PROBLEMS, summary="Workflows, the latest first")
    def workflows(request: Request) -> Response:
        with frame.database.reading(frame.viewer(request)) as reader:
            rows = [{k: v for k, v in row.items() if k not in ("sign", "named")} for row in read_workflows(reader)]
        return answer({"rows": rows, "after": None})


def _of_the_store(app: FastAPI, frame: Frame) -> None:
    @app.get("/api/v1/status", response_model=dict[str, Any], responses=_PROBLEMS, summary="How far the rows are true")
    def status(request: Request) -> Response:
        viewer = frame.viewer(request)
        trust = frame.trust.current()
        if trust.error is not None:
            raise trust.error
        short = {
            "state": trust.word,
            "as_of": trust.as_of,
            "lag_events": trust.lag_events,
            "lag_seconds": trust.lag_seconds,
        }
        return answer({**short, **({"status": trust.status} if viewer.operates else {})})

    @app.get(
        "/api/v1/projections",
        response_model=Page,
        responses=_PROBLEMS,
        summary="Read tables, and when they were verified",
    )
    def projections(request: Request) -> Response:
        with frame.database.reading(frame.operator(request)) as reader:
            return answer({"rows": read_projections(reader.connection, frame.database.catalogue), "after": None})

    @app.get("/api/v1/log", response_model=Page, responses=_PROBLEMS, summary="Events, the newest first")
    def log(
        request: Request,
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
        stream: Annotated[str | None, Query(max_length=300)] = None,
        type: Annotated[str | None, Query(max_length=100)] = None,  # noqa: A002
    ) -> Response:
        with frame.database.reading(frame.operator(request)) as reader:
            rows = read_log(reader, before, stream=stream, type_=type)
        return answer(
            {"rows": rows[:LOG_PAGE], "after": str(rows[LOG_PAGE - 1]["position"]) if len(rows) > LOG_PAGE else None}
        )


def _page(rows: list[Row], limit: int) -> Row:
    return {"rows": rows[:limit], "after": rows[limit - 1]["page_token"] if len(rows) > limit else None}

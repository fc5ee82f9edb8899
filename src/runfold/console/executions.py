"""The list of executions: tabs by status, a filter, what became of them by hour, pages by keyset."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import FastAPI, Request
from markupsafe import Markup
from starlette.responses import JSONResponse, RedirectResponse, Response

from runfold.console import svg
from runfold.console.database import Reader, Row, statement
from runfold.console.drawings import log_bar
from runfold.console.filters import Tokens
from runfold.console.frame import Frame
from runfold.console.words import ENDED, clock, day, epoch_ms, sign, took, visible
from runfold.reading.executions import Filter, executions
from runfold.reading.ids import as_uuid, find_id
from runfold.reading.pages import PageToken

PAGE = 50
COUNTED_TO = 1000
TABS = ("SUCCESS", "ERROR", "RUNNING", "WAITING_FOR_HUMAN", "TIMEOUT", "CANCELED")
_BARS = 72
_SHORTEST_ID = 4


def register(app: FastAPI, frame: Frame) -> None:
    """Add the pages to the application."""

    @app.get("/executions", include_in_schema=False)
    def page(request: Request) -> Response:
        viewer = frame.viewer(request)
        query = request.query_params
        tokens = Tokens.of(query)
        with frame.database.reading(viewer) as reader:
            if (found := _execution_named(reader, query.get("q", ""))) is not None:
                return RedirectResponse(frame.links.to("executions", found), 303)
            wanted = tokens.filter(workflow_of(reader, tokens.values.get("workflow")))
            rows = read_page(reader, wanted, query.get("after"))
            counts = _counts(reader)
            hours = _hours(reader, wanted.workflow_id)
            total = reader.row(statement("size_of_table"), {"table": "public.workflow_executions"})
        return frame.page(
            request,
            "executions.html",
            active="executions",
            days=by_day([_shown(row) for row in rows[:PAGE]]),
            newest=rows[0]["page_token"] if rows and not query.get("after") else None,
            older=rows[PAGE - 1]["page_token"] if len(rows) > PAGE else None,
            after=query.get("after"),
            tokens=tokens,
            tabs=[(status, sign(status), counts.get(status, 0)) for status in TABS],
            counted_to=COUNTED_TO,
            total=int(total["n"]) if total and viewer.operates else 0,
            histogram=histogram(hours),
            empty=not rows,
        )

    @app.get("/executions/newer", include_in_schema=False)
    def newer(request: Request, than: str) -> Response:
        viewer = frame.viewer(request)
        token = PageToken.parse(than)
        with frame.database.reading(viewer) as reader:
            found = reader.row(statement("newer_executions"), {"time": token.time, "id": token.id})
        return JSONResponse({"newer": int(found["n"]) if found else 0})


def read_page(reader: Reader, wanted: Filter, after: str | None, limit: int = PAGE) -> list[Row]:
    """Return the rows of a page and one more, which says that there are others behind it."""
    place = None if not after else PageToken.parse(after)
    listing = executions(wanted, after=place, limit=limit + 1)
    return listing.with_tokens(reader.rows(listing.statement, listing.parameters, prepare=False))


def workflow_of(reader: Reader, text: str | None) -> UUID | None:
    """Return the workflow of which an id, its beginning or its name was given; raises UnknownId."""
    if not text:
        return None
    if (whole := as_uuid(text)) is not None:
        return whole
    if found := reader.rows(statement("workflows_named"), {"name": text, "limit": 1}):
        return UUID(str(found[0]["id"]))
    return UUID(find_id(reader.connection, "workflow", text))


def _execution_named(reader: Reader, text: str) -> str | None:
    """Return the execution whose id a person wrote, or of which this is the only beginning."""
    text = text.strip()
    if len(text) < _SHORTEST_ID or any(letter in text for letter in " :\0") or len(text) > 255:
        return None
    asked = {"beginning": text, "beyond": text + "\U0010ffff", "limit": 2}
    found = [str(row["execution_id"]) for row in reader.rows(statement("executions_that_begin"), asked)]
    return found[0] if found and (len(found) == 1 or found[0] == text) else None


def _counts(reader: Reader) -> dict[str, int]:
    asked = {"statuses": list(TABS), "most": COUNTED_TO + 1}
    return {row["status"]: int(row["n"]) for row in reader.rows(statement("status_counts"), asked)}


def _hours(reader: Reader, workflow: UUID | None) -> list[Row]:
    newest = reader.row(statement("newest_execution"))
    until = (newest["created_at"] if newest else datetime.now(UTC)).astimezone(UTC)
    until = until.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    since = until - timedelta(hours=_BARS)
    found = reader.rows(statement("hours"), {"since": since, "until": until, "workflow": workflow})
    by_hour = {row["hour"]: row for row in found}
    empty = {"created": 0, "succeeded": 0, "failed": 0, "canceled": 0, "timed_out": 0}
    hours = [since + timedelta(hours=number) for number in range(_BARS)]
    return [{**empty, **by_hour.get(hour, {}), "hour": hour} for hour in hours]


def histogram(hours: Sequence[Row]) -> Row:
    """Return the drawing of what became of executions by hour, with the labels of its axis."""
    most = max((row["created"] for row in hours), default=0)
    parts: list[Markup] = []
    width = 100 / max(len(hours), 1)
    for number, row in enumerate(hours):
        still_open = row["created"] - sum(row[name] for name in ("succeeded", "failed", "canceled", "timed_out"))
        stack = (
            ("success", row["succeeded"], 0.45),
            ("error", row["failed"], 0.95),
            ("timeout", row["timed_out"], 0.95),
            ("canceled", row["canceled"], 0.95),
            ("running", still_open, 0.95),
        )
        top = 50.0
        for tone, number_of, opacity in stack:
            if number_of <= 0:
                continue
            height = max(46 * number_of / most, 1.5)
            top -= height
            parts.append(
                svg.element(
                    "rect",
                    svg.element("title", f"{row['hour']:%a %H:%M} {number_of:,} {_WORDS[tone]}"),
                    x=svg.percent(number * width),
                    width=svg.percent(width * 0.86),
                    y=max(top, 0),
                    height=height,
                    class_=f"x-{tone}",
                    fill_opacity=opacity,
                )
            )
    if not hours:
        return {"drawing": Markup(""), "labels": [], "most": 0}
    places = (0, len(hours) // 2, len(hours) - 1)
    labels = [f"{hours[place]['hour']:%a %H:%M}" for place in places]
    return {"drawing": svg.joined(parts), "labels": labels, "most": most}


_WORDS = {"success": "succeeded", "error": "failed", "timeout": "timed out", "canceled": "canceled", "running": "open"}


def _shown(row: Row) -> Row:
    """Return a row with what is drawn of it."""
    now = time.time() * 1000
    open_ = row["status"] not in ENDED
    began = row["start_time"] or epoch_ms(row["created_at"])
    lasted = took(row["duration_ms"]) if not open_ else (took(max(now - began, 0)) + "…" if row["start_time"] else "…")
    how = row["trigger_subtype"] or row["mode"] or ""
    return {
        **row,
        "sign": sign(row["status"]),
        "began": began,
        "clock": clock(began),
        "day": day(began),
        "lasted": lasted,
        "open": open_,
        "bar": Markup("") if open_ else log_bar(row["duration_ms"], sign(row["status"]).tone),
        "how": visible(how, 40).lower(),
        "named": visible(row["workflow"] or row["workflow_id"], 80),
        "said": "" if row["error_message"] is None else visible(row["error_message"], 240),
    }


def by_day(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Return the rows in their order, under the day on which each began."""
    found: list[tuple[str, list[Row]]] = []
    for row in rows:
        if not found or found[-1][0] != row["day"]:
            found.append((row["day"], []))
        found[-1][1].append(row)
    return found

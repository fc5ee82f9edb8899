"""The inbox: questions that wait for a person by their deadline, and answers that match nothing yet above them."""

from __future__ import annotations

import time
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from runfold.console.database import Reader, Row
from runfold.console.frame import Frame
from runfold.console.words import epoch_ms, took, visible
from runfold.reading.lists import interactions
from runfold.reading.pages import PageToken
from runfold.reading.responses import responses

PAGE = 30
UNMATCHED = 20
_SOON_MS = 3_600_000
_SUMMARIES = ("summary", "description", "context")
_LABELS = ("label", "text", "value")


def register(app: FastAPI, frame: Frame) -> None:
    """Add the page to the application."""

    @app.get("/inbox", include_in_schema=False)
    def page(request: Request) -> Response:
        viewer = frame.viewer(request)
        after = request.query_params.get("after")
        with frame.database.reading(viewer) as reader:
            questions = read_questions(reader, after)
            answers = [] if after else read_unmatched(reader)
        return frame.page(
            request,
            "inbox.html",
            active="inbox",
            questions=[_question(row) for row in questions[:PAGE]],
            answers=[_answer(row) for row in answers],
            next_page=questions[PAGE - 1]["page_token"] if len(questions) > PAGE else None,
        )


def read_questions(reader: Reader, after: str | None, limit: int = PAGE) -> list[Row]:
    """Return the open questions of a page by deadline, and one more."""
    place = None if not after else PageToken.parse(after)
    listing = interactions(status="pending", after=place, limit=limit + 1)
    return listing.with_tokens(reader.rows(listing.statement, listing.parameters, prepare=False))


def read_unmatched(reader: Reader) -> list[Row]:
    """Return the newest answers that match no question yet."""
    listing = responses(status="unprocessed", limit=UNMATCHED)
    return reader.rows(listing.statement, listing.parameters, prepare=False)


def _question(row: Row) -> Row:
    data = row["request_data"] if isinstance(row["request_data"], dict) else {}
    left = None if row["timeout_at"] is None else epoch_ms(row["timeout_at"]) - time.time() * 1000
    summary = next((data[name] for name in _SUMMARIES if isinstance(data.get(name), str)), "")
    asked = next((data[name] for name in ("question", "title", "prompt", "message") if data.get(name)), None)
    return {
        **row,
        "asked": visible(asked or row["interaction_type"].replace("_", " "), 400),
        "summary": visible(summary, 400),
        "options": _options(data),
        "left": None if left is None else took(abs(left)),
        "late": left is not None and left < 0,
        "soon": left is not None and 0 <= left < _SOON_MS,
        "named": visible(row["workflow"] or row["workflow_id"], 80),
        "kind": " · ".join(filter(None, (row["interaction_type"].replace("_", " "), row["channel_type"]))),
    }


def _options(data: Row) -> list[str]:
    found: list[Any] = []
    for name in ("options", "actions", "choices"):
        if isinstance(data.get(name), list):
            found = data[name]
            break
    texts = [next(filter(None, map(each.get, _LABELS)), None) if isinstance(each, dict) else each for each in found]
    return [visible(text, 40) for text in texts if text not in (None, "")][:9]


def _answer(row: Row) -> Row:
    payload = row["raw_payload"] if isinstance(row["raw_payload"], dict) else {}
    text = next((payload[name] for name in ("text", "body", "message", "subject") if payload.get(name)), None)
    sender = next((payload[name] for name in ("from", "user", "sender") if isinstance(payload.get(name), str)), None)
    return {
        **row,
        "text": visible(text if text is not None else payload, 300),
        "sender": "" if sender is None else visible(sender, 80),
        "named": visible(row["workflow"] or row["workflow_id"], 80),
    }

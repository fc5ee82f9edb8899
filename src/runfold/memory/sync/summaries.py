# Generated from ../aio/summaries.py by `make sync`: edit that file, never this one.
"""Summaries of a conversation, each linked to the one before, and what a model is given of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args
from uuid import UUID

import orjson

from runfold.memory import checks
from runfold.memory.rows import Context, Message, Summary, SummaryType
from runfold.memory.sync.conversation import MAX_MESSAGES, MAX_TOKENS
from runfold.memory.sync.session import Part, Session, rows_of


class Summaries(Part):
    """The summaries of one session. They are made by a model of yours: runfold keeps them."""

    def __init__(self, session: Session, user_id: UUID, session_id: str, *, service: bool) -> None:
        super().__init__(session, user_id, service=service)
        self.session_id = checks.name(session_id, "/session_id")

    def summarize(
        self,
        text: str,
        *,
        upto: int | None = None,
        key_points: Sequence[Any] = (),
        entities: Sequence[Any] = (),
        topics: Sequence[Any] = (),
        kind: SummaryType = "progressive",
        tokens: int | None = None,
        model: str | None = None,
        confidence: float = 0.0,
    ) -> Summary:
        """Return the summary as it was added, linked to the one before it.

        `upto` is the place of the last message that it covers, and the newest without it. Raises InvalidInput, with
        the code `summary_ahead` for a place that the conversation has not reached.
        """
        content: dict[str, Any] = {
            "summary": checks.text(text, "/text"),
            "key_points": orjson.loads(checks.json_text(list(key_points), "/key_points", "array")),
            "entities": orjson.loads(checks.json_text(checks.items(entities, "/entities"), "/entities", "array")),
            "topics": orjson.loads(checks.json_text(checks.items(topics, "/topics"), "/topics", "array")),
            "summary_type": checks.one_of(kind, "/kind", get_args(SummaryType)),
            "token_count": None if tokens is None else checks.integer(tokens, "/tokens", 0, 2**31 - 1),
            "model_used": checks.optional_name(model, "/model", 100),
            "confidence_score": checks.share(confidence, "/confidence"),
        }
        (row,) = self._fetch(
            "add_summary",
            session=self.session_id,
            content=orjson.dumps(content).decode(),
            upto=None if upto is None else checks.integer(upto, "/upto", 0, 2**31 - 1),
        )
        return Summary(**row)

    def context(self, max_tokens: int = 4000, max_messages: int = 100) -> Context:
        """Return the newest summary, and the newest messages after it that fit into the tokens that it leaves.

        The summary is always there, even where it alone is longer; then no message is.
        """
        rows = self._fetch(
            "conversation_context",
            session=self.session_id,
            max_tokens=checks.integer(max_tokens, "/max_tokens", 0, MAX_TOKENS),
            max_messages=checks.integer(max_messages, "/max_messages", 1, MAX_MESSAGES),
        )
        summary, message = rows_of(rows, "summary_"), rows_of(rows, "message_")
        return Context(
            Summary(**summary[0]) if summary[0]["id"] is not None else None,
            [Message(**row) for row in message if row["id"] is not None],
        )

    def newest(self) -> Summary | None:
        """Return the newest summary, or None."""
        rows = self.history(limit=1)
        return rows[0] if rows else None

    def history(self, limit: int = 20) -> list[Summary]:
        """Return the summaries, the newest first."""
        limit = checks.integer(limit, "/limit", 1, 1000)
        return [Summary(**row) for row in self._fetch("summaries", session=self.session_id, limit=limit)]

    def clear(self, before: int | None = None, *, everything: bool = False) -> int:
        """Delete the summaries before a `sequence`, or all with `everything`, and return how many.

        Raises FilterMissing without either.
        """
        if not everything:
            checks.some_filter(before=before, everything=None)
            before = checks.integer(before, "/before", 1, 2**31 - 1)
        return self._count("clear_summaries", session=self.session_id, before=None if everything else before)

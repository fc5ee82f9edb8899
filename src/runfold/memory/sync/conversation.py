# Generated from ../aio/conversation.py by `make sync`: edit that file, never this one.
"""The messages of a conversation, in order, and the newest of them that a model has room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import orjson

from runfold.events.faults import fault
from runfold.memory import checks
from runfold.memory.rows import Message, Role
from runfold.memory.sync.session import Part, Session

MAX_TOKENS = 100_000_000
MAX_MESSAGES = 1000
_FIELDS = ("role", "content", "tokens", "metadata", "at")


class Conversation(Part):
    """The messages of one session."""

    def __init__(self, session: Session, user_id: UUID, session_id: str, *, service: bool) -> None:
        super().__init__(session, user_id, service=service)
        self.session_id = checks.name(session_id, "/session_id")

    def add(
        self,
        role: Role,
        content: str,
        *,
        tokens: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        ttl: timedelta | None = None,
    ) -> Message:
        """Return the message as it was added at the end of the conversation.

        `tokens` is its length as the model counts it; without it, a quarter of the characters is taken. `at` is when
        it was said, and now without it. With `ttl` it is not read after that time. Raises InvalidInput.
        """
        message = {"role": role, "content": content, "tokens": tokens, "metadata": metadata, "at": at}
        (added,) = self.add_many([message], ttl=ttl)
        return added

    def add_many(self, messages: Iterable[Mapping[str, Any]], *, ttl: timedelta | None = None) -> list[Message]:
        """Return up to 1,000 messages as they were added, in their order and next to each other.

        Each is a mapping with `role` and `content`, and `tokens`, `metadata` and `at` as in `add`.
        """
        given = [_checked(message, f"/{place}") for place, message in enumerate(checks.items(messages, ""))]
        checks.integer(len(given), "", 1, MAX_MESSAGES)
        rows = self._fetch(
            "add_messages", session=self.session_id, messages=orjson.dumps(given).decode(), ttl=checks.life(ttl)
        )
        return [Message(**row) for row in rows]

    def window(self, max_tokens: int = 4000, max_messages: int = 100) -> list[Message]:
        """Return the newest messages that fit into so many tokens together, the oldest of them first.

        It ends before the first message that does not fit: a conversation has no holes.
        """
        rows = self._fetch(
            "message_window",
            session=self.session_id,
            after=0,
            max_tokens=checks.integer(max_tokens, "/max_tokens", 0, MAX_TOKENS),
            max_messages=checks.integer(max_messages, "/max_messages", 1, MAX_MESSAGES),
        )
        return [Message(**row) for row in rows]

    def messages(self, after: int = 0, limit: int = 100) -> list[Message]:
        """Return the messages after a place, in order: the place of the last one is `after` of the next page."""
        rows = self._fetch(
            "messages_after",
            session=self.session_id,
            after=checks.integer(after, "/after", 0, 2**31 - 1),
            limit=checks.integer(limit, "/limit", 1, MAX_MESSAGES),
        )
        return [Message(**row) for row in rows]

    def clear(self, before: int | None = None, *, everything: bool = False) -> int:
        """Delete the messages before a place, or all with `everything`, and return how many.

        Raises FilterMissing without either.
        """
        if not everything:
            checks.some_filter(before=before, everything=None)
            before = checks.integer(before, "/before", 1, 2**31 - 1)
        return self._count("clear_messages", session=self.session_id, before=None if everything else before)


def _checked(message: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """Return a message as `runfold.add_messages` takes it."""
    if not isinstance(message, Mapping):
        raise fault("wrong_type", pointer, limit="object", found=type(message).__name__)
    if unknown := [field for field in message if field not in _FIELDS]:
        raise fault("unknown_field", f"{pointer}/{unknown[0]}")
    if missing := [field for field in ("role", "content") if field not in message]:
        raise fault("required", f"{pointer}/{missing[0]}")
    found: dict[str, Any] = {
        "role": checks.one_of(message["role"], f"{pointer}/role", get_args(Role)),
        "content": checks.text(message["content"], f"{pointer}/content"),
    }
    if (tokens := message.get("tokens")) is not None:
        found["tokens_count"] = checks.integer(tokens, f"{pointer}/tokens", 0, 2**31 - 1)
    if (metadata := message.get("metadata")) is not None:
        found["metadata"] = orjson.loads(checks.json_text(dict(metadata), f"{pointer}/metadata", "object"))
    if (at := checks.time(message.get("at"), f"{pointer}/at")) is not None:
        found["timestamp"] = at.isoformat()
    return found

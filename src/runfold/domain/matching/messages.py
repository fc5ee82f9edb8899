"""Reads a channel's payload: who wrote what, in answer to which message.

No payload is refused: what is not understood is left empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_PEOPLE = ("user", "user_id", "by", "sender", "responder")
_DATA = ("data", "response_data", "response")
_OF_THE_MESSAGE = frozenset(
    (
        *_PEOPLE,
        *_DATA,
        *("message_id", "id", "event_id", "text", "message", "answer", "comment"),
        *("interaction_id", "correlation_id", "reply_to", "in_reply_to", "thread_id"),
    )
)
_ANGLED = re.compile(r"<([^<>\s]+)>")
_QUOTE_BEGINS = re.compile(r"^\s*(On .{0,200} wrote:|-{2,} ?Original Message ?-{2,}|From: .+)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """What could be read from a payload; empty where it says nothing.

    `message_id` is the channel's own name of the message, the same when it is delivered again. `interaction_ids` and
    `correlation_ids` are what the sender was given to send back; `replies_to` are the messages and threads it answers.
    `data` is structured: a button's value, a decision. `form` has the other fields of a form: they are data where the
    message says which question it answers. `automatic`: no person wrote it.
    """

    message_id: str | None = None
    text: str = ""
    sender: str | None = None
    interaction_ids: tuple[str, ...] = ()
    correlation_ids: tuple[str, ...] = ()
    replies_to: tuple[str, ...] = ()
    data: Any = None
    form: Mapping[str, Any] = field(default_factory=dict)
    automatic: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Every name by which it says what it answers."""
        return tuple(dict.fromkeys([*self.interaction_ids, *self.correlation_ids, *self.replies_to]))


def read_message(channel: str, raw_payload: Any, headers: Mapping[str, Any] | None = None) -> Message:
    """Read a payload as its channel writes it: slack, email, webhook or in_app."""
    payload = raw_payload if isinstance(raw_payload, Mapping) else {"text": raw_payload}
    # Erased headers are no mapping any more.
    given = headers if isinstance(headers, Mapping) else {}
    low = {str(name).lower(): value for name, value in given.items()}
    if channel == "slack":
        return _slack(payload)
    if channel == "email":
        return _email(payload, low)
    return _form(payload, low)


def _slack(payload: Mapping[str, Any]) -> Message:
    """An event of the Events API, or an interaction with a block."""
    event = _object(payload.get("event")) or payload
    action = next(iter(_objects(payload.get("actions"))), {})
    shown = _object(event.get("message")) or _object(payload.get("message"))
    container = _object(payload.get("container"))
    written = _text(event.get("ts")) if not action else None
    thread = [event.get("thread_ts"), shown.get("thread_ts"), container.get("thread_ts")]
    # A button answers the message that it is under; a message does not answer itself.
    replies = [*thread, *([shown.get("ts"), container.get("message_ts")] if action else [])]
    return Message(
        message_id=_first(payload.get("event_id"), event.get("client_msg_id"), _slack_name(event, written))
        if not action
        else _first(payload.get("trigger_id"), _slack_name(container, _text(action.get("action_ts")))),
        text=_first(event.get("text") if not action else None, _value_text(action)) or "",
        sender=_first(_id(payload.get("user")), _id(event.get("user")), event.get("bot_id")),
        interaction_ids=_texts(payload.get("interaction_id"), action.get("block_id")),
        correlation_ids=_texts(payload.get("correlation_id"), payload.get("callback_id"), action.get("action_id")),
        replies_to=tuple(name for name in _texts(*replies) if name != written),
        data={"value": action["value"]} if "value" in action else _selected(action),
        automatic=bool(event.get("bot_id")) or event.get("subtype") == "bot_message",
    )


def _email(payload: Mapping[str, Any], headers: Mapping[str, Any]) -> Message:
    """A parsed message, its headers in the payload, below `headers` in it, or beside it."""
    own = {str(name).lower().replace("-", "_"): value for name, value in _object(payload.get("headers")).items()}
    beside = {name.replace("-", "_"): value for name, value in headers.items()}

    def said(name: str) -> Any:
        return next((at[name] for at in (payload, own, beside) if at.get(name) not in (None, "")), None)

    answered = [*_message_ids(said("in_reply_to")), *_message_ids(said("references"))]
    automatic = _text(said("auto_submitted")) or "no"
    return Message(
        message_id=next(iter(_message_ids(said("message_id"))), None),
        text=unquoted(_first(payload.get("text"), payload.get("body"), payload.get("body_plain")) or ""),
        sender=_first(said("from"), said("sender")),
        interaction_ids=_texts(said("interaction_id"), said("x_runfold_interaction")),
        correlation_ids=_texts(said("correlation_id"), said("x_correlation_id")),
        replies_to=tuple(dict.fromkeys(answered)),
        data=payload.get("data"),
        automatic=automatic.lower() != "no",
    )


def _form(payload: Mapping[str, Any], headers: Mapping[str, Any]) -> Message:
    """Read what an application sends: its field names, and ours where it was given them."""
    return Message(
        message_id=_first(
            *(payload.get(name) for name in ("message_id", "id", "event_id")),
            *(headers.get(name) for name in ("idempotency-key", "x-request-id")),
        ),
        text=_first(*(payload.get(name) for name in ("text", "message", "answer", "comment"))) or "",
        sender=_first(*(_person(payload.get(name)) for name in _PEOPLE)),
        interaction_ids=_texts(payload.get("interaction_id"), headers.get("x-runfold-interaction")),
        correlation_ids=_texts(payload.get("correlation_id"), headers.get("x-correlation-id")),
        replies_to=_texts(payload.get("reply_to"), payload.get("in_reply_to"), payload.get("thread_id")),
        data=_decision(payload),
        form=_fields(payload),
    )


def _fields(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a form that are not about the message itself; none where it names its data."""
    if any(payload.get(name) is not None for name in _DATA):
        return {}
    return {name: value for name, value in payload.items() if name not in _OF_THE_MESSAGE and value is not None}


def _decision(payload: Mapping[str, Any]) -> Any:
    for name in _DATA:
        if payload.get(name) is not None:
            return payload[name]
    known = {name: payload[name] for name in ("approved", "selection", "value", "values") if name in payload}
    return known or None


def unquoted(text: str) -> str:
    """Return the text that was written, without the quoted message below it."""
    kept: list[str] = []
    for line in text.splitlines():
        if _QUOTE_BEGINS.match(line):
            break
        if not line.lstrip().startswith(">"):
            kept.append(line)
    return "\n".join(kept).strip()


def _slack_name(where: Mapping[str, Any], written: str | None) -> str | None:
    """Return the name of a Slack message: its time, in its channel."""
    channel = _first(where.get("channel"), where.get("channel_id"))
    return None if written is None else f"{channel or ''}/{written}"


def _value_text(action: Mapping[str, Any]) -> str | None:
    return _first(action.get("value"), _object(action.get("text")).get("text"))


def _selected(action: Mapping[str, Any]) -> Any:
    option = _object(action.get("selected_option"))
    return {"value": option["value"]} if "value" in option else None


def _message_ids(value: Any) -> list[str]:
    """Return the Message-IDs of a header, without their brackets."""
    parts = value if isinstance(value, list) else [value]
    texts = [part for part in parts if isinstance(part, str)]
    return [name for text in texts for name in (_ANGLED.findall(text) or text.split())]


def _id(value: Any) -> str | None:
    return _text(value.get("id")) if isinstance(value, Mapping) else _text(value)


def _person(value: Any) -> str | None:
    """Return the name of a person: a text, or an object with an id, an email or a name."""
    if isinstance(value, Mapping):
        return _first(*(value.get(name) for name in ("id", "email", "name")))
    return _first(value)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:
    return (part for part in value if isinstance(part, Mapping)) if isinstance(value, list) else ()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _first(*values: Any) -> str | None:
    """Return the first value with a text; a number counts as one."""
    for value in values:
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def _texts(*values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for value in values if (text := _first(value)) is not None))

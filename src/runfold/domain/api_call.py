"""A call of another service, as it is recorded: checked, and without its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Required, TypedDict
from uuid import UUID

from runfold.domain.sanitizing import sanitized, sanitized_headers, sanitized_text, sanitized_url
from runfold.events.faults import fault
from runfold.events.fields import INT4
from runfold.events.ids import new_id
from runfold.events.json_values import json_type
from runfold.events.row_id import row_id
from runfold.events.rules import FieldRule, Rule, normalized
from runfold.events.streams import stream_id

_RULES = (
    FieldRule("provider", Rule("name", 1, 50), True),
    FieldRule("operation", Rule("name", 1, 100), True),
    FieldRule("success", Rule("boolean"), True),
    FieldRule("http_method", Rule("name", 1, 10), False),
    FieldRule("status_code", Rule("integer", 100, 599), False),
    FieldRule("error_type", Rule("text", None, 50), False),
    FieldRule("response_time_ms", Rule("integer", 0, INT4), False),
    FieldRule("retry_count", Rule("integer", 0, INT4), False),
    FieldRule("rate_limit_remaining", Rule("integer", -INT4, INT4), False),
    FieldRule("rate_limit_reset_at", Rule("timestamp"), False),
    FieldRule("called_at", Rule("timestamp"), False),
    FieldRule("user_id", Rule("uuid"), False),
    FieldRule("node_id", Rule("uuid"), False),
    FieldRule("execution_id", Rule("name", 1, 255), False),
)


class ApiCall(TypedDict, total=False):
    """What is recorded of a call of another service."""

    provider: Required[str]
    """The service, `slack` for instance."""
    operation: Required[str]
    """What was called there, `chat.postMessage` for instance."""
    success: Required[bool]
    """Whether it did what was asked."""
    execution_id: str | None
    """The execution that called it."""
    node_id: UUID | None
    """The id of the node that called it, as the table nodes has it."""
    user_id: UUID | None
    """The tenant; the store's where it is not given."""
    api_endpoint: str | None
    """The URL; its user, the values of its query and its fragment are removed."""
    http_method: str
    """The method; POST if it is not given."""
    request_data: Any
    """What was sent: JSON, text or bytes. Secrets are removed, and what is above 16 kB."""
    response_data: Any
    """What came back, treated likewise."""
    request_headers: Mapping[str, Any]
    """The headers sent; the values of those that are not known to be harmless are removed."""
    response_headers: Mapping[str, Any]
    """The headers that came back, treated likewise."""
    status_code: int | None
    """The status of HTTP, 100 to 599."""
    error_type: str | None
    """What kind of error it was, `rate_limit` for instance."""
    error_message: str | None
    """What the error says; secrets are removed."""
    response_time_ms: int | None
    """How long the call took, in milliseconds."""
    retry_count: int
    """How many attempts came before; 0 if it is not given."""
    rate_limit_remaining: int | None
    """How many calls the service still allows."""
    rate_limit_reset_at: datetime | None
    """When it allows more."""
    called_at: datetime | None
    """When the call was made; now if it is not given."""


def recorded(call: Mapping[str, Any], user_id: UUID | None) -> dict[str, Any]:
    """Return the row of a call, without secrets; raises InvalidInput with the field that cannot be recorded."""
    call = dict(call)
    free = {
        "api_endpoint": _of(call, "api_endpoint", lambda url: sanitized_url(str(url))),
        "request_data": _of(call, "request_data", sanitized),
        "response_data": _of(call, "response_data", sanitized),
        "request_headers": _headers(call, "request_headers"),
        "response_headers": _headers(call, "response_headers"),
        "error_message": _of(call, "error_message", lambda text: sanitized_text(str(text))),
    }
    row = normalized(_RULES, call)
    execution = row.pop("execution_id", None)
    return {
        "id": new_id(),
        "called_at": datetime.now(UTC),
        "http_method": "POST",
        "retry_count": 0,
        "user_id": user_id,
        **row,
        **free,
        "workflow_execution_id": None
        if execution is None
        else row_id(stream_id("execution", execution), "execution", execution),
    }


def _of(call: dict[str, Any], field: str, clean: Any) -> Any:
    """Take a field out of the call and return it cleaned; None where it is not given."""
    value = call.pop(field, None)
    return None if value is None else clean(value)


def _headers(call: dict[str, Any], field: str) -> Any:
    given = call.get(field)
    if given is not None and not isinstance(given, Mapping):
        raise fault("wrong_type", f"/{field}", limit="object", found=json_type(given))
    return _of(call, field, sanitized_headers) or {}

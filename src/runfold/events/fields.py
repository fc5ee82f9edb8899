"""The annotated types that fields of events are declared with: pydantic's constraints beside the rule they follow."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from runfold.events.json_values import MAX_DEPTH, NUL_ESCAPE, contains_nul, is_plain
from runfold.events.rules import FIRST_TIME, LAST_TIME, SPACES, UUID_SHAPE, Rule, parse_timestamp

INT4 = 2_147_483_647
# The last millisecond of the year 9999, and the greatest that PostgreSQL's and Python's calendars share.
LAST_MILLISECOND = 253_402_214_399_999

_CONTROL = r"\x00-\x1f\x7f-\x9f"
_NAME = f"^[^{_CONTROL}]*[^{_CONTROL}{SPACES}][^{_CONTROL}]*$"
_STORABLE = r"^[^\x00]*$"


def _uuid(value: Any) -> Any:
    return UUID(value) if isinstance(value, str) and UUID_SHAPE.fullmatch(value) else value


def _timestamp(value: Any) -> Any:
    if isinstance(value, str):
        return parse_timestamp(value) or value
    return value


def _in_calendar(value: datetime) -> datetime:
    if value.utcoffset() is None:
        raise ValueError("a time without zone")
    if not FIRST_TIME <= value <= LAST_TIME:
        raise ValueError("a time that not every session can show")
    return value


def _given(value: Any) -> Any:
    if value is None:
        raise ValueError("null is not given")
    return value


def _plain(value: Any) -> Any:
    # The event's data is the first of the levels that are counted, and this value is inside it.
    if not is_plain(value, MAX_DEPTH - 1):
        raise ValueError("not plain JSON")
    try:
        text = orjson.dumps(value)
    except TypeError:
        raise ValueError("half a surrogate pair") from None
    if NUL_ESCAPE in text and contains_nul(value):
        raise ValueError("a NUL character")
    return value


Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=255, pattern=_NAME), Rule("name", 1, 255)]
Name50 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=50, pattern=_NAME), Rule("name", 1, 50)]
Name100 = Annotated[
    str, StringConstraints(strict=True, min_length=1, max_length=100, pattern=_NAME), Rule("name", 1, 100)
]
Text = Annotated[str, StringConstraints(strict=True, pattern=_STORABLE), Rule("text")]
Text50 = Annotated[str, StringConstraints(strict=True, max_length=50, pattern=_STORABLE), Rule("text", None, 50)]
Text100 = Annotated[str, StringConstraints(strict=True, max_length=100, pattern=_STORABLE), Rule("text", None, 100)]
Text255 = Annotated[str, StringConstraints(strict=True, max_length=255, pattern=_STORABLE), Rule("text", None, 255)]
Uuid = Annotated[UUID, BeforeValidator(_uuid), Rule("uuid")]
Timestamp = Annotated[datetime, AfterValidator(_in_calendar), BeforeValidator(_timestamp), Rule("timestamp")]
EpochMs = Annotated[int, Field(strict=True, ge=0, le=LAST_MILLISECOND), Rule("integer", 0, LAST_MILLISECOND)]
Count = Annotated[int, Field(strict=True, ge=0, le=INT4), Rule("integer", 0, INT4)]
Attempt = Annotated[int, Field(strict=True, ge=1, le=INT4), Rule("integer", 1, INT4)]
Priority = Annotated[int, Field(strict=True, ge=1, le=10), Rule("integer", 1, 10)]
Percentage = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False), Rule("number", 0, 100)]
Score = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False), Rule("number", 0, 1)]
Flag = Annotated[bool, Field(strict=True), Rule("boolean")]
GivenJson = Annotated[Any, AfterValidator(_given), AfterValidator(_plain), Rule("json")]
Json = Annotated[Any, AfterValidator(_plain), Rule("json")]
Object = Annotated[dict[str, Any], AfterValidator(_plain), Rule("object")]
Strings = Annotated[list[Text], Rule("strings")]

Mode = Literal["MANUAL", "TRIGGER", "WEBHOOK", "RETRY"]
PauseReason = Literal["human_interaction", "timeout", "error", "manual", "timer"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogCategory = Literal["TECHNICAL", "BUSINESS"]
LogEventType = Literal[
    "workflow_started",
    "workflow_completed",
    "workflow_progress",
    "step_started",
    "step_input",
    "step_output",
    "step_completed",
    "step_error",
    "separator",
]
InteractionType = Literal["approval", "input", "selection", "review"]
Channel = Literal["slack", "email", "webhook", "in_app"]
InteractionPriority = Literal["low", "normal", "high", "critical"]
DeploymentAction = Literal["DEPLOY", "UPDATE", "ROLLBACK", "UNDEPLOY"]
DeploymentStatus = Literal["IDLE", "DEPLOYING", "DEPLOYED", "DEPLOYMENT_FAILED", "UNDEPLOYING", "UNDEPLOYED"]
TriggerSubtype = Literal["CRON", "MANUAL", "WEBHOOK", "EMAIL", "GITHUB", "SLACK"]

"""Find the whole id of which a person gave the beginning."""

from __future__ import annotations

import re
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from runfold.errors import AmbiguousId, IdTooShort, UnknownId
from runfold.reading.status import statement

Kind = Literal["execution", "interaction", "response", "deployment", "workflow", "definition"]
"""What the id names. `deployment` and `definition` are a workflow that was deployed or edited, by its stream."""

SHORTEST = 4
"""A beginning has at least so many characters."""

_LISTED = 5
_PARTS = (8, 12, 16, 20)
_HEX = re.compile(r"[0-9a-f]{1,32}")


def find_id(connection: psycopg.Connection[Any], kind: Kind, text: str) -> str:
    """Return the id that is `text` or begins with it, by index and from the log, so that no fold has to be awaited.

    The name of an execution for which there is nothing is returned as it is. Raises AmbiguousId, IdTooShort, UnknownId.
    """
    if kind == "execution":
        beginning: str | None = text
    elif (whole := as_uuid(text)) is not None:
        return str(whole)
    else:
        beginning = _uuid_beginning(text)
    found = [] if not beginning else _found(connection, kind, beginning)
    if found and found[0] == beginning:
        return found[0]  # an execution may have a short name, which others begin with
    if not found:
        if kind == "execution":
            return text
        raise UnknownId(
            f"there is no {_named(kind)} whose id begins with {text!r}",
            hint="give the id as a list shows it",
            kind=kind,
        )
    shown = ", ".join(found[:_LISTED]) + (", …" if len(found) > _LISTED else "")
    if len(text) < SHORTEST:
        raise IdTooShort(
            f"{text!r} is too short for the beginning of an id; it begins {shown}",
            hint=f"give at least {SHORTEST} characters, or the whole id",
            kind=kind,
            limit=SHORTEST,
            candidates=found[:_LISTED],
        )
    if len(found) > 1:
        raise AmbiguousId(
            f"several {_named(kind)}s have ids that begin with {text!r}: {shown}",
            hint="give more characters of it",
            kind=kind,
            candidates=found[:_LISTED],
        )
    return found[0]


def as_uuid(text: str) -> UUID | None:
    """Return the UUID that the text writes, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _found(connection: psycopg.Connection[Any], kind: Kind, beginning: str) -> list[str]:
    """Return the ids that begin so, in their order, at most one more than an error lists."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        if kind == "workflow":
            digits = beginning.replace("-", "")
            bounds = {"least": UUID(digits.ljust(32, "0")), "greatest": UUID(digits.ljust(32, "f"))}
            rows = cursor.execute(statement("workflows_that_begin"), {**bounds, "limit": _LISTED + 1}).fetchall()
            return [str(row[0]) for row in rows]
        rows = cursor.execute(
            statement("streams_that_begin"), {"beginning": f"{kind}-{beginning}", "limit": _LISTED + 1}
        ).fetchall()
    return [row[0].removeprefix(f"{kind}-") for row in rows]


def _uuid_beginning(text: str) -> str | None:
    """Return the beginning of a UUID as it is stored: in small letters, with hyphens; None for another text."""
    digits = text.lower().replace("-", "")
    if _HEX.fullmatch(digits) is None:
        return None
    parts = [digits[begin:end] for begin, end in zip((0, *_PARTS), (*_PARTS, 32), strict=True)]
    return "-".join(part for part in parts if part)


def _named(kind: Kind) -> str:
    return {"deployment": "deployed workflow", "definition": "workflow with a history"}.get(kind, kind)

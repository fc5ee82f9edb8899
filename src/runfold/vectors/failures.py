"""Have we seen this failure before: a projection of failures with a vector each, to be searched by similarity.

Failures with the same normalised message are one row, and embedded once. The embedder is called in a fold: it must give
the same vector for the same text each time, without a network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
from psycopg.rows import dict_row

from runfold.runtime_sql import runtime_sql

if TYPE_CHECKING:
    from runfold.events.envelope import RecordedEvent

statement = runtime_sql("runfold.vectors")

TYPES = ("ExecutionFailed", "NodeFailed")
LONGEST_MESSAGE = 4_000
"""The most characters of a message that are kept and embedded."""

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
Handler = Callable[[list["RecordedEvent"], "psycopg.Connection[Any]"], None]

# What differs between two failures of the same kind, most special first.
_DIFFERS = [
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.I), "<number>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.I), "<id>"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "<number>"),
]


def normalised(message: str) -> str:
    """Return a failure's message without what differs each time: ids, times, addresses, numbers, spaces."""
    text = message[:LONGEST_MESSAGE].replace("\0", "")
    for pattern, word in _DIFFERS:
        text = pattern.sub(word, text)
    return " ".join(text.split())


def failure_hash(message: str) -> str:
    """Return the key of a failure: the SHA-256 of its normalised message, in hexadecimal."""
    return sha256(normalised(message).encode()).hexdigest()


def message_of(event: RecordedEvent) -> str | None:
    """Return the message of a failure's event; None if it has none."""
    data = event.data or {}
    found = data.get("error_message")
    if found is None and isinstance(error := data.get("error_data"), dict):
        found = error.get("message") or error.get("error")
    if found is None:
        found = data.get("error_data")
    if found is None or isinstance(found, str):
        return found or None
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()


def failure_projection(
    embedder: Embed,
    *,
    name: str = "failure_embeddings",
    table: str = "projections.failure_embeddings",
    version: int = 1,
) -> Handler:
    """Return a projection of failures into a table that you made, as the how-to on search has it.

    Raise `version` when the embedder becomes another: the table is then rebuilt.
    """
    from runfold.projections.definition.handler import projection  # a store that only searches does without it

    @projection(name=name, table=table, version=version, types=TYPES, key=["user_id", "message_hash"])
    def fold(batch: list[RecordedEvent], connection: psycopg.Connection[Any]) -> None:
        relation = table.rpartition(".")[2]
        found = [(event, message) for event in batch if event.user_id and (message := message_of(event))]
        if not found:
            return
        rows = [_row(event, message) for event, message in found]
        keys = {(row["user_id"], row["message_hash"]): row["normalised"] for row in rows}
        known = connection.cursor(row_factory=dict_row).execute(
            _named("known_failures", relation),
            {"users": [user for user, _ in keys], "hashes": [key for _, key in keys]},
        )
        for row in known:
            keys.pop((row["user_id"], row["message_hash"]))
        # Each text alone: what a model makes of a text may depend, in the last digit, on the texts beside it.
        vectors = {
            text: orjson.dumps(list(map(float, embedder([text])[0]))).decode() for text in sorted(set(keys.values()))
        }
        for row in rows:
            row["embedding"] = vectors.get(row["normalised"])
        with connection.cursor() as cursor:
            cursor.executemany(_named("note_failure", relation), rows)

    return fold


def _row(event: RecordedEvent, message: str) -> dict[str, Any]:
    text = normalised(message)
    return {
        "user_id": event.user_id,
        "message_hash": sha256(text.encode()).hexdigest(),
        "message": message[:LONGEST_MESSAGE].replace("\0", ""),
        "normalised": text,
        "stream_id": event.stream_id,
        "at": event.occurred_at,
        "position": event.position,
    }


def _named(name: str, relation: str) -> psycopg.sql.Composed:
    return psycopg.sql.SQL(statement(name)).format(table=psycopg.sql.Identifier(relation))

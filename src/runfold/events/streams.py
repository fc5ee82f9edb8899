"""Stream ids: a category and a name, `execution-<execution_id>` for instance.

A category has no hyphen; a name may have some. PostgreSQL has the same functions: `runfold.stream_id` and
`runfold.stream_name`.
"""

from __future__ import annotations

from uuid import UUID


def stream_id(category: str, name: str | UUID) -> str:
    """Return the id of a stream."""
    return f"{category}-{name}"


def streams_of_execution(execution_id: str) -> tuple[str, str]:
    """Return the ids of an execution's two streams: its own, and that of its log lines."""
    return stream_id("execution", execution_id), stream_id("log", execution_id)


def stream_name(stream_id: str) -> str:
    """Return the name of a stream, its id without the category; empty for what is no stream id."""
    return stream_id.partition("-")[2]


def stream_category(stream_id: str) -> str:
    """Return the category of a stream."""
    return stream_id.partition("-")[0]

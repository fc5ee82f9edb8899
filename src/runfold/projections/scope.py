"""Scope: which rows some streams concern in a group, and which streams have to be folded to know those rows.

A row of most tables comes from one stream. The exceptions are runfold's own and known here: a workflow's status depends
on its executions, a response on what it answers, and the deletion of a workflow concerns the rows of many streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from runfold.projections.catalogue import Group
from runfold.projections.contract import Projection
from runfold.projections.reconcile import stream_values
from runfold.projections.statements import statement

# The column that names the stream in the tables of ours whose rows depend on several.
_STREAM_COLUMNS = {"workflow_status": "workflow_id", "hil_responses": "id", "interaction_anomalies": "stream_id"}


KNOWN_GROUPS = frozenset({"execution", "log", "interaction", "deployment"})
"""The groups of which it is known what the deletion of a workflow concerns."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The streams whose rows are meant, and all that are to be folded for them."""

    rows_of: list[str]
    folded: list[str]

    @property
    def values(self) -> list[str]:
        """What the columns that name the stream hold in these rows."""
        return stream_values(self.rows_of)


def stream_column(projection: Projection) -> str | None:
    """The column that names the stream; None where a row belongs to none, as a count of everything does."""
    return projection.stream_key or _STREAM_COLUMNS.get(projection.name)


def scope_of(cursor: psycopg.Cursor[Any], group: Group, streams: Iterable[str]) -> Scope:
    """What these streams concern in the group, by the log and by the rows that stand."""
    # A stream of another group may have the name of one of this group's: log-7 is no execution.
    named = _column(cursor, "streams_folded", streams=list(streams), types=group.events)
    match group.name:
        case "execution":
            return _execution_scope(cursor, named)
        case "log":
            deleted = _column(cursor, "deleted_executions", streams=_of(named, "deployment"))
            return _scope(named | {f"log-{name}" for name in deleted})
        case "interaction":
            return _interaction_scope(cursor, named)
    return _scope(named)


def _execution_scope(cursor: psycopg.Cursor[Any], named: set[str]) -> Scope:
    deleted = _column(cursor, "deleted_executions", streams=_of(named, "deployment"))
    rows_of = named | {f"execution-{name}" for name in deleted}
    executions = _of(rows_of, "execution")
    workflows = _column(cursor, "workflows_of_executions", streams=executions)
    rows_of |= {f"deployment-{name}" for name in workflows}
    latest = _column(
        cursor,
        "latest_of_workflows",
        workflows=[name for name in _names(_of(rows_of, "deployment")) if _is_uuid(name)],
        without=_names(executions),
    )
    return _scope(rows_of, {f"execution-{name}" for name in latest})


def _interaction_scope(cursor: psycopg.Cursor[Any], named: set[str]) -> Scope:
    rows_of = named | _column(cursor, "streams_of_workflows", streams=_of(named, "deployment"))
    interactions = _names(_of(rows_of, "interaction"))
    if interactions:
        rows_of |= _column(cursor, "responses_to", interactions=interactions)
    return _scope(rows_of, _column(cursor, "interactions_of", streams=_of(rows_of, "response")))


def _scope(rows_of: set[str], more: Iterable[str] = ()) -> Scope:
    return Scope(sorted(rows_of), sorted({*rows_of, *more}))


def _of(streams: Iterable[str], category: str) -> list[str]:
    return sorted(stream for stream in streams if stream.startswith(f"{category}-"))


def _names(streams: Iterable[str]) -> list[str]:
    return [stream.partition("-")[2] for stream in streams]


def _column(cursor: psycopg.Cursor[Any], name: str, **parameters: list[str]) -> set[str]:
    if "streams" in parameters and not parameters["streams"]:
        return set()
    return {value for (value,) in cursor.execute(statement(name), parameters).fetchall()}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True

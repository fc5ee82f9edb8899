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

from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.projections.reconciling.pair import stream_values
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

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
            deleted = _column(cursor, "deleted_executions", streams=of_category(named, "deployment"))
            return _scope(named | {f"log-{name}" for name in deleted})
        case "interaction":
            return _interaction_scope(cursor, named)
    return _scope(named)


def _execution_scope(cursor: psycopg.Cursor[Any], named: set[str]) -> Scope:
    deleted = _column(cursor, "deleted_executions", streams=of_category(named, "deployment"))
    rows_of = named | {f"execution-{name}" for name in deleted}
    executions = of_category(rows_of, "execution")
    rows_of |= workflows_of(cursor, executions)
    latest = _column(
        cursor,
        "latest_of_workflows",
        workflows=[name for name in _names(of_category(rows_of, "deployment")) if _is_uuid(name)],
        without=_names(executions),
    )
    return _scope(rows_of, {f"execution-{name}" for name in latest})


def _interaction_scope(cursor: psycopg.Cursor[Any], named: set[str]) -> Scope:
    rows_of = named | _column(cursor, "streams_of_workflows", streams=of_category(named, "deployment"))
    rows_of |= responses_to(cursor, of_category(rows_of, "interaction"))
    return _scope(rows_of, interactions_of(cursor, of_category(rows_of, "response")))


def workflows_of(cursor: psycopg.Cursor[Any], executions: list[str], upto: int | None = None) -> set[str]:
    """The deployment streams of the workflows that executions were created for, up to a position if one is given."""
    found = _column(cursor, "workflows_of_executions", upto, streams=executions)
    return {f"deployment-{name}" for name in found}


def responses_to(cursor: psycopg.Cursor[Any], interactions: list[str], upto: int | None = None) -> set[str]:
    """The streams of the responses that were matched to interactions, rightly or not."""
    return _column(cursor, "responses_to", upto, interactions=[name.lower() for name in _names(interactions)])


def interactions_of(cursor: psycopg.Cursor[Any], responses: list[str], upto: int | None = None) -> set[str]:
    """The streams of the interactions that responses were matched to: their rows depend on them."""
    return _column(cursor, "interactions_of", upto, streams=responses)


def _scope(rows_of: set[str], more: Iterable[str] = ()) -> Scope:
    return Scope(sorted(rows_of), sorted({*rows_of, *more}))


def of_category(streams: Iterable[str], category: str) -> list[str]:
    """Those of the streams that are of a category, sorted."""
    return sorted(stream for stream in streams if stream.startswith(f"{category}-"))


def _names(streams: Iterable[str]) -> list[str]:
    return [stream.partition("-")[2] for stream in streams]


def _column(cursor: psycopg.Cursor[Any], name: str, upto: int | None = None, **parameters: list[str]) -> set[str]:
    if not all(parameters.get(given, True) for given in ("streams", "interactions")):
        return set()
    return {value for (value,) in cursor.execute(statement(name), {**parameters, "upto": upto}).fetchall()}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True

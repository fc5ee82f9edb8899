"""Copies of our SQL functions without one protecting step: the negative controls of the fault tests."""

from __future__ import annotations

from typing import Any

import psycopg

APPEND_EVENTS = "runfold.append_events(text,uuid,text)"
ALLOCATE_POSITIONS = "runfold.allocate_positions(integer)"

FENCE = "PERFORM pg_advisory_xact_lock_shared(fence_tag, (fence & 4294967295)::bit(32)::integer);"
SAME_FENCE_AGAIN = "fence := nullif(current_setting('runfold.fence', true), '')::bigint;"
STREAM_LOCK = "FOR NO KEY UPDATE"
LOCK_ORDER = """ORDER BY s.name COLLATE "C")"""
KNOWN_EVENT_IDS = "IF inserted < total THEN"
ALLOCATION = "last := nextval('runfold.events_position');"


def edit(connection: psycopg.Connection[Any], function: str, step: str, replacement: str = "") -> None:
    """Replace a step of a function, in this database only; the step must exist."""
    row = connection.execute("SELECT pg_get_functiondef(%s::regprocedure)", (function,)).fetchone()
    assert row is not None
    (definition,) = row
    assert step in definition, f"{function} has changed: {step!r} is not in it"
    connection.execute(definition.replace(step, replacement))


STEPS = {
    "the streams are locked": (APPEND_EVENTS, "-- A repeat? The command id"),
    "the event ids are in": (ALLOCATE_POSITIONS, "-- 3. The fence"),
    "the fence is up": (ALLOCATE_POSITIONS, "-- 4. The positions"),
    "the positions are allocated": (APPEND_EVENTS, "-- The events, at offsets"),
    "the events are in": (APPEND_EVENTS, "-- Wake who waits for the log"),
}
"""Where an append may be stopped: what has happened by then, and in which function what comes next."""


def stop_at(connection: psycopg.Connection[Any], function: str, next_step: str) -> None:
    """Let an append sleep before a step."""
    edit(connection, function, next_step, f"PERFORM pg_sleep(60);\n    {next_step}")

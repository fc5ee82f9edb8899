"""PostgreSQL's functions of the machines, generated from the machines and the event classes into `schema/generated/`.

Of a machine: the status that an event moves it to, whether a status is an end, and whether a move is legal. Of the
events: which of them end an execution, and which open or close a pause. All are plain SQL without a `SET`, so that
PostgreSQL inlines them: a fold pays no call.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from runfold.events import VOCABULARY, types_that_end, types_that_move
from runfold.events.machines import (
    DEPLOYMENT,
    EXECUTION,
    INTERACTION,
    NODE,
    PAUSE,
    RESPONSE,
    TRIGGER,
    Machine,
)

# Only what SQL asks for: a machine that no fold asks about has no function.
_TARGETS = (EXECUTION, NODE, PAUSE, INTERACTION, RESPONSE, TRIGGER)
_ENDS = (EXECUTION, NODE, INTERACTION)
_LEGAL_MOVES = (EXECUTION, NODE, INTERACTION, RESPONSE, DEPLOYMENT, TRIGGER)

# The branches of a CASE are tried in turn.
_MOST_FREQUENT_FIRST = ("NodeSucceeded", "NodeStarted")

_NOUNS = {
    "execution": "an execution",
    "node": "a node",
    "pause": "a pause",
    "interaction": "an interaction",
    "response": "a response",
    "deployment": "a workflow's deployment",
    "trigger": "a trigger",
}


def machine_functions() -> dict[str, str]:
    """Return the files of `schema/generated/functions/` by their names."""
    files = {f"{machine.name}_target": _target(machine) for machine in _TARGETS}
    files |= {f"{machine.name}_has_ended": _has_ended(machine) for machine in _ENDS}
    files |= {f"{machine.name}_move_is_legal": _move_is_legal(machine) for machine in _LEGAL_MOVES}
    files["ends_execution"] = _is_one_of(
        "ends_execution", "Whether an event of this type ends its execution.", types_that_end(EXECUTION)
    )
    files["closes_pause"] = _is_one_of(
        "closes_pause", "Whether an event of this type closes its pause.", types_that_end(PAUSE)
    )
    return {f"functions/{name}.sql": text for name, text in files.items()}


def _target(machine: Machine) -> str:
    types = sorted(types_that_move(machine), key=lambda name: name not in _MOST_FREQUENT_FIRST)
    targets = [(name, move.target) for name in types if (move := VOCABULARY[name].moves) is not None]
    branches = "\n".join(f"WHEN '{name}' THEN '{target}'" for name, target in targets)
    return _function(
        f"{machine.name}_target",
        f"The status that an event of this type moves {_NOUNS[machine.name]} to; NULL for one that moves none.",
        "type text",
        "text",
        f"SELECT CASE type\n{textwrap.indent(branches, ' ' * 7)} END",
    )


def _has_ended(machine: Machine) -> str:
    noun = _NOUNS[machine.name]
    return _function(
        f"{machine.name}_has_ended",
        f"Whether {noun} of this status has ended; without a status it has not.",
        "status text",
        "boolean",
        f"SELECT coalesce(status IN ({_listed(machine.ends)}), false)",
    )


def _move_is_legal(machine: Machine) -> str:
    # What is made once is guarded by `already_exists`: that is no move for a fold.
    moves = {status: targets for status, targets in machine.moves.items() if not (status is None and machine.once)}
    status = "coalesce(status, 'none')" if None in moves else "status"
    branches = "\n".join(
        f"WHEN '{status or 'none'}' THEN target IN ({_listed(sorted(targets, key=machine.statuses.index))})"
        for status, targets in moves.items()
        if targets
    )
    return _function(
        f"{machine.name}_move_is_legal",
        f"Whether the vocabulary lets {_NOUNS[machine.name]} move so.",
        "status text, target text",
        "boolean",
        f"SELECT CASE {status}\n{textwrap.indent(branches, ' ' * 7)}\n       ELSE false END",
    )


def _is_one_of(name: str, comment: str, types: Iterable[str]) -> str:
    return _function(name, comment, "type text", "boolean", f"SELECT type IN ({_listed(types)})")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _function(name: str, comment: str, arguments: str, returns: str, body: str) -> str:
    """Write the file of a function, with the header that `runfold.database.sources` reads."""
    return f"""-- {comment}
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.{name}({arguments}) RETURNS {returns}
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
{textwrap.indent(body, "    ")}
$$;
"""

"""The quick half of `runfold.event_is_valid`: one expression that says yes to what producers mostly send.

PL/pgSQL sets its expressions up again in each transaction, which takes longer than to check one event. So types and
bounds of all fields are one constant path, and the strings are looked at together.
"""

from __future__ import annotations

from collections.abc import Sequence

from runfold.events.rules import FieldRule

# What a path cannot say; `condition` of the caller says it.
BEYOND_A_PATH = frozenset({"uuid", "timestamp", "strings"})


def _path_condition(at: FieldRule) -> str:
    """Write what a path says of a value that is given. It looks at the type first, because a lax path opens arrays."""
    value, rule = f"@.{at.field}", at.rule
    if rule.kind == "json":
        return f'{value}.type() != "null"'
    is_of_type = f'{value}.type() == "{rule.json_type()}"'
    match rule.kind:
        case "enum":
            one_of = " || ".join(f'{value} == "{one}"' for one in rule.allowed)
            return f"{is_of_type} && ({one_of})"
        case "integer" | "number":
            return f"{is_of_type} && {value} >= {rule.minimum} && {value} <= {rule.maximum}"
        case "name":
            # Not blank: together with what the strings are made of, see `quick_conditions`.
            return f'{is_of_type} && {value} >= "!"'
        case _:
            return is_of_type


def path(rules: Sequence[FieldRule]) -> str | None:
    """Write the path that finds data whose fields have the types and bounds of the model; None if it says nothing."""
    parts = []
    for at in rules:
        if at.rule.kind in BEYOND_A_PATH:
            continue
        condition = _path_condition(at)
        if at.required:
            parts.append(condition)
        elif at.rule.kind != "json":
            parts.append(f'(!exists(@.{at.field}) || @.{at.field}.type() == "null" || {condition})')
    return f"$ ? ({' && '.join(parts)})" if parts else None


def _joined(fields: Sequence[FieldRule]) -> str:
    if len(fields) == 1:
        return f"coalesce(data ->> '{fields[0].field}', '')"
    return "concat(" + ", ".join(f"data ->> '{at.field}'" for at in fields) + ")"


def quick_conditions(rules: Sequence[FieldRule]) -> list[str]:
    """Write the conditions that hold for usual data, over `data`; the caller adds those of BEYOND_A_PATH."""
    fields = ",".join(at.field for at in rules)
    # Of all jsonb only an object becomes an empty object.
    conditions = [f"(data - '{{{fields}}}'::text[]) = '{{}}'"]
    if (found := path(rules)) is not None:
        conditions.append(f"data @? '{found}'")
    bounded = [at for at in rules if at.rule.kind in ("name", "text") and at.rule.maximum is not None]
    if bounded:
        shortest = min(at.rule.maximum or 0 for at in bounded)
        conditions.append(f"octet_length({_joined(bounded)}) <= {shortest}")
    if names := [at for at in bounded if at.rule.kind == "name"]:
        # The path wants a first character that is no space, and these are ASCII's: so none is blank.
        conditions.append(f"{_joined(names)} !~ '[^ -~]'")
    if integers := [at for at in rules if at.rule.kind == "integer"]:
        conditions.append(f"strpos({_joined(integers)}, '.') = 0")
    return conditions

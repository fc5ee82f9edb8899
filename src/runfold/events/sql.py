"""The vocabulary as PostgreSQL needs it, generated from the models into `schema/generated/`.

`python -m runfold.events.sql --write schema/generated` writes the catalogues of faults and of refusals, the event types
with their fields (what the exact check walks), and `runfold.event_is_valid` (what every append is checked with,
quickly). When the models change, write these files again and then a migration: `make generated`, `make migration
NAME=...`. Tests compare the files, and a migrated database, with the models.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from runfold.errors import REFUSALS
from runfold.events import CATEGORIES, VOCABULARY, Event, types_that_end, types_that_move
from runfold.events.checks_sql import table_files
from runfold.events.claims_sql import claim_rule_rows, claiming_functions
from runfold.events.encrypted_forms import ENCRYPTABLE
from runfold.events.faults import FAULTS
from runfold.events.fields import INT4
from runfold.events.machines import MACHINES
from runfold.events.machines_sql import machine_functions
from runfold.events.quick_sql import BEYOND_A_PATH, quick_conditions
from runfold.events.rules import SPACES, FieldRule


def literal(value: object) -> str:
    """Write a constant as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


def _array(values: tuple[str, ...]) -> str:
    return "NULL" if not values else "'{" + ",".join(values) + "}'"


def fault_rows() -> list[tuple[str, str, str]]:
    """Return the rows of `runfold.faults`."""
    return [(code, fault.message, fault.hint) for code, fault in FAULTS.items()]


def refusal_rows() -> list[tuple[str, str | None, str, str, str | None]]:
    """Return the rows of `runfold.refusals`."""
    return [(name, one.error.sqlstate, one.code or name, one.message, one.hint) for name, one in REFUSALS.items()]


def type_rows() -> list[tuple[str, str, int, bool, bool]]:
    """Return the rows of `runfold.event_types`: category, type, schema version, closed, reserved."""
    return [
        (event.category(), name, event.schema_version(), True, event.reserved) for name, event in VOCABULARY.items()
    ]


def field_rows() -> list[tuple[str, int, str, bool, str, int | None, int | None, list[str] | None]]:
    """Return the rows of `runfold.event_fields`."""
    return [
        (
            name,
            ordinal,
            at.field,
            at.required,
            at.rule.kind,
            at.rule.minimum,
            at.rule.maximum,
            list(at.rule.allowed) or None,
        )
        for name, event in VOCABULARY.items()
        for ordinal, at in enumerate(event.rules(), start=1)
    ]


def _insert(table: str, columns: str, rows: Iterator[str]) -> str:
    return f"INSERT INTO runfold.{table} ({columns}) VALUES\n    " + ",\n    ".join(rows) + ";\n"


def _condition(at: FieldRule) -> str:
    """Write what a field that is given must be; a cast that fails refuses it as well."""
    value, text, rule = f"(data -> '{at.field}')", f"(data ->> '{at.field}')", at.rule
    match rule.kind:
        case "json":
            return f"{text} IS NOT NULL" if at.required else "true"
        case "enum":
            return f"{text} IN ({', '.join(map(literal, rule.allowed))})"
        case "integer":
            # A string's text has quotes and a fraction its point: neither casts.
            cast = "integer" if (rule.maximum or 0) <= INT4 else "bigint"
            upper = "" if rule.maximum == INT4 else f" AND {value}::text::{cast} <= {rule.maximum}"
            return f"{value}::text::{cast} >= {rule.minimum}{upper}"
        case "number":
            # jsonb orders a number between two numbers and nothing else.
            return f"{value} BETWEEN '{rule.minimum}' AND '{rule.maximum}'"
        case "uuid":
            return f"runfold.is_uuid({text})"
        case "timestamp":
            return f"runfold.is_timestamp({text})"
        case "strings":
            items = f"jsonb_path_exists({value}, 'strict $[*] ? (@.type() != \"string\")')"
            return f"jsonb_typeof({value}) = 'array' AND NOT {items}"
        case "name" | "text":
            # Of all jsonb only a string contains its own text; a third of the cost of jsonb_typeof.
            return f"{value} ? {text}"
        case _:
            return f"jsonb_typeof({value}) = '{rule.json_type()}'"


def _check(at: FieldRule) -> str:
    condition = _condition(at)
    if at.required or condition == "true":
        return condition
    return f"((data ->> '{at.field}') IS NULL OR {condition})"


def _lengths(fields: list[FieldRule]) -> str:
    """Write, for each of the fields, what a rare string needs: counted characters, looked for what is visible."""
    spaces = "E'" + "".join(f"\\u{ord(space):04x}" for space in SPACES) + "'"
    parts = []
    for at in fields:
        text = f"data ->> '{at.field}'"
        condition = f"length({text}) <= {at.rule.maximum}"
        if at.rule.kind == "name":
            condition += f" AND {text} !~ '[\\x01-\\x1f\\x7f-\\x9f]' AND btrim({text}, {spaces}) <> ''"
        parts.append(f"coalesce({condition}, {'false' if at.required else 'true'})")
    return "\n                AND ".join(parts)


_OF_ITS_STREAM = "'execution-' || (data ->> 'execution_id') = stream_id"


def validity(event: type[Event]) -> str:
    """Write the statements over `data` and `stream_id` that return whether an event of this type is valid."""
    rules = event.rules()
    fields = ",".join(at.field for at in rules)
    parts = ["jsonb_typeof(data) = 'object'", f"(data - '{{{fields}}}'::text[]) = '{{}}'"]
    parts += [check for at in rules if (check := _check(at)) != "true"]
    if is_created := event.event_type() == "ExecutionCreated":
        parts.append(_OF_ITS_STREAM)
    both = "\n                AND ".join(parts)
    bounded = [at for at in rules if at.rule.kind in ("name", "text") and at.rule.maximum is not None]
    lengths = f"\n                AND {_lengths(bounded)}" if bounded else ""
    quick = quick_conditions(rules) + [_check(at) for at in rules if at.rule.kind in BEYOND_A_PATH]
    if is_created:
        quick.append(_OF_ITS_STREAM)
    usual = "\n                AND ".join(quick)
    return f"""IF coalesce({usual}, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce({both}, false){lengths};"""


def _validity_function() -> str:
    branches = []
    for category in CATEGORIES:
        # A reserved event is never usual: the exact check asks who appends it.
        events = [event for event in VOCABULARY.values() if event.category() == category and not event.reserved]
        if not events:
            continue
        # The most frequent first: the branches are tried in turn.
        events.sort(key=lambda event: event.event_type() not in _FREQUENT)
        inner = "\n        ".join(
            f"{'IF' if n == 0 else 'ELSIF'} type = '{event.event_type()}' THEN\n            {validity(event)}"
            for n, event in enumerate(events)
        )
        branches.append(f"category = '{category}' THEN\n        {inner}\n        END IF;")
    dispatch = "\n    ELSIF ".join(branches)
    return f"""-- Quick check of an event's data against the vocabulary, generated from the models.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.event_is_valid(category text, type text, stream_id text, data jsonb)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $valid$
BEGIN
    IF {dispatch}
    END IF;
    RETURN false;
END
$valid$;
"""


def _encryptable_function() -> str:
    fields = ",".join(sorted(ENCRYPTABLE))
    return f"""-- The fields that clients may encrypt, generated from EncryptedField.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.encryptable_fields() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '{{{fields}}}'::text[]
$$;
"""


_FREQUENT = ("NodeStarted", "NodeSucceeded", "NodeScheduled")


def generated() -> dict[str, str]:
    """Return the files of `schema/generated/` by their names."""
    faults = _insert("faults", "code, message, hint", (f"({', '.join(map(literal, row))})" for row in fault_rows()))
    refusals = _insert(
        "refusals",
        "name, sqlstate, code, message, hint",
        (f"({', '.join(map(literal, row))})" for row in refusal_rows()),
    )
    types = _insert(
        "event_types",
        "category, type, schema_version, closed, reserved",
        (f"({', '.join(map(literal, row))})" for row in type_rows()),
    )
    fields = _insert(
        "event_fields",
        "type, ordinal, field, required, kind, minimum, maximum, allowed",
        (
            f"({literal(type_)}, {ordinal}, {literal(field)}, {json.dumps(required)}, {literal(kind)}, "
            f"{literal(low)}, {literal(high)}, {_array(tuple(allowed or ()))})"
            for type_, ordinal, field, required, kind, low, high, allowed in field_rows()
        ),
    )
    claim_rules = _insert(
        "claim_rules",
        "type, kind, effect, key_field, finer_key_field, name_field, refusal, function_name",
        (f"({', '.join(map(literal, row))})" for row in claim_rule_rows()),
    )
    return {
        "rows/faults.sql": faults,
        "rows/refusals.sql": refusals,
        "rows/event_types.sql": types,
        "rows/event_fields.sql": fields,
        "rows/claim_rules.sql": claim_rules,
        "functions/event_is_valid.sql": _validity_function(),
        "functions/encryptable_fields.sql": _encryptable_function(),
        **claiming_functions(),
        **machine_functions(),
    }


TYPES_BY_MACHINE = Path(__file__).parents[1] / "projections" / "definition" / "types_by_machine.json"


def types_by_machine() -> str:
    """Return the event types that move and that end each machine, as JSON.

    The headers of projections name them so. Who folds, or reads a status, needs no model of an event, and to import all
    of them takes a tenth of a second.
    """
    by = {"moves": types_that_move, "ends": types_that_end}
    found = {which: {machine.name: types(machine) for machine in MACHINES.values()} for which, types in by.items()}
    return json.dumps(found, indent=2) + "\n"


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(prog="python -m runfold.events.sql", description=__doc__)
    parser.add_argument("--write", type=Path, required=True, metavar="FOLDER", help="schema/generated")
    folder = parser.parse_args().write
    for name, text in generated().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for path, text in table_files(folder.parent / "tables").items():
        path.write_text(text, encoding="utf-8")
    TYPES_BY_MACHINE.write_text(types_by_machine(), encoding="utf-8")


if __name__ == "__main__":
    main()

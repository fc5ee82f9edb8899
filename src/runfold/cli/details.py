"""Print everything about a thing: inputs, outputs, reasons; nothing of it is cut."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from runfold.cli.output import instant, print_facts, print_text

_WIDEST = 60
_NOT_SHOWN = frozenset({"history", "page_token"})


def print_row(title: str, row: Mapping[str, Any]) -> None:
    """Print each column of a row that has a value, then its history."""
    print_facts({title: row["id"], **{name: whole(value) for name, value in row.items() if _is_said(name, value)}})
    for event in row["history"]:
        print_text(f"\n{event['type']}  {instant(event['occurred_at'])} UTC, position {event['position']:,}")
        _print_values(event["data"] or {}, indent="  ")


def print_full(found: Mapping[str, Any], reasons: list[dict[str, Any]]) -> None:
    """Print all inputs, outputs and reasons of an execution: its own, and those of nodes, pauses and children."""
    own = {name: found[name] for name in ("trigger_data", "metadata", "run_data", "error_details") if found.get(name)}
    print_text(f"\nexecution {found['execution_id']}")
    _print_values(own, indent="  ")
    for row in reasons:
        if row["activation"] is None and row["pause"] is None:
            print_text(f"  {_reason(row)}")
    for node in found["nodes"]:
        print_text(f"\nnode {node['activation']}  {node['status']}")
        values = {"input": node["input_data"], "output": node["output_data"], "error": node["error_data"]}
        _print_values({name: value for name, value in values.items() if value is not None}, indent="  ")
        for row in reasons:
            if row["activation"] == node["activation"] and row["pause"] is None:
                print_text(f"  {_reason(row)}")
    for pause in found["pauses"]:
        print_text(f"\npause {pause['name']}  {pause['status']}")
        values = {"reason": pause["pause_reason"], "interaction": pause.get("interaction_id")}
        values |= {"waits for": pause["resume_conditions"], "answer": pause.get("resume_data")}
        _print_values({name: value for name, value in values.items() if value not in (None, {})}, indent="  ")
        for row in reasons:
            if row["pause"] == pause["name"]:
                print_text(f"  {_reason(row)}")
    for child in found["children"]:
        print_text(f"\nchild {child['execution_id']}  {child['status']}")


def whole(value: Any) -> str:
    """Return a value for people: a text as it is, a time in UTC, another value as JSON, indented if it is long."""
    if isinstance(value, datetime):
        return f"{instant(value)} UTC"
    if not isinstance(value, (dict, list)):
        return str(value)
    from runfold.blobs.references import in_words, is_reference  # and with it the vocabulary

    if is_reference(value):
        return in_words(value)
    short = orjson.dumps(value, default=str).decode()
    return short if len(short) <= _WIDEST else orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode()


def _print_values(values: Mapping[str, Any], *, indent: str) -> None:
    for name, value in values.items():
        first, *others = whole(value).split("\n")
        print_text(f"{indent}{name}: {first}")
        for line in others:
            print_text(f"{indent}{line}")


def _reason(row: Mapping[str, Any]) -> str:
    said = [f"{row['type']}:", row["reason"], f"by {row['by']}" if row["by"] else None]
    if row["data"] is not None:
        said.append(whole(row["data"]))
    return " ".join(filter(None, said))


def _is_said(name: str, value: Any) -> bool:
    return name not in _NOT_SHOWN and name != "id" and value not in (None, {}, [])

"""Filters of items and patterns of namespaces, as LangGraph means them, for SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

OPERATORS = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte")
_NUMERIC = OPERATORS[2:]

Condition = dict[str, Any]


def conditions(wanted: Mapping[str, Any] | None) -> list[Condition]:
    """Return the conditions of a filter, each with a path; raises ValueError for an operator that there is not."""
    return [condition for key, value in (wanted or {}).items() for condition in _at([key], value)]


def _at(path: list[str], wanted: Any) -> Iterator[Condition]:
    if isinstance(wanted, Mapping):
        if any(key.startswith("$") for key in wanted):
            for operator, value in wanted.items():
                if operator not in OPERATORS:
                    raise ValueError(f"Unsupported operator: {operator}")
                yield {"path": path, "op": operator, "value": float(value) if operator in _NUMERIC else value}
            return
        yield {"path": path, "op": "object"}
        for key, value in wanted.items():
            yield from _at([*path, key], value)
    elif isinstance(wanted, list | tuple):
        yield {"path": path, "op": "array", "value": len(wanted)}
        for place, value in enumerate(wanted):
            yield from _at([*path, str(place)], value)
    else:
        yield {"path": path, "op": "$eq", "value": wanted}


def pattern(path: Sequence[str], *, suffix: bool) -> str:
    """Return the regular expression of the namespaces that begin, or end, with a path; `*` is any label."""
    labels = r"\.".join("[^.]+" if label == "*" else re.sub(r"(\W)", r"\\\1", label) for label in path)
    return f"(^|\\.){labels}$" if suffix else f"^{labels}(\\.|$)"

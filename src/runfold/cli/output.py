"""Print results: JSON for scripts, tables for people."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
"""The type of every command's `as_json` parameter."""


def print_json(value: Any) -> None:
    """Print the value as JSON on stdout: dataclasses, mappings, lists, dates, UUIDs and decimals."""
    import orjson

    text = orjson.dumps(value, default=_encode, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)
    typer.echo(text.decode())


def print_json_line(value: Any) -> None:
    """Print the value as JSON in one line, for output that comes piece by piece."""
    import orjson

    typer.echo(orjson.dumps(value, default=_encode, option=orjson.OPT_UTC_Z).decode())


def print_text(text: str) -> None:
    """Print a text that may come from events, without characters that control a terminal."""
    typer.echo(_printable(text))


_COPIED = frozenset({"execution_id", "stream_id", "status", "started", "deadline", "took"})
"""Columns from which people copy, or which they scan: other columns are folded first."""

_LONGEST_COPIED = 36


def console() -> Console:
    """Return a console as wide as the terminal or COLUMNS; a pipe gets lines that are never folded."""
    from rich.console import Console

    shown = Console()
    return shown if shown.is_terminal or "COLUMNS" in os.environ else Console(width=10_000)


def print_table(rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str], empty: str = "nothing") -> None:
    """Print the named columns of the rows as a table, or the sentence `empty` if there is no row."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    lines = [[_cell(row.get(column)) for column in columns] for row in rows]
    for number, column in enumerate(columns):
        whole = max((len(line[number]) for line in lines), default=0) if column in _COPIED else 0
        table.add_column(column, overflow="fold", min_width=min(whole, _LONGEST_COPIED))
    for line in lines:
        table.add_row(*line)
    if table.row_count:
        console().print(table)
    else:
        console().print(empty)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one a line."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(escape(name), _cell(value))
    console().print(table)


def instant(value: datetime | None) -> str | None:
    """Return an instant for people: UTC, to the second."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(part) for part in value) or "-"
    from rich.markup import escape

    # Text from an event must not control a terminal.
    return escape(_printable(str(value)))


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)


def _encode(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

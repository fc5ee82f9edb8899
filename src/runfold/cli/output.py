"""Print results: JSON for scripts, tables for people.

This is the one door to the terminal: no other module of the command line prints. What users and failing steps wrote
passes through `printable` here, so that it cannot control a terminal.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli.printable import printable
from runfold.logs import without_secrets

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
"""The type of every command's `as_json` parameter."""


def print_json(value: Any) -> None:
    """Print the value as JSON on stdout: dataclasses, mappings, lists, dates, UUIDs and decimals."""
    import orjson

    text = orjson.dumps(value, default=_encode, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)
    _write(_escaped(text.decode()))


def print_json_line(value: Any, *, err: bool = False) -> None:
    """Print the value as JSON in one line, for output that comes piece by piece."""
    import orjson

    _write(_escaped(orjson.dumps(value, default=_encode, option=orjson.OPT_UTC_Z).decode()), err=err)


def print_text(text: str = "", *, err: bool = False) -> None:
    """Print a text that may come from events, without characters that control a terminal."""
    _write(printable(text), err=err)


def _write(text: str, *, err: bool = False) -> None:
    # Not typer's echo: it writes UTF-8 to a stream that is to have another encoding.
    print(text, file=sys.stderr if err else sys.stdout, flush=True)


class PrintableFormatter(logging.Formatter):
    """Formats messages of the log, and tracebacks in them, without characters that control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(without_secrets(super().format(record)))


_COPIED = frozenset({"id", "activation", "status", "started", "deadline", "took"})
"""Columns from which people copy, or which they scan, beside the ids: they are never folded."""

_READABLE = 12
"""A column that is narrower folds its words."""

_GAP = 2


def console(*, err: bool = False, drawing: bool = False) -> Console:
    """Return a console as wide as the terminal or COLUMNS; a pipe gets lines that are never folded.

    A drawing fills its width, so a pipe gets it in the usual 80 columns.
    """
    from runfold.cli.terminal import Terminal

    shown = Terminal(stderr=err, highlight=not drawing)
    if shown.is_terminal or err or drawing or "COLUMNS" in os.environ:
        return shown
    return Terminal(width=10_000)


def progress_on_stderr(*columns: ProgressColumn, shown: bool) -> Progress:
    """Return a progress to enter, on stderr, because stdout is for results; it is drawn in a terminal only."""
    from rich.progress import Progress

    screen = console(err=True)
    return Progress(*columns, console=screen, disable=not (shown and screen.is_terminal), transient=True)


def print_table(rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str], empty: str = "nothing") -> None:
    """Print the named columns of the rows as a table, or the sentence `empty` if there is no row.

    Where the terminal is too narrow for a table that can be read, each row has its first column in a line and the
    others below it.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    lines = [[_cell(row.get(column)) for column in columns] for row in rows]
    if not lines:
        print_text(empty)
        return
    screen = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    needed = -_GAP
    for number, column in enumerate(columns):
        longest = max(cell_len(part) for line in lines for part in line[number].split("\n"))
        least = longest if column in _COPIED or column.endswith("_id") else min(longest, _READABLE)
        needed += max(least, cell_len(column)) + _GAP
        table.add_column(column, overflow="fold", min_width=least)
    if needed > screen.width:
        _print_records(lines, columns, screen.width)
        return
    for line in lines:
        table.add_row(*map(Text, line))
    screen.print(table)


def _print_records(lines: Iterable[Sequence[str]], columns: Sequence[str], width: int) -> None:
    """Print each row below its first column; no word is cut, so that ids can be copied."""
    from rich.cells import cell_len

    for first, *others in lines:
        print_text(first)
        said = ""
        for name, value in zip(columns[1:], others, strict=True):
            part = f"  {name}: {value}"
            if value == "-":
                continue
            if said and cell_len(said + part) > width:
                print_text(said)
                said = ""
            if cell_len(part) > width:
                _print_long(f"  {name}:", value, width)
                continue
            said += part
        if said:
            print_text(said)


def _print_long(name: str, value: str, width: int) -> None:
    """Print a value that does not fit behind its name: between words below it, or as one line for a longer word."""
    indent = "    "
    print_text(name)
    for line in value.split("\n"):
        for part in _folded(line, width - len(indent)):
            print_text(indent + part if len(indent) + len(part) <= width else part)


def _folded(line: str, width: int) -> list[str]:
    """Return the parts of a line, cut between words only."""
    from textwrap import wrap

    return wrap(line, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one a line; where an id does not fit behind its name, it is below it, in one piece."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    screen = console()
    shown = {printable(name): _cell(value) for name, value in facts.items()}
    longest = max(map(cell_len, shown), default=0)

    def new() -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        return table

    table = new()
    for name, value in shown.items():
        if max(map(cell_len, value.split()), default=0) <= screen.width - longest - _GAP:
            table.add_row(Text(name + " " * (longest - cell_len(name))), Text(value))
            continue
        if table.row_count:
            screen.print(table)
            table = new()
        _print_long(name, value, screen.width)
    if table.row_count:
        screen.print(table)


def instant(value: datetime | None) -> str | None:
    """Return an instant for people: UTC, to the second."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(part) for part in value) or "-"
    return printable(str(value))


def _escaped(text: str) -> str:
    """Return the JSON text with an escape for each character that is not printable, or that stdout cannot encode.

    Its value is the same.
    """
    wide = "utf" in (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    if wide and text.isprintable():
        return text
    return "".join(
        sign if (sign.isprintable() or sign == "\n") and (wide or sign.isascii()) else _escape(sign) for sign in text
    )


def _escape(sign: str) -> str:
    code = sign.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4))


def _encode(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

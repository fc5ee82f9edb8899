"""Print titles, sentences, tables, and queries with their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.demo")


class Page:
    """Prints on one console, without control codes if it is not a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def title(self, text: str) -> None:
        """Print the title of a part."""
        self.console.print(Text(f"\n== {text}", style="bold"))

    def say(self, text: str, style: str = "") -> None:
        """Print a sentence, above the live tree if there is one; a file gets it in one line."""
        self.console.print(Text(f"   {text}", style=style), soft_wrap=not self.console.is_terminal)

    def query(self, connection: psycopg.Connection[Any], name: str) -> None:
        """Show a query with its comment as the title, and its result."""
        title, _, sql = statement(name).partition("\n")
        self.console.print(Text(f"\n-- {title.removeprefix('-- ')}", style="bold"))
        if self.console.is_terminal:
            self.console.print(
                Syntax(sql.strip(), "postgresql", theme="ansi_dark", background_color="default", word_wrap=True)
            )
        else:
            self.console.print(Text(sql.strip()), soft_wrap=True)
        self.console.print()
        cursor = connection.execute(statement(name))
        self.table([column.name for column in cursor.description or ()], cursor.fetchall())

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print rows below the names of their columns."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text("-" if value is None else str(value)) for value in row))
        self.console.print(table)

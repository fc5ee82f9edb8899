"""Show the execution's tree from the read tables: live in a terminal, else one line for each change."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from psycopg.rows import dict_row
from rich.console import Group
from rich.live import Live
from rich.text import Text

from runfold.cli.durations import short
from runfold.cli.timeline import render_timeline
from runfold.demo.page import Page, statement
from runfold.errors import UnknownExecution
from runfold.reading.executions import read_execution
from runfold.reading.status import Row

_EVERY = 0.15
# The lines below the live tree: the positions of log and tables, and a question, which may need two.
_FOOTER = 6


class Screen:
    """Follows one execution; everything that it shows comes from the read tables."""

    def __init__(self, page: Page, connection: psycopg.Connection[Any]) -> None:
        self._page = page
        self.console = page.console
        self._connection = connection
        self._began = time.monotonic()
        self._live: Live | None = None
        self._question: str | None = None
        self._seen: dict[str, tuple[str, int]] = {}

    def ask(self, question: str | None) -> None:
        """Show a question below the live tree until it is None; without a live tree, print it once."""
        self._question = question
        if question is not None and self._live is None:
            self._page.say(f"? {question}")

    @contextlib.asynccontextmanager
    async def following(self, execution_id: str) -> AsyncIterator[None]:
        """Show the execution while the block runs, and the complete tree at the end."""
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, vertical_overflow="visible")
            self._live.start()
        task = asyncio.create_task(self._follow(execution_id))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.to_thread(self._look, execution_id, footer=False)
            if self._live is not None:
                self._live.stop()
                self._live = None
            else:
                with contextlib.suppress(UnknownExecution):
                    found = read_execution(self._connection, execution_id)
                    self.console.print()
                    self.console.print(render_timeline(found, now=_now(), width=self.console.width))

    async def positions(self) -> Row:
        """Return the head of the log, and the position up to which the read tables are folded."""
        return await asyncio.to_thread(self._positions)

    def _positions(self) -> Row:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement("positions")).fetchone() or {}

    async def _follow(self, execution_id: str) -> None:
        while True:
            # Shielded, because a read must end before the connection is used again.
            look = asyncio.ensure_future(asyncio.to_thread(self._look, execution_id))
            try:
                await asyncio.shield(look)
            except asyncio.CancelledError:
                await look
                raise
            await asyncio.sleep(_EVERY)

    def _look(self, execution_id: str, *, footer: bool = True) -> None:
        try:
            found = read_execution(self._connection, execution_id)
        except UnknownExecution:
            return
        if self._live is None:
            self._print_changes(found)
            return
        size = self.console.size
        height = size.height - _FOOTER if footer else None
        parts = [render_timeline(found, now=_now(), width=size.width, height=height)]
        if footer:
            at = self._positions()
            lag = at["head"] - at["folded"]
            parts.append(Text(f"\n   log {at['head']} events, read tables at {at['folded']}", style="dim"))
            parts[-1].append(f", {lag} behind" if lag else "", style="yellow")
        if self._question is not None:
            parts.append(Text(f"\n   ? {self._question}", style="bold magenta"))
        self._live.update(Group(*parts), refresh=True)

    def _print_changes(self, found: Row) -> None:
        """Print a line for each node whose status or attempt has changed since the last call."""
        rows = [
            (row["activation"], row["status"], row["retry_count"] + 1, row["duration_ms"]) for row in found["nodes"]
        ]
        rows.append((found["execution_id"], found["status"], 1, found["duration_ms"]))
        for name, status, attempt, took in rows:
            if status == "PENDING" or self._seen.get(name) == (status, attempt):
                continue
            self._seen[name] = (status, attempt)
            tried = f"  attempt {attempt}" if attempt > 1 else ""
            passed = time.monotonic() - self._began
            self.console.print(
                Text(f"   {passed:5.1f} s  {name:<24} {status.lower():<18} {short(took) or '':>8}{tried}".rstrip())
            )


def _now() -> float:
    return time.time() * 1000

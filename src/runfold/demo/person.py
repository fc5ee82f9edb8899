"""Answer the engine's question: by the person at the terminal, or yes after some seconds."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator

from runfold.demo.engine import Answer

PATIENCE_AT_THE_TERMINAL = 12.0
PATIENCE_WITHOUT = 2.0

Show = Callable[[str | None], None]


class Person:
    """Asks at the terminal and takes one key; answers yes after some seconds, earlier without a terminal."""

    def __init__(self, show: Show) -> None:
        self._show = show

    async def __call__(self, question: str) -> Answer:
        if not at_a_terminal():
            self._show(f"{question} There is no terminal to ask at: yes, in {PATIENCE_WITHOUT:g} s")
            await asyncio.sleep(PATIENCE_WITHOUT)
            return Answer(approved=True, by="nobody", channel="in_app")
        self._show(f"{question} Press y or n (yes by itself in {PATIENCE_AT_THE_TERMINAL:g} s)")
        with _single_keys(sys.stdin.fileno()) as keys:
            try:
                async with asyncio.timeout(PATIENCE_AT_THE_TERMINAL):
                    while (key := (await keys.get()).lower()) not in ("y", "n", "\n", "\r", ""):
                        pass
            except TimeoutError:
                return Answer(approved=True, by="nobody", channel="in_app")
            finally:
                self._show(None)
        return Answer(approved=key != "n", by=_user(), channel="in_app")


def at_a_terminal() -> bool:
    """Return whether a person can press a key: stdin is a terminal, and this process is in its foreground."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _single_keys(descriptor: int) -> Iterator[asyncio.Queue[str]]:
    """Yield a queue of pressed keys, which the terminal does not show."""
    keys: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSANOW)
    loop.add_reader(descriptor, lambda: keys.put_nowait(os.read(descriptor, 1).decode(errors="replace")))
    try:
        yield keys
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, in a container
        return "somebody"

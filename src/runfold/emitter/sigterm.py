"""SIGTERM, whose default action runs no `finally`: it ends the process by SystemExit while somebody asks for that."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

_sigterm_users = 0


def handle_sigterm() -> bool:
    """Have SIGTERM end the process by SystemExit; only where nobody else handles it, and only in the main thread."""
    global _sigterm_users
    if threading.current_thread() is not threading.main_thread():
        return False
    if _sigterm_users == 0:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return False
        signal.signal(signal.SIGTERM, _exit)
    _sigterm_users += 1
    return True


def leave_sigterm() -> None:
    global _sigterm_users
    _sigterm_users -= 1
    if _sigterm_users == 0 and signal.getsignal(signal.SIGTERM) is _exit:
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


__all__ = ["handle_sigterm", "leave_sigterm"]

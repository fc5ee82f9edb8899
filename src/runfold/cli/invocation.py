"""What this call of the command line was told for all commands: settings and `--debug`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from runfold.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options before the noun."""

    settings: Settings | None = None
    debug: bool = False


_current = Invocation()


def set_current(invocation: Invocation) -> None:
    """Remember what the command line was told."""
    global _current
    _current = invocation


def current() -> Invocation:
    """What the command line was told."""
    return _current


def settings() -> Settings:
    """The settings of the environment and of the options before the noun."""
    return _current.settings or load_settings()


def override(**flags: Any) -> None:
    """Let an option after the noun go before the environment."""
    set_current(replace(_current, settings=settings().model_copy(update=flags)))

"""The options before the noun, which hold for every command: settings and `--debug`."""

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
    """Keep the options before the noun."""
    global _current
    _current = invocation


def current() -> Invocation:
    """Return the options before the noun."""
    return _current


def settings() -> Settings:
    """Return the settings from the environment and from the options before the noun."""
    return _current.settings or load_settings()


def override(**flags: Any) -> None:
    """Let an option after the noun override the environment."""
    set_current(replace(_current, settings=settings().model_copy(update=flags)))

"""The options before the noun, which hold for every command: settings and `--debug`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runfold.settings import Settings


@dataclass(slots=True)
class Invocation:
    """The options before the noun, and the settings that follow from them."""

    flags: Mapping[str, Any] = field(default_factory=dict)
    debug: bool = False
    settings: Settings | None = None


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
    if _current.settings is None:
        from runfold.settings import load_settings  # imports pydantic, which help and completion do without

        _current.settings = load_settings(**_current.flags)
    return _current.settings


def override(**flags: Any) -> None:
    """Let an option after the noun override the environment."""
    _current.settings = settings().model_copy(update=flags)

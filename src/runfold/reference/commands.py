"""Generate docs/reference/cli.md from the commands and the settings."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

import typer.main
from typer.core import TyperArgument

import runfold.cli
from runfold.cli.app import build
from runfold.reference.markdown import code, page, table
from runfold.settings import Settings

_NAMES: dict[Any, str] = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "PATH", UUID: "UUID", bool: "BOOLEAN"}


@cache
def commands() -> dict[str, Any]:
    """Return every command by its full name (`runfold execution list`), without the nouns."""
    found: dict[str, Any] = {}

    def walk(name: str, command: Any) -> None:
        below = getattr(command, "commands", None)
        if below is None:
            found[name] = command
        for child, one in sorted((below or {}).items()):
            walk(f"{name} {child}", one)

    walk("runfold", typer.main.get_command(build()))
    return found


@cache
def root() -> Any:
    """Return the command `runfold`, whose options come before the noun."""
    return typer.main.get_command(build())


def _text(value: str | None) -> str:
    return " ".join((value or "").split())


def _options(command: Any) -> list[str]:
    rows = [
        (", ".join(map(code, [*one.opts, *one.secondary_opts])), _kind(one), _text(getattr(one, "help", None)))
        for one in command.params
        if not isinstance(one, TyperArgument) and not one.hidden
    ]
    return table(["option", "value", ""], rows) if rows else []


def _kind(one: Any) -> str:
    """Return the kind of an option's value, and its default."""
    if one.is_flag:
        return ""
    annotation = one.type_descriptor.annotation
    if get_origin(annotation) is Literal:
        kind = " ".join(map(code, get_args(annotation)))
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        kind = " ".join(code(member.value) for member in annotation)
    else:
        kind = code(one.metavar or _NAMES.get(annotation, getattr(annotation, "__name__", "value")))
    if isinstance(one.show_default, str):
        return f"{kind}, default {one.show_default}"
    given = getattr(one.default, "value", one.default)
    return kind if given is None or callable(given) or given in ((), []) else f"{kind}, default {given}"


def _command(name: str, command: Any) -> Iterator[str]:
    yield from (f"## {name}", "")
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    usage = [name, "[OPTIONS]"]
    for one in arguments:
        word = str(one.name).upper() + ("..." if one.nargs != 1 else "")
        usage.append(word if one.required else f"[{word}]")
    yield from ("```text", " ".join(usage), "```", "")
    for paragraph in (command.help or "").strip().split("\n\n"):
        yield from (_text(paragraph), "")
    if arguments:
        yield from table(
            ["argument", ""], [(code(str(one.name).upper()), _text(getattr(one, "help", None))) for one in arguments]
        )
    yield from _options(command)
    if command.epilog:
        yield from (f"`{_text(command.epilog).replace('Example: ', '')}`", "")


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _settings() -> Iterator[str]:
    yield from (
        "## Settings",
        "",
        "From the environment. `--url` and `--home` override RUNFOLD_DATABASE_URL and RUNFOLD_HOME.",
        "",
    )
    yield from table(
        ["variable", "default", ""],
        [
            (
                code(f"RUNFOLD_{name.upper()}"),
                "" if field.default is None else code(_shown(field.default)),
                field.description or "",
            )
            for name, field in Settings.model_fields.items()
        ],
    )


def cli_page() -> str:
    """Return the page."""
    exit_codes = _text((runfold.cli.__doc__ or "").split("\n\n")[1])
    introduction = f"{exit_codes}\n\nEvery command has `--help`. Options of `runfold` itself come before the noun.\n"
    parts: list[str] = ["## runfold", "", *_options(root())]
    for name, command in commands().items():
        parts += _command(name, command)
    return page("Command line", introduction, parts, _settings())

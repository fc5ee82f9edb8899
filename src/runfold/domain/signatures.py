"""Signatures for `help` and editors: the words of a TypedDict in place of `**about`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Required, TypeVar, get_args, get_origin, get_type_hints

Spelled = TypeVar("Spelled", bound=Callable[..., Any])
Kind = TypeVar("Kind", bound=type)


def spelled_out(function: Spelled) -> Spelled:
    """Return the function with a signature that has each key of an `Unpack[TypedDict]` as a parameter.

    A key that may be left out has the default `...`: the event has its own.
    """
    signature = inspect.signature(function)
    *others, last = signature.parameters.values()
    if last.kind is inspect.Parameter.VAR_KEYWORD:
        (keys,) = get_args(get_type_hints(function)[last.name])
        given = {each.name for each in others}
        hints = get_type_hints(keys, include_extras=True)
        words = [_parameter(name, hint) for name, hint in hints.items() if name not in given]
        function.__signature__ = signature.replace(parameters=[*others, *words])  # type: ignore[attr-defined]
    return function


def spells_out(kind: Kind) -> Kind:
    """Return the class with each method's signature spelled out that takes a TypedDict as its keywords."""
    for function in vars(kind).values():
        if inspect.isfunction(function) and not hasattr(function, "__wrapped__"):
            parameters = function.__annotations__.values()
            if any(str(each).startswith("Unpack[") for each in parameters):
                spelled_out(function)
    return kind


def _parameter(name: str, hint: Any) -> inspect.Parameter:
    required = get_origin(hint) is Required
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else ...,
        annotation=get_args(hint)[0] if required else hint,
    )

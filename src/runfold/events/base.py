"""The base class of events, and the vocabulary that their classes make up.

An event is an immutable pydantic model that can only be made from storable values. Its class says what it does; a
subclass below `runfold.events` joins VOCABULARY when it is defined, unless it is `abstract`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Literal, Self, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from runfold.errors import InvalidInput
from runfold.events.claims import Claim
from runfold.events.faults import fault
from runfold.events.machines import Machine, Move
from runfold.events.rules import FieldRule, Rule, format_timestamp, normalized

VOCABULARY: dict[str, type[Event]] = {}
"""Every event type by its name."""


class Event(BaseModel):
    """One event of the vocabulary.

    A class says what its events do: `class NodeSkipped(NodeEvent, moves=NODE.to("SKIPPED", by="skip"))`. Without
    `moves` they move no machine. An `abstract` class is a base of others and not a type.

    Raises `InvalidInput` when it is made from anything that a read table's column could not take, with the code,
    the JSON pointer below the event's data, the limit and what was found. Fields that are None are not given.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,  # at an event's first use: a command needs few of them, and most none
    )

    stream_category: ClassVar[str]
    moves: ClassVar[Move | None] = None
    """The machine that the event moves, where to, and by which command."""
    claims: ClassVar[Claim | None] = None
    """What the event claims, across streams. A subclass claims what its base does."""
    reserved: ClassVar[bool] = False
    """Only functions of runfold append it: append_events refuses it. A subclass is reserved where its base is."""

    def __init_subclass__(
        cls,
        *,
        moves: Move | None = None,
        claims: Claim | None = None,
        abstract: bool = False,
        reserved: bool = False,
    ) -> None:
        super().__init_subclass__()
        cls.moves = moves
        if claims is not None:
            cls.claims = claims
        if reserved:
            cls.reserved = True
        if cls.__module__.startswith(f"{__package__}."):
            # What `from <module> import *` takes: the classes, and none of the types that their fields have.
            vars(sys.modules[cls.__module__]).setdefault("__all__", []).append(cls.__name__)
            if not abstract:
                VOCABULARY[cls.event_type()] = cls
                if moves is not None:
                    moves.machine.add(moves)

    def __init__(self, **data: Any) -> None:
        try:
            # As BaseModel.__init__, without the call of it.
            self.__pydantic_validator__.validate_python(data, self_instance=self)
        except (ValidationError, UnicodeEncodeError, OverflowError) as error:
            self._init_normalized(data, error)

    def _init_normalized(self, data: dict[str, Any], refused: Exception) -> None:
        """Make the event from values that are not of plain types, but can be written; raises the first that cannot."""
        try:
            plain = normalized(self.rules(), data)
        except InvalidInput as found:
            found.__suppress_context__ = True
            raise
        try:
            super().__init__(**plain)
        except (ValidationError, UnicodeEncodeError, OverflowError):
            raise _unforeseen(refused) from None

    @classmethod
    def event_type(cls) -> str:
        """Name the type as the log stores it."""
        return cls.__name__

    @classmethod
    def schema_version(cls) -> int:
        """Return the current version of the type's shape."""
        return 1

    @classmethod
    def category(cls) -> str:
        """Name the category of the streams that hold this type."""
        return cls.stream_category

    @classmethod
    def rules(cls) -> tuple[FieldRule, ...]:
        """Return the rule of each field, in their order."""
        return _rules(cls)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Make the event from its JSON object; raises InvalidInput."""
        return cls(**data)

    def to_data(self) -> dict[str, Any]:
        """Return the JSON object that the log stores, without the fields that are not given."""
        data = {}
        fields = self.__dict__
        for attribute, field, convert in _writers(type(self)):
            value = fields[attribute]
            if value is not None:
                data[field] = value if convert is None else convert(value)
        return data


def types_that_move(machine: Machine) -> tuple[str, ...]:
    """Return the types of the events that move a machine, in the vocabulary's order."""
    return tuple(name for name, move in _moves() if move.machine is machine)


def types_that_end(machine: Machine) -> tuple[str, ...]:
    """Return the types of the events after which nothing moves a machine any more, in the vocabulary's order."""
    return tuple(name for name, move in _moves() if move.machine is machine and move.ends)


def _moves() -> list[tuple[str, Move]]:
    return [(name, event.moves) for name, event in VOCABULARY.items() if event.moves is not None]


def _unforeseen(error: Exception) -> InvalidInput:
    return fault("not_json", "", found=type(error).__name__)


def _rule_of(annotation: Any, metadata: list[Any]) -> Rule:
    for item in metadata:
        if isinstance(item, Rule):
            return item
    if get_origin(annotation) is Literal:
        return Rule("enum", allowed=get_args(annotation))
    for part in get_args(annotation):
        if part is not type(None):
            return _rule_of(part, list(getattr(part, "__metadata__", ())))
    raise TypeError(f"no rule for a field of type {annotation}")


@cache
def _rules(event: type[Event]) -> tuple[FieldRule, ...]:
    return tuple(
        FieldRule(field.alias or name, _rule_of(field.annotation, field.metadata), field.is_required())
        for name, field in event.model_fields.items()
    )


@cache
def _writers(event: type[Event]) -> tuple[tuple[str, str, Callable[[Any], Any] | None], ...]:
    def write(value: UUID | datetime) -> str:
        return format_timestamp(value) if isinstance(value, datetime) else str(value)

    return tuple(
        (attribute, at.field, write if at.rule.kind in ("uuid", "timestamp") else None)
        for attribute, at in zip(event.model_fields, event.rules(), strict=True)
    )

"""Which fields are encrypted: policies of the store and of tenants, per event type and field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, get_args
from uuid import UUID

import psycopg

from runfold.errors import InvalidInput
from runfold.events import VOCABULARY
from runfold.events.encrypted_forms import ENCRYPTABLE, PAYLOAD
from runfold.events.fields import EncryptedField
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.keys")

ALL: Final = "*"
_EVERYTHING = ENCRYPTABLE | {PAYLOAD}


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of a store: (tenant or None for all, event type or *, field or *)."""

    rows: tuple[tuple[UUID | None, str, str], ...] = ()
    _found: dict[tuple[UUID, str], frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def fields_of(self, user_id: UUID, event_type: str) -> frozenset[str]:
        """Return the fields of an event type that are encrypted for a tenant."""
        found = self._found.get((user_id, event_type))
        if found is None:
            named = {
                name for tenant, kind, name in self.rows if tenant in (None, user_id) and kind in (ALL, event_type)
            }
            found = _EVERYTHING if ALL in named else frozenset(named)
            if len(self._found) < 100_000:
                self._found[user_id, event_type] = found
        return found

    def may_concern(self, event_type: str) -> bool:
        """Whether values of an event type are encrypted for some tenant."""
        return any(kind in (ALL, event_type) for _, kind, _ in self.rows)


def check_fields(fields: Iterable[str]) -> None:
    """Raise InvalidInput for a field that is never encrypted, with those that may be."""
    allowed = get_args(EncryptedField)
    for name in fields:
        if name not in allowed:
            raise InvalidInput(
                f"the field {name} is never encrypted: folds compute with it, or no event has it",
                hint=f"choose among {', '.join(allowed)}",
                code="field_not_encryptable",
                pointer="/field",
                limit=list(allowed),
                found=name[:100],
            )


def read_policies(connection: psycopg.Connection[Any]) -> Policies:
    """Return the policies of a store."""
    return Policies(tuple(connection.execute(statement("policies")).fetchall()))


def add_policies(
    connection: psycopg.Connection[Any],
    fields: Iterable[str],
    *,
    event_type: str = ALL,
    user_id: UUID | None = None,
    remove: bool = False,
) -> int:
    """State that fields are encrypted from now on, or with `remove` no more; return how many policies changed.

    Raises InvalidInput for a field that is never encrypted and a type that has none of the fields.
    """
    named = list(dict.fromkeys(fields))
    check_fields(named)
    if event_type != ALL:
        _check_type(event_type, named)
    name = "remove_policies" if remove else "add_policies"
    parameters = {"user_id": user_id, "event_type": event_type, "fields": named}
    try:
        row = connection.execute(statement(name), parameters).fetchone()
    except psycopg.errors.ForeignKeyViolation:
        raise InvalidInput(
            f"there is no user {user_id}",
            hint="give the id of a row of auth.users",
            code="unknown_user",
            pointer="/user_id",
        ) from None
    return 0 if row is None else int(row[0])


def _check_type(event_type: str, fields: list[str]) -> None:
    known = VOCABULARY.get(event_type)
    if known is None:
        return  # a type of the user's own: its payload may be encrypted
    its_own = [rule.field for rule in known.rules() if rule.field in ENCRYPTABLE]
    for name in fields:
        if name not in (ALL, *its_own):
            raise InvalidInput(
                f"{event_type} has no field {name} that may be encrypted",
                hint=f"it has {', '.join(its_own)}" if its_own else "none of its fields may be encrypted",
                code="field_not_encryptable",
                pointer="/field",
                limit=its_own,
                found=name,
            )

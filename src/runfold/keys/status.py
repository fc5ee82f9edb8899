"""What an operator sees of keys: where they are, how many, by which master key they are wrapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from runfold.errors import KeyUnavailable
from runfold.keys.cipher import has_cipher
from runfold.keys.keyring import Keyring


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """The keys of a home, counted."""

    home: str
    ledger: str | None
    erasures: int
    can_encrypt: bool
    tenants: int
    keys: int
    by_newest_master: int
    by_older_master: int
    unreadable: int
    destroyed: int
    policies: list[dict[str, Any]]


def read_status(keyring: Keyring, policies: tuple[tuple[UUID | None, str, str], ...]) -> KeyStatus:
    """Count the keys of a keyring's home."""
    tenants: set[UUID] = set()
    counts = dict.fromkeys(("newest", "older", "unreadable", "destroyed"), 0)
    for key in keyring.all_keys():
        tenants.add(key.user_id)
        if key.wrapped is None:
            counts["destroyed"] += 1
        elif keyring.masters.is_newest(key.wrapped):
            counts["newest"] += 1
        else:
            try:
                keyring.masters.unwrap(key.wrapped)
                counts["older"] += 1
            except KeyUnavailable:
                counts["unreadable"] += 1
    ledger = keyring.ledger
    return KeyStatus(
        home=keyring.home.description,
        ledger=None if ledger is None else ledger.description,
        erasures=0 if ledger is None else len(ledger.entries()),
        can_encrypt=has_cipher(),
        tenants=len(tenants),
        keys=sum(counts.values()),
        by_newest_master=counts["newest"],
        by_older_master=counts["older"],
        unreadable=counts["unreadable"],
        destroyed=counts["destroyed"],
        policies=[{"tenant": tenant, "type": kind, "field": field} for tenant, kind, field in policies],
    )

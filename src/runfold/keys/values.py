"""Encrypts the values of a call, and opens the values of events and rows. No I/O but the keyring's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson

from runfold.errors import KeyUnavailable, NotOpened
from runfold.events.encrypted_forms import (
    METADATA,
    PAYLOAD,
    Encrypted,
    Erased,
    looks_encrypted,
    parts_of,
    values_of,
)
from runfold.keys.cipher import TenantKey
from runfold.keys.keyring import Keyring

KeyOf = Callable[[str], TenantKey]
"""Returns the key that the value at a field path is encrypted with."""


def encrypt_data(data: Mapping[str, Any], paths: frozenset[str], identity: str, key_of: KeyOf) -> dict[str, Any]:
    """Return an event's data with the values at these field paths encrypted."""
    encrypted = dict(data)
    for path, value in values_of(data):
        if path not in paths:
            continue
        field, _, key = path.partition("/")
        content = _encrypted(value, identity, path, key_of)
        if field == METADATA:
            encrypted[METADATA] = {**encrypted[METADATA], key: content}
        else:
            encrypted[field] = content
    return encrypted


def encrypt_payload(payload: bytes, identity: str, key_of: KeyOf) -> bytes:
    """Return an opaque payload encrypted as a whole."""
    key = key_of(PAYLOAD)
    return Encrypted(key.key_id, key.encrypt_field(payload, identity=identity, field=PAYLOAD)).as_payload()


def _encrypted(value: Any, identity: str, path: str, key_of: KeyOf) -> Any:
    key = key_of(path)
    if isinstance(value, str):
        return Encrypted(key.key_id, key.encrypt_field(value.encode(), identity=identity, field=path)).as_text()
    # Sorted, because jsonb knows no order: the same object sent again must give the same bytes.
    content = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return Encrypted(key.key_id, key.encrypt_field(content, identity=identity, field=path)).as_object()


def open_value(value: Any, path: str, user_id: UUID | None, keyring: Keyring | None) -> Any:
    """Return a value as it was before it was encrypted, Erased where its key was destroyed, any other as it is.

    Raises KeyUnavailable where the key is missing, NotOpened for a value that was changed or moved.
    """
    if not looks_encrypted(value):
        return value
    found = parts_of(value)
    if found is None or user_id is None:
        raise NotOpened(
            f"the value of {path} has the form of an encrypted one, and is none",
            hint="see the event that holds it",
            field=path,
        )
    if keyring is None:
        raise KeyUnavailable(
            f"the value of {path} is encrypted, and this process has no keys",
            hint="set RUNFOLD_MASTER_KEYS and RUNFOLD_KEY_HOME",
        )
    key = keyring.opening_key(user_id, found.key_id)
    if key is None:
        return Erased()
    plain = key.open_field(found.content, user_id=user_id, field=path)
    if path == PAYLOAD:
        return plain
    return plain.decode() if isinstance(value, str) else orjson.loads(plain)


def open_data(data: Mapping[str, Any], user_id: UUID | None, keyring: Keyring | None) -> Mapping[str, Any]:
    """Return an event's data, or a row of a read table, with its values opened; the same where none is encrypted."""
    found = [(path, value) for path, value in values_of(data) if looks_encrypted(value)]
    if not found:
        return data
    opened = dict(data)
    for path, value in found:
        plain = open_value(value, path, user_id, keyring)
        field, _, key = path.partition("/")
        opened[field] = {**opened[METADATA], key: plain} if field == METADATA else plain
    return opened


def has_encrypted(data: Mapping[str, Any] | None, payload: bytes | None) -> bool:
    """Whether a value of an event is encrypted."""
    if payload is not None:
        return looks_encrypted(payload)
    return data is not None and any(looks_encrypted(value) for _, value in values_of(data))


def key_ids_of(data: Mapping[str, Any] | None, payload: bytes | None) -> dict[str, UUID]:
    """Return the ids of the keys of an event's encrypted values, by their field paths."""
    found: Iterable[tuple[str, Any]] = values_of(data or {})
    if payload is not None:
        found = [(PAYLOAD, payload)]
    return {path: parts.key_id for path, value in found if (parts := parts_of(value)) is not None}

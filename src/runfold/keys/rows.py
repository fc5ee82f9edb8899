"""Opens rows as the reading functions return them: read tables' rows with others inside, and events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from runfold.events.encrypted_forms import looks_encrypted, values_of
from runfold.keys.keyring import Keyring
from runfold.keys.values import open_data


def has_encrypted_rows(found: Any) -> bool:
    """Whether a value of a row, or of one inside it, is encrypted."""
    if isinstance(found, list):
        return any(map(has_encrypted_rows, found))
    if not isinstance(found, dict):
        return False
    if _is_event(found):
        return _has_encrypted(found["data"])
    return _has_encrypted(found) or any(has_encrypted_rows(value) for value in found.values() if _is_rows(value))


def open_rows(found: Any, keyring: Callable[[], Keyring], tenant: UUID | None = None) -> Any:
    """Return a row, or rows, with their values opened; those of destroyed keys are Erased.

    A row without a tenant is of the one that it belongs to. Raises KeyUnavailable, NotOpened.
    """
    if isinstance(found, list):
        return [open_rows(row, keyring, tenant) for row in found]
    if not isinstance(found, dict):
        return found
    tenant = found.get("user_id") or tenant
    if _is_event(found):
        return {**found, "data": _with_values(found["data"], tenant, keyring)}
    row = _with_values(found, tenant, keyring)
    nested = {name: value for name, value in row.items() if _is_rows(value)}
    return {**row, **{name: open_rows(value, keyring, tenant) for name, value in nested.items()}}


def _is_event(row: dict[str, Any]) -> bool:
    """Whether a row is an event: its data has the fields. A row of reasons has a field of that name."""
    return "stream_version" in row and "reason" not in row and isinstance(row.get("data"), dict)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _has_encrypted(row: dict[str, Any]) -> bool:
    return any(looks_encrypted(value) for _, value in values_of(row))


def _with_values(row: dict[str, Any], tenant: UUID | None, keyring: Callable[[], Keyring]) -> dict[str, Any]:
    return dict(open_data(row, tenant, keyring())) if _has_encrypted(row) else row

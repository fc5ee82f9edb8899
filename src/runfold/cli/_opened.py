"""Open the encrypted values of what a command prints, where this process has the keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runfold.cli.invocation import settings

if TYPE_CHECKING:
    from runfold.keys.keyring import Keyring


def opened(found: Any) -> Any:
    """Return rows with their values opened; those of destroyed keys read [erased].

    Without master keys the rows stay as they are stored: encrypted. Raises KeyUnavailable where a key is missing.
    """
    with opening() as open_one:
        return open_one(found)


@contextmanager
def opening() -> Iterator[Callable[[Any], Any]]:
    """Return the function that opens rows, for output that comes piece by piece. Keys are opened when one is needed."""
    kept: list[Keyring] = []

    def keyring() -> Keyring:
        from runfold.database.connections import resolve_url
        from runfold.keys.opening import open_keyring

        if not kept:
            chosen = settings()
            kept.append(open_keyring(chosen, resolve_url(chosen, create=False)))
        return kept[0]

    try:
        yield (lambda found: _opened(found, None, keyring)) if _has_keys() else _same
    finally:
        for one in kept:
            one.close()


def _same(found: Any) -> Any:
    return found


def _has_keys() -> bool:
    chosen = settings()
    return chosen.master_keys is not None or chosen.master_keys_file is not None


def _opened(found: Any, tenant: UUID | None, keyring: Callable[[], Keyring]) -> Any:
    """Return a row, or rows, with their values opened. A row without a tenant is of the one that it belongs to."""
    if isinstance(found, list):
        return [_opened(row, tenant, keyring) for row in found]
    if not isinstance(found, dict):
        return found
    tenant = found.get("user_id") or tenant
    if "stream_version" in found and "reason" not in found and isinstance(found.get("data"), dict):  # an event
        return {**found, "data": _with_values(found["data"], tenant, keyring)}
    row = _with_values(found, tenant, keyring)
    nested = {name: value for name, value in row.items() if isinstance(value, list) and _is_rows(value)}
    return {**row, **{name: _opened(value, tenant, keyring) for name, value in nested.items()}}


def _is_rows(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(one, dict) for one in value)


def _with_values(row: dict[str, Any], tenant: UUID | None, keyring: Callable[[], Keyring]) -> dict[str, Any]:
    from runfold.events.encrypted_forms import looks_encrypted, values_of
    from runfold.keys.values import open_data

    if not any(looks_encrypted(value) for _, value in values_of(row)):
        return row
    return dict(open_data(row, tenant, keyring()))

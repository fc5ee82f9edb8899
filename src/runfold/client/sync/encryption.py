# Generated from ../aio/encryption.py by `make sync`: edit that file, never this one.
"""Encryption at the edge of a store: what it appends is encrypted by policy, what it reads is opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, LiteralString, Protocol
from uuid import UUID

import psycopg

from runfold.client.encrypting import (
    Bodies,
    SentCall,
    call_as_recorded,
    encoded_call,
    encrypted_call,
    is_concerned,
    is_encrypted,
    opened_events,
    plain_of,
    streams_without_tenant,
    tenant_of,
)
from runfold.errors import EventIdConflict, KeyUnavailable
from runfold.events.codec import call_text
from runfold.events.encoding import Default
from runfold.events.envelope import Append, RecordedEvent
from runfold.keys.keyring import CACHE_SECONDS, Keyring
from runfold.keys.masters import MasterKeySource
from runfold.keys.opening import open_keyring
from runfold.keys.policy import Policies
from runfold.keys.policy import statement as keys_statement
from runfold.keys.rows import has_encrypted_rows, open_rows
from runfold.keys.values import has_encrypted, open_data
from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings

statement = runtime_sql("runfold.client")

_Connection = psycopg.Connection[Any]
_Rows = list[tuple[Any, ...]]
_REPEATS = ("event_id_conflict", "command_id_conflict")
_MOST_STREAMS = 100_000


class EncryptedStore(Protocol):
    """What encryption needs of a store."""

    url: str
    user_id: UUID | None
    default: Default | None
    _settings: Settings

    def _retried(
        self, query: LiteralString, parameters: Mapping[str, Any], fits: Callable[[_Rows], bool] | None = None
    ) -> _Rows: ...


class Encryption:
    """Encrypts what a store appends and opens what it reads; policies and keys are read once a minute at most."""

    def __init__(self, store: EncryptedStore, master_keys: MasterKeySource | None = None) -> None:
        self._store = store
        self._master_keys = master_keys
        self._keyring: Keyring | None = None
        self._policies = Policies()
        self._read_at: float | None = None
        self._tenants: dict[str, UUID] = {}

    def call_of(
        self,
        appends: Sequence[Append],
        metadata: Mapping[str, Any],
        command_id: UUID | None,
        connection: _Connection | None,
    ) -> SentCall:
        """Return the call as it is sent; raises InvalidInput, and KeyUnavailable for a policy without its key."""
        store = self._store
        policies = self.policies(connection)
        plain = plain_of(appends, metadata, store.user_id, store.default) if policies else None
        if plain is not None and is_concerned(plain, policies):
            tenants = self._tenants_of(streams_without_tenant(plain), connection)
            if any(tenant_of(append, tenants) is not None for append in plain):
                keyring = self.keyring()
                return encrypted_call(plain, policies, keyring, tenants, command_id)
        text = encoded_call(appends, metadata, store.user_id, store.default) if plain is None else call_text(plain)
        if not self._has_keys():
            return SentCall(text, None, command_id, {})
        # Nothing is encrypted now; where the first time it was, the repeat must be, too.
        return SentCall(text, lambda: plain_of(appends, metadata, store.user_id, store.default), command_id, {})

    def as_recorded(self, call: SentCall, conflict: EventIdConflict, connection: _Connection | None) -> SentCall | None:
        """Return the call with the keys of what is recorded, to be sent once more; None where that cannot help."""
        if conflict.code not in _REPEATS or call.plain is None:
            return None
        plain = call.plain()
        recorded = self._bodies(plain, call.command_id, connection)
        try:
            keyring = self.keyring()
            tenants = self._tenants_of(streams_without_tenant(plain), connection)
            known = replace(call, tenants=tenants)
            return call_as_recorded(known, plain, recorded, keyring)
        except KeyUnavailable:
            return None

    def opened(self, rows: _Rows) -> list[RecordedEvent]:
        """Return the events of rows, with their values opened."""
        events = [RecordedEvent(*row) for row in rows]
        if not any(map(is_encrypted, events)):
            return events
        return opened_events(events, self.keyring())

    def opened_data(self, data: Mapping[str, Any], user_id: UUID | None) -> Mapping[str, Any]:
        """Return an event's data, or a row, with its values opened."""
        if not has_encrypted(data, None):
            return data
        return open_data(data, user_id, self.keyring())

    def opened_rows(self, found: Any) -> Any:
        """Return rows of the reading functions with their values opened."""
        if not has_encrypted_rows(found):
            return found
        return _open_rows(found, self.keyring())

    def policies(self, connection: _Connection | None = None) -> Policies:
        """Return which fields are encrypted, as it was a minute ago at most."""
        now = time.monotonic()
        if self._read_at is None or now - self._read_at >= CACHE_SECONDS:
            rows = self._asked(keys_statement("policies"), {}, connection)
            if rows != list(self._policies.rows):
                self._policies = Policies(tuple((user_id, kind, field) for user_id, kind, field in rows))
            self._read_at = now
        return self._policies

    def may_encrypt(self) -> bool:
        """Whether some call may have to be encrypted here, or have been when it was first sent."""
        return bool(self.policies()) or self._has_keys()

    def keyring(self) -> Keyring:
        """Return the keys of this process; raises KeyUnavailable, LedgerMissing, ExtraMissing."""
        if self._keyring is None:
            store = self._store
            self._keyring = _open(store._settings, store.url, self._master_keys)
        return self._keyring

    def close(self) -> None:
        """Close what the keys' home holds open."""
        if self._keyring is not None:
            self._keyring.close()

    def forget(self) -> None:
        """Read policies and keys again at the next use."""
        self._read_at = None
        if self._keyring is not None:
            self._keyring.forget()

    def _has_keys(self) -> bool:
        settings = self._store._settings
        given = (self._keyring, self._master_keys, settings.master_keys, settings.master_keys_file)
        return any(one is not None for one in given)

    def _tenants_of(self, streams: list[str], connection: _Connection | None) -> dict[str, UUID]:
        """Return the tenants of streams that exist and have one: a call that names none writes to them as theirs."""
        unknown = [stream for stream in streams if stream not in self._tenants]
        if unknown:
            rows = self._asked(statement("tenants_of_streams"), {"streams": unknown}, connection)
            if len(self._tenants) + len(rows) > _MOST_STREAMS:
                self._tenants.clear()
            self._tenants.update(rows)
        return {stream: self._tenants[stream] for stream in streams if stream in self._tenants}

    def _bodies(self, plain: list[dict[str, Any]], command_id: UUID | None, connection: _Connection | None) -> Bodies:
        """Return what the log has of the events of a call."""
        if command_id is not None:
            asked = {"command_id": command_id}
            rows = self._asked(statement("events_of_command"), asked, connection)
            return {(append, event): (data, payload) for append, event, data, payload in rows}
        places = {
            str(event["event_id"]).lower(): (n, m)
            for n, append in enumerate(plain)
            for m, event in enumerate(append["events"])
        }
        asked_ids = {"streams": [append["stream_id"] for append in plain], "event_ids": list(places)}
        rows = self._asked(statement("bodies_of_events"), asked_ids, connection)
        return {places[str(event_id)]: (data, payload) for event_id, data, payload in rows}

    def _asked(self, query: LiteralString, parameters: Mapping[str, Any], connection: _Connection | None) -> _Rows:
        """Run a statement: in the caller's transaction, where it has one, so that it needs no second connection."""
        if connection is None:
            return self._store._retried(query, parameters)
        cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
        cursor.execute(query, parameters)
        return cursor.fetchall()


def _open_rows(found: Any, keyring: Keyring) -> Any:
    return open_rows(found, lambda: keyring)


def _open(settings: Settings, url: str, master_keys: MasterKeySource | None) -> Keyring:
    return open_keyring(settings, url, master_keys=master_keys)

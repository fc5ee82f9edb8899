"""Calls whose values are encrypted before they are sent, and events whose values are opened after they were read."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from runfold.events import VOCABULARY
from runfold.events.codec import call_text, plain_call
from runfold.events.encoding import Default, encoding_with
from runfold.events.encrypted_forms import PAYLOAD, check_reserved, values_of
from runfold.events.envelope import Append, EncodedCall, RecordedEvent, with_metadata
from runfold.events.faults import fault
from runfold.events.json_values import json_type
from runfold.keys.cipher import TenantKey
from runfold.keys.keyring import Keyring
from runfold.keys.policy import Policies
from runfold.keys.values import encrypt_data, encrypt_payload, has_encrypted, key_ids_of, open_data, open_value

Place = tuple[int, int]
"""An event's place in a call: the number of its append, and its own in that."""
Bodies = Mapping[Place, tuple[Mapping[str, Any] | None, bytes | None]]
"""What the log has of a call's events: data and payload as they are stored."""


@dataclass(frozen=True, slots=True)
class SentCall:
    """A call as it is sent, with its plain events in case its values must be encrypted with other keys.

    `plain` returns them, or is None where this process encrypts nothing.
    """

    text: str
    plain: Callable[[], list[dict[str, Any]]] | None
    command_id: UUID | None
    tenants: Mapping[str, UUID]


def completed(append: Append, metadata: Mapping[str, Any], user_id: UUID | None) -> Append:
    """Return the append with the store's tenant, and with the call's metadata under each event's own."""
    if metadata:
        append = replace(append, events=[with_metadata(event, metadata) for event in append.events])
    return replace(append, user_id=user_id) if append.user_id is None and user_id is not None else append


def encoded_call(
    appends: Sequence[Append], metadata: Mapping[str, Any], user_id: UUID | None, default: Default | None
) -> str:
    """Return a call as text, with nothing encrypted; raises InvalidInput."""
    if isinstance(appends, EncodedCall) and not metadata and user_id is None:
        return appends.text
    return call_text(plain_of(appends, metadata, user_id, default))


def plain_of(
    appends: Sequence[Append], metadata: Mapping[str, Any], user_id: UUID | None, default: Default | None
) -> list[dict[str, Any]]:
    """Return a call as plain JSON types; raises InvalidInput."""
    with encoding_with(default):
        return plain_call([completed(append, metadata, user_id) for append in appends])


def is_concerned(call: Iterable[dict[str, Any]], policies: Policies) -> bool:
    """Whether some policy may ask for values of a call to be encrypted."""
    return any(policies.may_concern(event["type"]) for append in call for event in append["events"])


def streams_without_tenant(call: Iterable[dict[str, Any]]) -> list[str]:
    """Return the streams for which a call names no tenant: that of the stream counts."""
    return [append["stream_id"] for append in call if append["user_id"] is None]


def encrypted_call(
    plain: list[dict[str, Any]],
    policies: Policies,
    keyring: Keyring,
    tenants: Mapping[str, UUID],
    command_id: UUID | None,
) -> SentCall:
    """Encrypt what the policies ask for, with the newest keys, and return the call.

    Raises InvalidInput for what JSON would lose, for a value of a wrong type, and for a plain value with the encrypted
    form; KeyUnavailable.
    """
    text = call_text(plain)  # so that it is refused as it would be without encryption
    call = []
    any_encrypted = False
    for n, append in enumerate(plain):
        tenant = tenant_of(append, tenants)
        events = []
        for m, event in enumerate(append["events"]):
            fields = frozenset() if tenant is None else _fields_in(event, policies.fields_of(tenant, event["type"]))
            if fields and tenant is not None:
                _check_types(event, fields, f"/{n}/events/{m}")
                key = keyring.encrypting_key(tenant, len(fields))
                changed = _encrypted(event, fields, _identity(event, command_id, (n, m)), dict.fromkeys(fields, key))
                events.append(changed)
            else:
                events.append(event)
        if events != append["events"]:
            any_encrypted = True
            call.append(_marked(append, events, n))
        else:
            call.append(append)
    if any_encrypted:
        text = call_text(call)
    return SentCall(text, lambda: plain, command_id, tenants)


def call_as_recorded(
    sent: SentCall, plain: list[dict[str, Any]], recorded: Bodies, keyring: Keyring
) -> SentCall | None:
    """Return the call with its values encrypted with the keys of what is recorded.

    So a true repeat has the same bytes, also after a rotation or another policy. None where it cannot be: a key was
    destroyed, or nothing would change.
    """
    call = []
    before = orjson.loads(sent.text)
    for n, append in enumerate(plain):
        tenant = tenant_of(append, sent.tenants)
        events = []
        for m, event in enumerate(append["events"]):
            if (n, m) not in recorded:  # it is new, and goes as the policies say: never plain because others are stored
                events.append(before[n]["events"][m])
                continue
            data, payload = recorded[n, m]
            key_ids = key_ids_of(data if event["type"] in VOCABULARY else None, payload)
            if key_ids and tenant is not None:
                found = {path: keyring.opening_key(tenant, key_id) for path, key_id in key_ids.items()}
                keys = {path: key for path, key in found.items() if key is not None}
                if len(keys) < len(found):
                    return None
                identity = _identity(event, sent.command_id, (n, m))
                events.append(_encrypted(event, frozenset(keys), identity, keys))
            else:
                events.append(event)
        call.append(_marked(append, events, n) if events != append["events"] else append)
    text = call_text(call)
    return None if text == sent.text else replace(sent, text=text)


def opened_events(events: Sequence[RecordedEvent], keyring: Keyring | None) -> list[RecordedEvent]:
    """Return events with their values opened; those of destroyed keys are Erased. Raises KeyUnavailable, NotOpened."""
    return [_opened(event, keyring) if is_encrypted(event) else event for event in events]


def is_encrypted(event: RecordedEvent) -> bool:
    """Whether a value of an event is encrypted."""
    return has_encrypted(event.data if event.type in VOCABULARY else None, event.payload)


def _opened(event: RecordedEvent, keyring: Keyring | None) -> RecordedEvent:
    if event.payload is not None:
        return replace(event, payload=open_value(event.payload, PAYLOAD, event.user_id, keyring))
    return replace(event, data=open_data(event.data or {}, event.user_id, keyring))


def tenant_of(append: Mapping[str, Any], tenants: Mapping[str, UUID]) -> UUID | None:
    """Return the tenant whose an append's events will be: the one that it names, or the stream's."""
    said = append["user_id"]
    if said is None:
        return tenants.get(append["stream_id"])
    try:
        return UUID(said)
    except (ValueError, AttributeError, TypeError):
        return None  # PostgreSQL refuses it, with its pointer


def _fields_in(event: Mapping[str, Any], fields: frozenset[str]) -> frozenset[str]:
    """Return the field paths of an event that are to be encrypted."""
    if event.get("payload") is not None:
        return frozenset({PAYLOAD}) & fields
    data = event.get("data")
    if event["type"] not in VOCABULARY or type(data) is not dict:
        return frozenset()
    found = (path for path, value in values_of(data) if value is not None and path.partition("/")[0] in fields)
    return frozenset(found)


def _check_types(event: Mapping[str, Any], paths: frozenset[str], pointer: str) -> None:
    """Raise for a value of another JSON type than its field's: PostgreSQL sees only what it was encrypted to."""
    if event.get("payload") is not None:
        return
    for at in VOCABULARY[event["type"]].rules():
        expected = at.rule.json_type()
        if at.field in paths and expected and (found := json_type(event["data"][at.field])) != expected:
            raise fault("wrong_type", f"{pointer}/data/{at.field}", limit=expected, found=found)


def _identity(event: Mapping[str, Any], command_id: UUID | None, place: Place) -> str:
    return str(event["event_id"]).lower() if command_id is None else f"{command_id}/{place[0]}/{place[1]}"


def _encrypted(
    event: Mapping[str, Any], paths: frozenset[str], identity: str, keys: Mapping[str, TenantKey]
) -> dict[str, Any]:
    if event.get("payload") is not None:
        payload = encrypt_payload(b64decode(event["payload"]), identity, keys.__getitem__)
        return {**event, "payload": b64encode(payload).decode()}
    return {**event, "data": encrypt_data(event["data"], paths, identity, keys.__getitem__)}


def _marked(append: Mapping[str, Any], events: list[Any], number: int) -> dict[str, Any]:
    """Return the append with the mark that its caller has encrypted values; none of its plain ones may look so."""
    for m, event in enumerate(append["events"]):
        payload = event.get("payload")
        data = event.get("data") if event["type"] in VOCABULARY else None
        check_reserved(data, None if payload is None else b64decode(payload), f"/{number}/events/{m}")
    return {**append, "events": events, "encrypted": True}

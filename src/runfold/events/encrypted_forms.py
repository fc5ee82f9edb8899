"""The forms that encrypted values have in events and read tables, and what is refused because it looks like one.

A value keeps its field's JSON type, so that checks, folds and read tables take it unchanged: a text becomes
`encrypted:<key_id>:<base64>`, any other JSON value `{"$encrypted": <key_id>, "v": <base64>}`. A payload of bytes begins
with PAYLOAD_MARK. Nothing here knows a key.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, get_args
from uuid import UUID

from runfold.errors import InvalidInput
from runfold.events.faults import fault
from runfold.events.fields import EncryptedField
from runfold.events.json_values import pointer_to

ENCRYPTED_KEY: Final = "$encrypted"
TEXT_MARK: Final = "encrypted:"
PAYLOAD_MARK: Final = b"runfold-encrypted\n"
"""18 bytes: in base64 the mark stays a prefix of its own. A key id, a line end and the value follow it."""

METADATA: Final = "metadata"
PAYLOAD: Final = "payload"
ENCRYPTABLE: Final = frozenset(get_args(EncryptedField)) - {"*", PAYLOAD}
"""The fields that folds copy and never compute with. Of metadata the top-level values may be encrypted."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TEXT = re.compile(rf"encrypted:({_UUID}):([A-Za-z0-9+/]+={{0,2}})")
_KEY_ID = re.compile(_UUID)


class Erased(str):
    """What is shown in place of a value whose key was destroyed; it reads `[erased]`."""

    __slots__ = ()

    def __new__(cls) -> Self:
        return super().__new__(cls, "[erased]")

    def __repr__(self) -> str:
        return "<erased>"


@dataclass(frozen=True, slots=True)
class Encrypted:
    """The two parts of an encrypted value: the id of its key, and the bytes."""

    key_id: UUID
    content: bytes

    def as_text(self) -> str:
        """Return the form of a text."""
        return f"{TEXT_MARK}{self.key_id}:{b64encode(self.content).decode()}"

    def as_object(self) -> dict[str, str]:
        """Return the form of a JSON value that is no text."""
        return {ENCRYPTED_KEY: str(self.key_id), "v": b64encode(self.content).decode()}

    def as_payload(self) -> bytes:
        """Return the form of a payload."""
        return PAYLOAD_MARK + str(self.key_id).encode() + b"\n" + self.content


def looks_encrypted(value: Any) -> bool:
    """Whether a value has the marks of an encrypted one, well-formed or not."""
    if type(value) is str:
        return value.startswith(TEXT_MARK)
    if type(value) is dict:
        return ENCRYPTED_KEY in value
    return isinstance(value, bytes | bytearray | memoryview) and bytes(value[: len(PAYLOAD_MARK)]) == PAYLOAD_MARK


def parts_of(value: Any) -> Encrypted | None:
    """Return the parts of an encrypted value, None for one that is malformed or not encrypted."""
    try:
        if isinstance(value, str):
            found = _TEXT.fullmatch(value)
            return None if found is None else Encrypted(UUID(found[1]), b64decode(found[2], validate=True))
        if isinstance(value, dict):
            if set(value) != {ENCRYPTED_KEY, "v"} or _KEY_ID.fullmatch(value[ENCRYPTED_KEY]) is None:
                return None
            return Encrypted(UUID(value[ENCRYPTED_KEY]), b64decode(value["v"], validate=True))
        if looks_encrypted(value):
            key_id, _, content = bytes(value)[len(PAYLOAD_MARK) :].partition(b"\n")
            return Encrypted(UUID(key_id.decode()), content)
    except (ValueError, TypeError):
        pass
    return None


def values_of(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each value of an event's data, or of a row, that may be encrypted, with its field path.

    The path of a top-level value of metadata is `metadata/<key>`.
    """
    for field in data.keys() & ENCRYPTABLE:
        value = data[field]
        if field != METADATA:
            yield field, value
        elif isinstance(value, Mapping):
            for key, item in value.items():
                yield f"{METADATA}/{key}", item


def check_reserved(data: Mapping[str, Any] | None, payload: bytes | None, pointer: str) -> None:
    """Raise `reserved_form` for a plain value that a reader would take for an encrypted one."""
    for path, value in values_of(data or {}):
        if looks_encrypted(value):
            field, _, key = path.partition("/")
            raise reserved(f"{pointer}/data/{field}" + (pointer_to(key) if key else ""))
    if payload is not None and looks_encrypted(payload):
        raise reserved(f"{pointer}/payload")


def reserved(pointer: str) -> InvalidInput:
    """Make the refusal of a value with the encrypted form."""
    return fault("reserved_form", pointer)

"""The cipher of values: AES-256-GCM-SIV, deterministic, with what the value belongs to as associated data.

Deterministic on purpose: an event that is sent again must have the same body. A repeated nonce shows that two values
are equal and nothing else. A value that is copied to another tenant or column does not open. No I/O.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn
from uuid import UUID

from runfold.errors import KeyUnavailable, NotOpened

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

KEY_BYTES = 32
_NONCE_BYTES = 12


class TenantKey:
    """A key of a tenant, ready to encrypt and open values. It cannot be pickled, and shows its id only."""

    __slots__ = ("_cipher", "key_id", "user_id")

    def __init__(self, key_id: UUID, user_id: UUID, key: bytes) -> None:
        self.key_id = key_id
        self.user_id = user_id
        self._cipher = _cipher(key)

    def __repr__(self) -> str:
        return f"<TenantKey {self.key_id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a tenant's key cannot be pickled: open it in the other process")

    def encrypt_field(self, value: bytes, *, identity: str, field: str) -> bytes:
        """Return an event's value encrypted; `identity` and `field` name it, and make its nonce."""
        nonce = sha256(f"{identity}|{field}".encode()).digest()[:_NONCE_BYTES]
        return nonce + self._cipher.encrypt(nonce, value, field_data(self.user_id, field))

    def open_field(self, content: bytes, *, user_id: UUID, field: str) -> bytes:
        """Return an event's value; raises NotOpened for one that was changed or moved."""
        return self._open(content, field_data(user_id, field), field)

    def encrypt_secret(self, value: bytes, place: bytes) -> bytes:
        """Return a secret encrypted with a random nonce: equal secrets do not show that they are."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, place)

    def open_secret(self, content: bytes, place: bytes, field: str) -> bytes:
        """Return a secret; raises NotOpened for one that was changed or moved."""
        return self._open(content, place, field)

    def _open(self, content: bytes, place: bytes, field: str) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            raise NotOpened(
                f"the encrypted value of {field} does not open with key {self.key_id}",
                hint="it was changed, or moved to another tenant or column",
                field=field,
                key_id=self.key_id,
            ) from None


def new_key() -> bytes:
    """Return a new random key."""
    return os.urandom(KEY_BYTES)


def field_data(user_id: UUID, field: str) -> bytes:
    """Return the associated data of an event's value: it opens for this tenant and this column only."""
    return f"runfold|1|{user_id}|{field}".encode()


def secret_place(user_id: UUID, table: str, column: str, row_id: UUID) -> bytes:
    """Return the associated data of a secret: it opens in this row and column only."""
    return f"{user_id}|{table}|{column}|{row_id}".encode()


def has_cipher() -> bool:
    """Whether this installation can encrypt: `cryptography` with OpenSSL 3.2 or newer."""
    try:
        _cipher(bytes(KEY_BYTES))
    except (KeyUnavailable, ImportError):
        return False
    return True


def _cipher(key: bytes) -> AESGCMSIV:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

    try:
        return AESGCMSIV(key)
    except UnsupportedAlgorithm:
        raise KeyUnavailable(
            "this installation of cryptography has no AES-GCM-SIV",
            hint="it needs OpenSSL 3.2 or newer: install the wheel from PyPI",
        ) from None

"""What credentials are made of: tokens that show nothing, what a provider is asked and gives, and their encryption.

A secret reaches SQL as ciphertext only, so that no error and no log of the server can hold it. The types here show
nothing when they are printed, and cannot be pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, NoReturn, get_args
from uuid import UUID

import orjson

from runfold.errors import CredentialInvalid, InvalidInput
from runfold.events.encrypted_forms import Encrypted
from runfold.events.faults import fault
from runfold.events.fields import CredentialProvider, CredentialType
from runfold.keys.cipher import TenantKey, secret_place
from runfold.keys.keyring import Keyring

PROVIDER_SECONDS: Final = 20
"""How long a provider's call may take at most: less than the lease of 30 seconds."""
_MOST_BYTES: Final = 64 * 1024
_MOST_ERROR: Final = 500


class _Secret:
    """Something that is not shown and cannot be pickled."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: read it in the other process")


@dataclass(frozen=True, repr=False, eq=False)
class Token(_Secret):
    """An opened credential: `value` is the token, `additional` what else was put, for instance name and password."""

    value: str | None
    token_type: str = "Bearer"
    expires_at: datetime | None = None
    scope: tuple[str, ...] = ()
    additional: Mapping[str, Any] = field(default_factory=dict)

    @property
    def authorization(self) -> str:
        """The value of an Authorization header."""
        return f"{self.token_type} {self.value or ''}"


@dataclass(frozen=True, repr=False, eq=False)
class Refresh(_Secret):
    """What the callable of a provider gets: it asks the provider for a new token, within `timeout` seconds."""

    user_id: UUID
    provider: str
    integration: str | None
    refresh_token: str
    access_token: str | None
    scope: tuple[str, ...]
    additional: Mapping[str, Any]
    timeout: float = PROVIDER_SECONDS


@dataclass(frozen=True, repr=False, eq=False)
class Granted(_Secret):
    """What a provider gave. Without `refresh_token` or `scope` the former stay; `expires_in` is in seconds."""

    access_token: str
    refresh_token: str | None = None
    expires_in: float | None = None
    scope: tuple[str, ...] | None = None
    token_type: str | None = None


@dataclass(frozen=True, slots=True)
class Expiring:
    """A credential that expires soon."""

    user_id: UUID
    provider: str
    integration: str | None
    expires_at: datetime
    can_refresh: bool


class Kept(NamedTuple):
    """A credential as the statements `credential` and `token_of_integration` return it."""

    id: UUID
    user_id: UUID
    provider: str
    integration_id: str | None
    credential_id: UUID | None
    credential_type: str
    token_type: str
    scope: list[str]
    access_token: bytes | None
    refresh_token: bytes | None
    additional: bytes | None
    additional_key_id: UUID | None
    key_id: UUID
    expires_at: datetime | None
    is_valid: bool
    validation_error: str | None
    is_stale: bool
    is_expired: bool

    @property
    def place(self) -> Place:
        """Where its secrets are."""
        return CREDENTIALS if self.integration_id is None else OAUTH_TOKENS


class Place(NamedTuple):
    """A table of credentials: its columns of secrets, and the beginnings of its statements' names."""

    table: str
    access: str
    refresh: str
    additional: str
    statements: str


CREDENTIALS = Place(
    "user_external_credentials",
    "encrypted_access_token",
    "encrypted_refresh_token",
    "encrypted_additional_data",
    "credential",
)
OAUTH_TOKENS = Place("oauth_tokens", "access_token", "refresh_token", "credential_data", "oauth_token")


@dataclass(frozen=True, repr=False, eq=False)
class Plain(_Secret):
    """The secrets of a credential."""

    access_token: str | None = None
    refresh_token: str | None = None
    additional: Mapping[str, Any] = field(default_factory=dict)


def check_kinds(provider: str, credential_type: str) -> None:
    """Raise InvalidInput for a provider or a type that no credential has."""
    given = {"provider": (provider, CredentialProvider), "credential_type": (credential_type, CredentialType)}
    for name, (value, kind) in given.items():
        if value not in get_args(kind):
            raise fault("not_allowed", f"/{name}", limit=list(get_args(kind)), found=str(value)[:100])


def check_secrets(plain: Plain) -> None:
    """Raise InvalidInput, which does not hold the value, for a secret that is none."""
    for name in ("access_token", "refresh_token"):
        value = getattr(plain, name)
        if value is None:
            continue
        if not isinstance(value, str) or not value.strip():
            raise _not_valid(name, "it must be a text that is not blank")
        if len(value) > _MOST_BYTES:
            raise _not_valid(name, f"it is longer than {_MOST_BYTES} characters")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _not_valid(name, "it holds half of a surrogate pair") from None
    try:
        additional = orjson.dumps(dict(plain.additional))
    except (TypeError, ValueError):
        raise _not_valid("additional", "it must be an object of JSON values") from None
    if len(additional) > _MOST_BYTES:
        raise _not_valid("additional", f"it has more than {_MOST_BYTES} bytes")
    if plain.access_token is None and plain.refresh_token is None and not plain.additional:
        raise _not_valid("access_token", "give a token, or additional data")


def _not_valid(name: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{name} is not valid: {reason}", code="invalid_secret", pointer=f"/{name}")


def encrypted(plain: Plain, place: Place, row_id: UUID, user_id: UUID, key: TenantKey) -> dict[str, Any]:
    """Return the parameters of a statement that keeps secrets in a row."""

    def secret(value: str | None, column: str) -> bytes | None:
        at = secret_place(user_id, place.table, column, row_id)
        return None if value is None else key.encrypt_secret(value.encode(), at)

    additional = orjson.dumps(dict(plain.additional)).decode() if plain.additional else None
    kept = secret(additional, place.additional)
    as_json: Any = kept
    if place is OAUTH_TOKENS:
        as_json = orjson.dumps({} if kept is None else Encrypted(key.key_id, kept).as_object()).decode()
    return {
        "id": row_id,
        "access_token": secret(plain.access_token, place.access),
        "refresh_token": secret(plain.refresh_token, place.refresh),
        "additional": as_json,
        "key_id": key.key_id,
    }


def opened(kept: Kept, keyring: Keyring) -> Plain:
    """Return the secrets of a credential; raises KeyUnavailable, NotOpened, CredentialInvalid for a destroyed key."""
    place = kept.place

    def secret(content: bytes | None, column: str, key_id: UUID | None) -> str | None:
        if content is None or key_id is None:
            return None
        key = keyring.opening_key(kept.user_id, key_id)
        if key is None:
            raise CredentialInvalid("the key of the credential was destroyed with its user")
        return key.open_secret(content, secret_place(kept.user_id, place.table, column, kept.id), column).decode()

    additional = secret(kept.additional, place.additional, kept.additional_key_id)
    return Plain(
        secret(kept.access_token, place.access, kept.key_id),
        secret(kept.refresh_token, place.refresh, kept.key_id),
        {} if additional is None else orjson.loads(additional),
    )


def token_of(kept: Kept, plain: Plain) -> Token:
    """Return a credential as its users get it."""
    return Token(plain.access_token, kept.token_type, kept.expires_at, tuple(kept.scope), plain.additional)


def after_grant(kept: Kept, plain: Plain, granted: Granted) -> tuple[Plain, Token]:
    """Return the secrets and the token of a credential after a provider gave new ones; raises InvalidInput."""
    new = Plain(granted.access_token, granted.refresh_token or plain.refresh_token, plain.additional)
    check_secrets(new)
    lasts = granted.expires_in
    expires_at = None if lasts is None else datetime.now(UTC) + timedelta(seconds=lasts)
    scope = tuple(kept.scope) if granted.scope is None else tuple(granted.scope)
    return new, Token(new.access_token, granted.token_type or kept.token_type, expires_at, scope, plain.additional)


def without_secrets(text: str, plain: Plain) -> str:
    """Return a provider's words without the secrets that they may repeat, cut to what a column and a reader take."""
    secrets = [plain.access_token, plain.refresh_token, *map(str, plain.additional.values())]
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text.replace("\0", "")[:_MOST_ERROR]

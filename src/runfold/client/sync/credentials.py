# Generated from ../aio/credentials.py by `make sync`: edit that file, never this one.
"""Credentials that users have entrusted: kept encrypted, opened for who calls a service, refreshed once.

A token that expires soon is refreshed by one call of all processes: who takes the lease in the row asks the provider,
with no transaction open; the others read again until the token is fresh.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import uniform
from typing import Any
from uuid import UUID, uuid4

import psycopg

from runfold.client.credential_values import (
    CREDENTIALS,
    OAUTH_TOKENS,
    Expiring,
    Granted,
    Kept,
    Place,
    Plain,
    Refresh,
    Token,
    after_grant,
    check_kinds,
    check_secrets,
    encrypted,
    opened,
    token_of,
    without_secrets,
)
from runfold.client.sync.log import Log, statement
from runfold.errors import CredentialInvalid, InvalidInput, LeaseLost, RefreshFailed, UnknownCredential
from runfold.events.ids import new_id
from runfold.keys.cipher import TenantKey
from runfold.keys.keyring import Keyring

Refresher = Callable[[Refresh], Granted]
"""Asks a provider for a new token. Raises CredentialInvalid where the provider takes the refresh token no more."""
Check = Callable[[Token], None]
"""Tries a token. Raises CredentialInvalid where it does not work."""

_WAIT_SECONDS = 45.0
_MOST_EXPIRING = 10_000


class Credentials:
    """The credentials of users: by provider, and what a platform keeps of them by integration."""

    def __init__(self, store: Log) -> None:
        self._store = store
        self._refreshers: dict[str, Refresher] = {}

    def refresh_with(self, provider: str, refresher: Refresher) -> None:
        """Let a callable ask this provider for new tokens. It must give up within `timeout` seconds of its argument."""
        self._refreshers[provider] = refresher

    def put(
        self,
        user_id: UUID,
        provider: str,
        *,
        integration: str | None = None,
        access_token: str | None = None,
        refresh_token: str | None = None,
        additional: Mapping[str, Any] | None = None,
        expires_at: datetime | None = None,
        scope: Sequence[str] = (),
        token_type: str = "Bearer",
        credential_type: str = "oauth2",
    ) -> UUID:
        """Keep a user's credential for a provider, in place of a former one, and return its id.

        With `integration` it is kept for that, beside the provider's own. Without `expires_at` it is never refreshed.
        Raises InvalidInput, KeyUnavailable.
        """
        plain = Plain(access_token, refresh_token, dict(additional or {}))
        check_secrets(plain)
        if integration is None:
            check_kinds(provider, credential_type)
        _check_time(expires_at)
        if integration is not None and access_token is None:
            raise InvalidInput("an integration needs a token", code="invalid_secret", pointer="/access_token")
        about = {
            "user": user_id,
            "provider": provider,
            "integration": integration,
            "credential_id": None,
            "credential_type": credential_type,
            "expires_at": expires_at,
            "scope": list(scope),
            "token_type": token_type,
        }
        return self._put(CREDENTIALS if integration is None else OAUTH_TOKENS, plain, about)

    def link(self, user_id: UUID, integration: str, provider: str) -> UUID:
        """Let an integration of a user take its token from the credential of a provider, and return the token's id.

        It is refreshed there, and both are written together. Raises UnknownCredential, CredentialInvalid.
        """
        kept = self._kept(user_id, provider, None)
        plain = self._opened(kept)
        if plain.access_token is None:
            raise CredentialInvalid("the credential has no token", hint="only tokens are kept for integrations")
        about = {
            "user": user_id,
            "provider": provider,
            "integration": integration,
            "credential_id": kept.id,
            "expires_at": kept.expires_at,
            "token_type": kept.token_type,
        }
        return self._put(OAUTH_TOKENS, Plain(plain.access_token, plain.refresh_token), about)

    def token(self, user_id: UUID, provider: str | None = None, *, integration: str | None = None) -> Token:
        """Return a user's token for a provider, or for an integration, refreshed where it expires soon.

        Raises UnknownCredential, CredentialInvalid where the user has to connect again, RefreshFailed where the
        provider gave none this time, LeaseLost with the new `token` where it could not be kept, KeyUnavailable.
        """
        first = kept = self._owner(user_id, provider, integration)
        give_up_at = time.monotonic() + _WAIT_SECONDS
        pause = 0.02
        while True:
            if not kept.is_stale or _was_refreshed(first, kept):
                return token_of(kept, self._opened(kept))
            refresher = self._refreshers.get(kept.provider)
            if refresher is None or kept.refresh_token is None:
                if kept.is_expired:
                    raise CredentialInvalid(
                        f"the token of {kept.provider} has expired, and nothing here can refresh it",
                        hint="let the user connect again, or register refresh_with() for the provider",
                    )
                return token_of(kept, self._opened(kept))
            if (lease := self._leased(kept)) is not None:
                return self._refreshed(kept, refresher, lease)
            if time.monotonic() >= give_up_at:
                raise RefreshFailed(f"another process has refreshed the token of {kept.provider} for too long")
            time.sleep(uniform(pause / 2, pause))
            pause = min(2 * pause, 0.25)
            kept = self._owner(user_id, provider, integration)

    def revoke(self, user_id: UUID, provider: str | None = None, *, integration: str | None = None) -> None:
        """Take the secrets away: of an integration, or of a provider with what comes from it. UnknownCredential."""
        if integration is not None:
            asked = {"user": user_id, "integration": integration, "credential_id": None}
            done = self._store._retried(statement("revoke_oauth_tokens"), asked)
        else:
            done = self._store._retried(statement("revoke_credential"), {"user": user_id, "provider": provider})
            for (credential_id,) in done:
                linked = {"user": user_id, "integration": None, "credential_id": credential_id}
                self._store._retried(statement("revoke_oauth_tokens"), linked)
        if not done:
            raise _unknown(user_id, provider, integration)

    def validate(
        self, user_id: UUID, check: Check, provider: str | None = None, *, integration: str | None = None
    ) -> bool:
        """Try a credential with a callable, note the result, and return it.

        `check` raises CredentialInvalid for a token that does not work; what else it raises passes, and nothing is
        noted.
        """
        token = self.token(user_id, provider, integration=integration)
        kept = self._kept(user_id, provider, integration)
        error = None
        try:
            check(token)
        except CredentialInvalid as refused:
            error = without_secrets(refused.message, Plain(token.value, None, token.additional))
        noted = {"id": kept.id, "error": error}
        self._store._retried(statement(f"{kept.place.statements}_is_validated"), noted)
        return error is None

    def expiring(self, within: timedelta = timedelta(minutes=10)) -> list[Expiring]:
        """Return the valid credentials of all users that expire within so long, the first ones first."""
        asked = {"seconds": within.total_seconds(), "limit": _MOST_EXPIRING}
        return [Expiring(*row) for row in self._store._retried(statement("expiring_credentials"), asked)]

    def refresh_expiring(self, within: timedelta = timedelta(minutes=5)) -> int:
        """Refresh what expires within so long, where this process can, and return how many were refreshed.

        Call it once a minute, and users never wait for a provider. What fails is left for the next time.
        """
        done = 0
        for one in self.expiring(within):
            if one.can_refresh and one.provider in self._refreshers:
                provider = None if one.integration is not None else one.provider
                try:
                    self.token(one.user_id, provider, integration=one.integration)
                    done += 1
                except (CredentialInvalid, RefreshFailed, LeaseLost, UnknownCredential):
                    continue
        return done

    def _kept(self, user_id: UUID, provider: str | None, integration: str | None) -> Kept:
        if (provider is None) == (integration is None):
            raise InvalidInput(
                "give a provider or an integration, one of the two", code="required", pointer="/provider"
            )
        if integration is not None:
            asked = {"user": user_id, "integration": integration}
            rows = self._store._retried(statement("token_of_integration"), asked)
        else:
            rows = self._store._retried(statement("credential"), {"user": user_id, "provider": provider})
        if not rows:
            raise _unknown(user_id, provider, integration)
        kept = Kept(*rows[0])
        if not kept.is_valid:
            raise CredentialInvalid(
                f"the credential of {kept.provider} is not valid: {kept.validation_error or 'it was revoked'}",
                hint="let the user connect again",
            )
        return kept

    def _owner(self, user_id: UUID, provider: str | None, integration: str | None) -> Kept:
        """Return the credential that is refreshed: that which an integration's token comes from, where it does."""
        kept = self._kept(user_id, provider, integration)
        if kept.credential_id is None:
            return kept
        asked = {"user": user_id, "id": kept.credential_id}
        ((owner,),) = self._store._retried(statement("provider_of_credential"), asked)
        return self._kept(user_id, owner, None)

    def _leased(self, kept: Kept) -> UUID | None:
        lease = uuid4()
        asked = {"id": kept.id, "lease": lease}
        rows = self._store._retried(statement(f"lease_{kept.place.statements}"), asked)
        return lease if rows else None

    def _refreshed(self, kept: Kept, refresher: Refresher, lease: UUID) -> Token:
        """Ask the provider, keep what it gives, and return it."""
        kept = Kept(*(self._row_of(kept)))  # the refresh token may be newer than what was read before the lease
        plain = self._opened(kept)
        names = kept.place.statements
        try:
            granted = refresher(
                Refresh(
                    kept.user_id,
                    kept.provider,
                    kept.integration_id,
                    plain.refresh_token or "",
                    plain.access_token,
                    tuple(kept.scope),
                    plain.additional,
                )
            )
            new, token = after_grant(kept, plain, granted)
        except CredentialInvalid as refused:
            error = without_secrets(refused.message, plain)
            self._noted(f"{names}_is_invalid", {"id": kept.id, "lease": lease, "error": error})
            raise CredentialInvalid(
                f"{kept.provider} takes the refresh token no more: {error}", hint="let the user connect again"
            ) from None
        except Exception as failed:
            self._noted(f"release_{names}", {"id": kept.id, "lease": lease})
            said = without_secrets(str(failed), plain)
            raise RefreshFailed(f"{kept.provider} gave no new token: {type(failed).__name__}: {said}") from None
        if not self._keep(kept, new, token, lease):
            lost = LeaseLost(
                f"the lease on the credential of {kept.provider} ran out before the new token was kept",
                hint="use its `token` now; the next call reads what the other process keeps",
            )
            lost.token = token
            raise lost
        return token

    def _row_of(self, kept: Kept) -> tuple[Any, ...]:
        if kept.integration_id is not None:
            asked = {"user": kept.user_id, "integration": kept.integration_id}
            return (self._store._retried(statement("token_of_integration"), asked))[0]
        asked = {"user": kept.user_id, "provider": kept.provider}
        return (self._store._retried(statement("credential"), asked))[0]

    def _keep(self, kept: Kept, new: Plain, token: Token, lease: UUID) -> bool:
        """Write new secrets where the lease is still ours, with the tokens that come from them, all or nothing."""
        key = self._key(kept.user_id)
        about = {"expires_at": token.expires_at, "scope": list(token.scope), "token_type": token.token_type}
        with self._store.transaction() as connection:
            parameters = encrypted(new, kept.place, kept.id, kept.user_id, key)
            name = "refreshed_credential" if kept.integration_id is None else "refreshed_oauth_token"
            cursor = connection.execute(statement(name), {**parameters, **about, "lease": lease})
            if cursor.fetchone() is None:
                return False
            if kept.integration_id is None:
                linked = {"user": kept.user_id, "credential_id": kept.id}
                cursor = connection.execute(statement("tokens_of_credential"), linked)
                for token_id, _ in cursor.fetchall():
                    copy = encrypted(
                        Plain(new.access_token, new.refresh_token), OAUTH_TOKENS, token_id, kept.user_id, key
                    )
                    connection.execute(statement("refreshed_oauth_token"), {**copy, **about, "lease": None})
        return True

    def _put(self, place: Place, plain: Plain, about: dict[str, Any]) -> UUID:
        """Write a credential. Its id is part of what its secrets are bound to, so it is known before."""
        user_id = about["user"]
        key = self._key(user_id)
        while True:
            if place is CREDENTIALS:
                rows = self._store._retried(statement("credential"), about)
            else:
                rows = self._store._retried(statement("token_of_integration"), about)
            row_id = rows[0][0] if rows else new_id()
            parameters = {**about, **encrypted(plain, place, row_id, user_id, key)}
            try:
                done = self._store._retried(statement(f"put_{place.statements}"), parameters)
            except psycopg.errors.ForeignKeyViolation as violated:
                raise _no_such(violated.diag.constraint_name, about) from None
            if done:
                found: UUID = row_id
                return found

    def _noted(self, name: str, parameters: dict[str, Any]) -> None:
        self._store._retried(statement(name), parameters)

    def _opened(self, kept: Kept) -> Plain:
        return opened(kept, self._store.encryption.keyring())

    def _key(self, user_id: UUID) -> TenantKey:
        return _encrypting_key(self._store.encryption.keyring(), user_id)


def _encrypting_key(keyring: Keyring, user_id: UUID) -> TenantKey:
    return keyring.encrypting_key(user_id, 3)


def _was_refreshed(first: Kept, kept: Kept) -> bool:
    """Whether another process has written a new token since the first look; a short-lived one counts as fresh."""
    return kept.access_token != first.access_token and not kept.is_expired


def _unknown(user_id: UUID, provider: str | None, integration: str | None) -> UnknownCredential:
    return UnknownCredential(
        f"user {user_id} has no credential for {provider or integration}",
        hint="let the user connect it, and put() what the provider gives",
    )


def _no_such(constraint: str | None, about: Mapping[str, Any]) -> InvalidInput:
    if constraint == "oauth_tokens_integration_id_fkey":
        said, pointer = f"there is no integration {about['integration']!r}", "/integration"
    else:
        said, pointer = f"there is no user {about['user']}", "/user_id"
    return InvalidInput(said, hint="give one that exists", code="unknown_reference", pointer=pointer)


def _check_time(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at.utcoffset() is None:
        raise InvalidInput("expires_at has no zone", code="not_a_timestamp", pointer="/expires_at")

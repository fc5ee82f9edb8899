"""Large values of tenants: put once a content, and read by the reference that events hold."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import psycopg

from runfold.blobs.homes import BlobHome, FolderBlobs
from runfold.blobs.references import digest_of, reference_to, verified
from runfold.errors import BlobDamaged, BlobMissing, InvalidInput
from runfold.events.encrypted_forms import PAYLOAD, Erased, looks_encrypted
from runfold.events.faults import fault
from runfold.keys.values import encrypt_payload, open_value
from runfold.memory import checks
from runfold.runtime_sql import runtime_sql

if TYPE_CHECKING:
    from runfold.client.aio.log import AsyncLog

statement = runtime_sql("runfold.client")


class AsyncReads(Protocol):
    """Who reads as a tenant does."""

    async def _retried(self, query: Any, parameters: Mapping[str, Any], _: Any = None) -> list[tuple[Any, ...]]: ...


class AsyncBlobs:
    """The blobs of a store's tenants: rows of `runfold.blobs`, their contents there or in a home of their own."""

    def __init__(self, store: AsyncLog, folder: Path | None) -> None:
        self._store = store
        self.home: BlobHome | None = None if folder is None else FolderBlobs(folder)

    async def put(self, content: bytes, kind: str, user_id: UUID | str | None) -> dict[str, Any]:
        """Keep a content for a tenant and return its reference; the same content again is kept once."""
        reference = reference_to(content, kind)
        tenant = self._tenant(user_id)
        digest = digest_of(reference)
        kept = await self._encrypted(bytes(content), tenant, digest)
        if self.home is not None:
            put = self.home.put
            await asyncio.to_thread(put, tenant, digest, kept)
        row = {
            "user": tenant,
            "sha256": bytes.fromhex(digest),
            "bytes": reference["bytes"],
            "type": kind,
            "content": kept if self.home is None else None,
        }
        try:
            await self._store._retried(statement("put_blob"), row)
        except psycopg.errors.ForeignKeyViolation as violated:
            raise InvalidInput(
                f"there is no user {tenant}",
                hint="give the id of a row of auth.users",
                code="unknown_user",
                pointer="/user_id",
            ) from violated
        return reference

    async def get(
        self, reference: Mapping[str, Any], user_id: UUID | str | None, tenant: AsyncReads | None = None
    ) -> bytes:
        """Return the content that a reference names, after it was compared with the reference."""
        digest = digest_of(reference)
        owner = self._tenant(user_id)
        asked = {"user": owner, "sha256": bytes.fromhex(digest)}
        rows = await (self._store if tenant is None else tenant)._retried(statement("get_blob"), asked)
        kept = rows[0][0] if rows else None
        if rows and kept is None and self.home is not None:
            get = self.home.get
            kept = await asyncio.to_thread(get, owner, digest)
        if kept is None:
            raise BlobMissing(
                f"the tenant has no blob {digest}" if not rows else f"the content of blob {digest} is not there",
                hint="give the tenant that put it; it may be deleted"
                if not rows
                else "set RUNFOLD_BLOB_FOLDER, or `blobs` of connect, as for who put it",
                sha256=digest,
            )
        content = bytes(kept)
        if looks_encrypted(content):
            keyring = await self._store.encryption.keyring()
            opened = await asyncio.to_thread(open_value, content, PAYLOAD, owner, keyring)
            if isinstance(opened, Erased):
                raise BlobMissing(f"the key of blob {digest} was destroyed", hint="it cannot be read", sha256=digest)
            content = opened
        return verified(content, reference)

    async def delete(self, reference: Mapping[str, Any], user_id: UUID | str | None) -> bool:
        """Delete a blob and return whether there was one; events that refer to it cannot be completed any more."""
        digest = digest_of(reference)
        tenant = self._tenant(user_id)
        rows = await self._store._retried(statement("delete_blob"), {"user": tenant, "sha256": bytes.fromhex(digest)})
        if self.home is not None:
            delete = self.home.delete
            await asyncio.to_thread(delete, tenant, digest)
        return bool(rows)

    async def list(self, user_id: UUID | str | None) -> list[dict[str, Any]]:
        """Return the references of a tenant's blobs, each with the time it was put, the newest first."""
        rows = await self._store._retried(statement("list_blobs"), {"user": self._tenant(user_id)})
        return [
            {"$blob": bytes(sha).hex(), "bytes": size, "type": kind, "created_at": when}
            for sha, size, kind, when in rows
        ]

    def _tenant(self, user_id: UUID | str | None) -> UUID:
        found = self._store.user_id if user_id is None else user_id
        if found is None:
            raise fault("required", "/user_id")
        return checks.uuid(found, "/user_id")

    async def _encrypted(self, content: bytes, tenant: UUID, digest: str) -> bytes:
        """Return a content encrypted where some policy names the tenant, or all."""
        if looks_encrypted(content):
            raise BlobDamaged(
                "the content has the form of an encrypted value", hint="put what it was before", sha256=digest
            )
        policies = await self._store.encryption.policies()
        if not any(user in (None, tenant) for user, _, _ in policies.rows):
            return content
        keyring = await self._store.encryption.keyring()
        encrypting_key = keyring.encrypting_key
        key = await asyncio.to_thread(encrypting_key, tenant)
        return encrypt_payload(content, f"blob/{digest}", lambda _: key)

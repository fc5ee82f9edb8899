"""Who looks at the console: an operator, or a tenant, by the token that a request carries."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import orjson

from runfold.errors import InvalidInput

COOKIE = "runfold_console"
_FIELDS = frozenset({"name", "sha256", "role", "user_id"})


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: an operator sees the store, a tenant its own rows."""

    name: str
    role: Literal["operator", "tenant"] = "operator"
    user_id: UUID | None = None

    @property
    def operates(self) -> bool:
        """Whether the pages of operators exist for this viewer."""
        return self.role == "operator"


OPERATOR = Viewer("operator")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The viewers of a file, by the SHA-256 of their tokens."""

    viewers: tuple[tuple[bytes, Viewer], ...]

    @classmethod
    def read(cls, file: Path) -> Tokens:
        """Read a file: a JSON array of objects with `name`, `sha256`, `role` and, for a tenant, `user_id`."""
        try:
            entries = orjson.loads(file.read_bytes())
        except (OSError, orjson.JSONDecodeError) as exc:
            raise _not_tokens(file, str(exc)) from exc
        if not isinstance(entries, list) or not entries:
            raise _not_tokens(file, "it is not a JSON array with at least one entry")
        return cls(tuple(_entry(file, number, entry) for number, entry in enumerate(entries)))

    def viewer_of(self, token: str) -> Viewer | None:
        """Return whose token it is, in a time that does not depend on how much of it is right."""
        given = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        found = None
        for digest, viewer in self.viewers:
            if hmac.compare_digest(digest, given):
                found = viewer
        return found


def _entry(file: Path, number: int, entry: Any) -> tuple[bytes, Viewer]:
    if not isinstance(entry, dict) or not set(entry) <= _FIELDS:
        raise _not_tokens(file, f"entry {number} has other fields than {', '.join(sorted(_FIELDS))}")
    name, role, user = entry.get("name"), entry.get("role"), entry.get("user_id")
    if not isinstance(name, str) or role not in ("operator", "tenant") or (role == "tenant") != (user is not None):
        raise _not_tokens(file, f"entry {number} needs a name, a role (operator or tenant), and a user_id for a tenant")
    try:
        digest = bytes.fromhex(str(entry.get("sha256")))
        viewer = Viewer(name, role, None if user is None else UUID(str(user)))
    except ValueError as exc:
        raise _not_tokens(file, f"entry {number}: {exc}") from exc
    if len(digest) != 32:
        raise _not_tokens(file, f"the sha256 of entry {number} has not 64 digits")
    return digest, viewer


def _not_tokens(file: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{file} is not a file of tokens: {why}",
        hint="write a JSON array of objects with name, sha256, role and user_id",
        code="invalid_tokens",
        pointer="--tokens",
    )

"""What makes the rest of a transaction a tenant's: its role, and its claims, which `auth.uid()` reads."""

from __future__ import annotations

from typing import Any, LiteralString
from uuid import UUID

import orjson
import psycopg

from runfold.errors import PermissionDenied
from runfold.runtime_sql import runtime_sql

_statement = runtime_sql("runfold.database")

TENANT = "authenticated"
"""The role that a tenant's statements run as."""

GATEWAY = "runfold_gateway"
"""The role whose members may become `authenticated`, and `runfold_reader` to fold a tenant's past."""


def becoming(user_id: UUID) -> tuple[LiteralString, dict[str, Any]]:
    """Return the statement that makes the rest of its transaction this tenant's, and its parameters."""
    claims = orjson.dumps({"sub": str(user_id), "role": TENANT}).decode()
    return _statement("become_tenant"), {"claims": claims, "user": str(user_id)}


def not_a_gateway(login: str, exc: psycopg.Error) -> PermissionDenied:
    """Return the error for a login that PostgreSQL does not let become another role; it says what to grant."""
    return PermissionDenied(
        f"the login {login} cannot act for a tenant, because it is not a member of {GATEWAY}",
        hint=f"GRANT {GATEWAY} TO {login}",
        role=GATEWAY,
        postgres_sqlstate=exc.sqlstate,
    )

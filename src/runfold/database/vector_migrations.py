"""The part of the schema that needs pgvector: whether a database has it, lacks it, or cannot have it, and why.

Its files are in `vectors/` of the migrations' folder, and are applied after the others. Everything else works without
it, so a server without pgvector, or a role that may not create the extension, is no error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from runfold.runtime_sql import runtime_sql

VECTORS = "vectors"
"""The folder, in the folder of the migrations and in that of the sources."""

OLDEST_PGVECTOR = (0, 8)

_sql = runtime_sql("runfold.database")
_VERSION = re.compile(r"\d{14}")


@dataclass(frozen=True, slots=True)
class VectorState:
    """The versions of our vector files that a database has and lacks, and why it cannot have them, if so."""

    applied: list[str]
    pending: list[str]
    skipped: str | None = None
    hint: str | None = None

    @property
    def current(self) -> bool:
        """Whether nothing is to be done: all is applied, or cannot be."""
        return not self.pending or self.skipped is not None

    def sentence(self) -> str:
        """Return it in a line for people."""
        if self.skipped is not None:
            return f"skipped: {self.skipped}; {self.hint}"
        if self.pending:
            return f"{len(self.pending)} migrations pending: {', '.join(self.pending)}; run `runfold migrate`"
        return f"at version {self.applied[-1]}" if self.applied else "none"


def stamp_statement(version: str) -> str:
    """Return the statement that writes a vector file's version into the database."""
    return (
        "COMMENT ON CONSTRAINT vector_collections_pkey ON public.vector_collections\n"
        f"    IS 'runfold vectors {version}';\n"
    )


def vector_state(connection: psycopg.Connection[Any], ours: Sequence[str], known: set[str]) -> VectorState:
    """Return the state of the vector files of these versions; `known` are those in the table of applied migrations.

    It tries whether this role may create the extension, where it is available and absent, and takes that back.
    """
    row = connection.execute(_sql("vectors_state")).fetchone()
    stamp, available, installed, can_write = row or (None, None, None, False)
    stamped = found[0] if (found := _VERSION.search(stamp or "")) else ""
    applied = [version for version in ours if version in known or version <= stamped]
    pending = [version for version in ours if version not in applied]
    state = VectorState(applied, pending)
    if not pending:
        return state
    if (version := installed or available) is None:
        return VectorState(applied, pending, "this server has no pgvector", "install it to search vectors")
    if _numbers(version) < OLDEST_PGVECTOR:
        wanted = ".".join(map(str, OLDEST_PGVECTOR))
        return VectorState(applied, pending, f"pgvector {version} is older than {wanted}", "upgrade it")
    if installed is None and can_write and (refusal := _refusal(connection)) is not None:
        return VectorState(applied, pending, refusal, "let a superuser CREATE EXTENSION vector, and migrate again")
    return state


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _refusal(connection: psycopg.Connection[Any]) -> str | None:
    """Return why this role cannot create the extension; the catalogue does not say it for hosted servers."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(_sql("vectors_lock"))
            connection.execute(_sql("vectors_create_extension"))
    except psycopg.errors.DuplicateObject:
        return None  # another migration was faster
    except psycopg.errors.InsufficientPrivilege:
        return "this role may not create the extension vector"
    return None

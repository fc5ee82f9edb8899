"""Return a database's catalogs as text, to compare two databases."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict


def schema_and_versions(url: str, postgres_bin: Path) -> tuple[str, str]:
    """Return the whole schema as pg_dump writes it, with grants, and the applied migrations."""
    parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    environment = {names[name]: value for name, value in parameters.items() if name in names}
    dump = subprocess.run(
        [postgres_bin / "pg_dump", "--schema-only"], env={**os.environ, **environment}, check=True, capture_output=True
    ).stdout.decode()
    # A random key against psql injection: another one in each dump.
    lines = [line for line in dump.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
    with psycopg.connect(url) as connection:
        versions = connection.execute("SELECT version FROM supabase_migrations.schema_migrations ORDER BY 1").fetchall()
    return "\n".join(lines), "\n".join(version for (version,) in versions)


def catalogs(url: str, postgres_bin: Path) -> str:
    """The schema and the applied migrations as one text."""
    return "\n".join(schema_and_versions(url, postgres_bin))

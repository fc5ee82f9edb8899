"""Opens the keyring that the settings describe; refuses where it would not be safe."""

from __future__ import annotations

from pathlib import Path

from runfold.database.connections import embedded_server
from runfold.errors import KeyUnavailable, LedgerMissing
from runfold.keys.database_home import DatabaseKeyHome
from runfold.keys.directory_home import DirectoryKeyHome
from runfold.keys.home import KeyHome
from runfold.keys.keyring import Keyring
from runfold.keys.ledger import DatabaseLedger, ErasureLedger, FileLedger
from runfold.keys.masters import MasterKeys, MasterKeySource
from runfold.settings import Settings

IN_THE_DATABASE = "database"
_SCHEMES = ("postgres://", "postgresql://")


def open_keyring(settings: Settings, url: str, *, master_keys: MasterKeySource | None = None) -> Keyring:
    """Return the keyring of a store: the master keys, the home of tenants' keys, and the erasure ledger.

    Raises KeyUnavailable without master keys or a home, LedgerMissing for keys in the database itself without a ledger,
    ExtraMissing without the package that encrypts.
    """
    masters = MasterKeys.of(settings, master_keys)
    home = open_home(settings, url)
    try:
        ledger = open_ledger(settings)
        require_ledger(home, ledger)
    except BaseException:
        home.close()
        raise
    return Keyring(home, masters, ledger=ledger)


def are_configured(settings: Settings) -> bool:
    """Whether this process is told anything of tenants' keys, or the embedded server has some."""
    if settings.key_home is not None or settings.master_keys is not None or settings.master_keys_file is not None:
        return True
    return settings.database_url is None and (settings.home / "keys").is_dir()


def open_home(settings: Settings, url: str) -> KeyHome:
    """Return where tenants' keys are; raises KeyUnavailable where nobody has said it."""
    said = settings.key_home
    if said is None:
        if settings.database_url is None and embedded_server(settings).data.exists():
            return DirectoryKeyHome(settings.home / "keys")
        raise KeyUnavailable(
            "nobody has said where tenants' keys are",
            hint="set RUNFOLD_KEY_HOME to a folder, to the URL of another database, or to `database` for this one",
        )
    if said == IN_THE_DATABASE:
        return DatabaseKeyHome(url, settings, own=True)
    if said.startswith(_SCHEMES):
        return DatabaseKeyHome(said, settings, own=False)
    return DirectoryKeyHome(Path(said).expanduser())


def open_ledger(settings: Settings) -> ErasureLedger | None:
    """Return the erasure ledger, None where there is none."""
    said = settings.erasure_ledger
    if said is None:
        return None
    return DatabaseLedger(said, settings) if said.startswith(_SCHEMES) else FileLedger(Path(said).expanduser())


def require_ledger(home: KeyHome, ledger: ErasureLedger | None) -> None:
    """Raise LedgerMissing where a restored backup could bring destroyed keys back unnoticed.

    A ledger that is not there yet is made only for a home that has no key yet: otherwise it was lost.
    """
    if ledger is None:
        if home.needs_ledger:
            raise LedgerMissing
        return
    if not home.page(limit=1):
        ledger.create()
    ledger.entries()

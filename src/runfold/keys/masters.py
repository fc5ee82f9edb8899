"""Master keys: they wrap tenants' keys and nothing else.

They come from RUNFOLD_MASTER_KEYS, from the file of RUNFOLD_MASTER_KEYS_FILE, or from a callable that asks a service
such as AWS SSM. There is no default and none is generated: without them nothing is encrypted and nothing opens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn

from runfold.errors import ExtraMissing, InvalidInput, KeyUnavailable
from runfold.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet, MultiFernet

MasterKeySource = Callable[[], Iterable[str | bytes]]
"""Returns the master keys, newest first, each as Fernet writes it: 32 bytes in URL-safe base64."""


class MasterKeys:
    """Wraps and unwraps tenants' keys, the newest master key first. It cannot be pickled, and shows nothing."""

    __slots__ = ("_all", "_newest")

    def __init__(self, keys: Iterable[str | bytes]) -> None:
        self._newest, self._all = _fernets(list(keys))

    def __repr__(self) -> str:
        return "<MasterKeys>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("master keys cannot be pickled: open them in the other process")

    @classmethod
    def of(cls, settings: Settings, source: MasterKeySource | None = None) -> MasterKeys:
        """Return the keys of a callable, or of the settings; raises KeyUnavailable where there are none."""
        if source is not None:
            keys = list(source())
        elif settings.master_keys is not None:
            keys = list(_split(settings.master_keys.get_secret_value()))
        elif settings.master_keys_file is not None:
            try:
                keys = list(_split(settings.master_keys_file.read_text(encoding="utf-8")))
            except (OSError, UnicodeDecodeError) as error:
                raise KeyUnavailable(
                    f"the master keys in {settings.master_keys_file} cannot be read: {type(error).__name__}",
                    hint="check RUNFOLD_MASTER_KEYS_FILE and who may read it",
                ) from None
        else:
            keys = []
        if not keys:
            raise KeyUnavailable(
                "this process has no master keys", hint="set RUNFOLD_MASTER_KEYS or RUNFOLD_MASTER_KEYS_FILE"
            )
        return cls(keys)

    def wrap(self, key: bytes) -> bytes:
        """Return a tenant's key wrapped with the newest master key."""
        return self._newest.encrypt(key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return a tenant's key; raises KeyUnavailable where no master key opens it."""
        from cryptography.fernet import InvalidToken

        try:
            return self._all.decrypt(wrapped)
        except InvalidToken:
            raise KeyUnavailable(
                "no master key of this process opens the tenant's key",
                hint="add the master key that wrapped it to the end of RUNFOLD_MASTER_KEYS",
            ) from None

    def is_newest(self, wrapped: bytes) -> bool:
        """Whether the newest master key has wrapped it."""
        from cryptography.fernet import InvalidToken

        try:
            self._newest.decrypt(wrapped)
        except InvalidToken:
            return False
        return True

    def rewrapped(self, wrapped: bytes) -> bytes:
        """Return the same key wrapped with the newest master key; raises KeyUnavailable where none opens it."""
        return self._newest.encrypt(self.unwrap(wrapped))


def _split(text: str) -> list[str]:
    return [key for key in re.split(r"[\s,]+", text) if key]


def _fernets(keys: list[str | bytes]) -> tuple[Fernet, MultiFernet]:
    require_cryptography()
    from cryptography.fernet import Fernet, MultiFernet

    try:
        fernets = [Fernet(key) for key in keys]
    except (ValueError, TypeError):
        raise InvalidInput(
            "a master key is not valid: it is 32 bytes in URL-safe base64",
            hint="make one with cryptography.fernet.Fernet.generate_key()",
            code="invalid_setting",
            pointer="RUNFOLD_MASTER_KEYS",
        ) from None
    return fernets[0], MultiFernet(fernets)


def require_cryptography() -> None:
    """Raise ExtraMissing where the package that encrypts is not installed."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise ExtraMissing(
            "encryption needs the package cryptography",
            hint="pip install 'runfold[encryption]'",
            extra="encryption",
        ) from None

"""Open the encrypted values of what a command prints, where this process has the keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from runfold.cli.invocation import settings

if TYPE_CHECKING:
    from runfold.keys.keyring import Keyring


def opened(found: Any) -> Any:
    """Return rows with their values opened; those of destroyed keys read [erased].

    Without master keys the rows stay as they are stored: encrypted. Raises KeyUnavailable where a key is missing.
    """
    with opening() as open_one:
        return open_one(found)


@contextmanager
def opening() -> Iterator[Callable[[Any], Any]]:
    """Return the function that opens rows, for output that comes piece by piece. Keys are opened when one is needed."""
    kept: list[Keyring] = []
    at_the_end = ExitStack()

    def keyring() -> Keyring:
        if not kept:
            kept.append(at_the_end.enter_context(open_keys()))
        return kept[0]

    def opened_rows(found: Any) -> Any:
        from runfold.keys.rows import open_rows

        return open_rows(found, keyring)

    with at_the_end:
        yield opened_rows if _has_keys() else _same


@contextmanager
def open_keys() -> Iterator[Keyring]:
    """Open the keys of tenants that the settings name."""
    from runfold.database.connections import resolve_url
    from runfold.keys.opening import open_keyring

    chosen = settings()
    with closing(open_keyring(chosen, resolve_url(chosen, create=False))) as keyring:
        yield keyring


def _same(found: Any) -> Any:
    return found


def _has_keys() -> bool:
    chosen = settings()
    return chosen.master_keys is not None or chosen.master_keys_file is not None

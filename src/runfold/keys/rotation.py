"""Rotation of master keys: wraps every tenant's key with the newest one, in batches that can be begun again.

Values are not touched: they are encrypted with tenants' keys, which stay. What is done is seen from the keys
themselves, so a run that was killed continues where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from runfold.errors import KeyUnavailable
from runfold.keys.keyring import Keyring

BATCH = 500


@dataclass(slots=True)
class Rotation:
    """How far a rotation is: keys looked at, of them rewrapped, wrapped by the newest already, or not readable."""

    keys: int = 0
    rewrapped: int = 0
    current: int = 0
    destroyed: int = 0
    unreadable: int = 0


def rotate(keyring: Keyring, *, dry_run: bool = False, batch: int = BATCH) -> Iterator[Rotation]:
    """Wrap every key with the newest master key, and yield the progress after each batch of tenants.

    With `dry_run` nothing is changed: `rewrapped` counts what would be. A key that no master key opens is counted and
    left as it is.
    """
    progress = Rotation()
    after: UUID | None = None
    while page := keyring.home.page(after, batch):
        after = page[-1].user_id
        changes = []
        for key in page:
            progress.keys += 1
            if key.wrapped is None:
                progress.destroyed += 1
            elif keyring.masters.is_newest(key.wrapped):
                progress.current += 1
            else:
                try:
                    changes.append((key, keyring.masters.rewrapped(key.wrapped)))
                except KeyUnavailable:
                    progress.unreadable += 1
        if changes:
            progress.rewrapped += len(changes) if dry_run else keyring.home.rewrap(changes)
        yield progress
    if after is None:
        yield progress
    keyring.forget()

"""Discarding: the event that parks a stream is given up, on record for ever, and what waits behind it is folded."""

from __future__ import annotations

from typing import Any

import psycopg

from runfold.errors import InvalidInput
from runfold.projections.definition.catalogue import Group
from runfold.projections.reconciling.discarding import Discarded, Discarding
from runfold.projections.reconciling.own_discard import discard_own

__all__ = ["Discarded", "discard"]


def discard(
    connection: psycopg.Connection[Any],
    group: Group,
    stream_id: str,
    *,
    reason: str,
    by: str,
    dry_run: bool = False,
) -> Discarded:
    """Give up the event that parks a stream in a group, that one only, and fold what waits behind it.

    If a later one fails as well, the stream is parked again at that one. All in one transaction, and safe beside a
    worker: it holds the group's checkpoint. `by` says who; `dry_run` changes nothing. The connection is in autocommit
    and set up by FOLD_SESSION; a user's group is folded in a session of its own login, by the same steps. Raises
    InvalidInput without a reason, StreamNotParked, and DiscardFailed when no event is to blame any more.
    """
    for name, value in (("reason", reason), ("by", by)):
        if not value.strip():
            raise InvalidInput(
                f"{name} is blank", hint="it is on record for ever", code="blank", pointer=f"/{name}", found=value
            )
        if "\0" in value:
            raise InvalidInput(f"{name} holds a NUL", code="nul_character", pointer=f"/{name}")
    if group.own_login is not None:
        return discard_own(connection, group, stream_id, reason=reason, by=by, dry_run=dry_run)
    return Discarding(connection, group, stream_id, reason=reason, by=by).run(dry_run=dry_run)

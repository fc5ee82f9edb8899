# Generated from async_changes.py by `make sync`: edit that file, never this one.
"""The change of several streams at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runfold.errors import VersionConflict
from runfold.log.store import Store
from runfold.writing.aggregate import Aggregate
from runfold.writing.commands import append_of, pause_before


def change_streams(
    store: Store,
    change: Callable[..., Iterable[Aggregate]],
    *states: Aggregate,
    event_metadata: Mapping[str, Any] | None = None,
) -> list[Aggregate]:
    """Change several streams together, all or nothing, and return their new states.

    `states` name the streams. Each is read; `change` gets the states in their order and returns the new ones, with the
    events pending that its commands made. When another writer was faster, what it wrote is read and `change` decides
    again: it must do nothing but decide. A state that it returns of a stream not named here must be that of a new one.
    Raises what `change` raises, and VersionConflict when the store's retry time is over.
    """
    deadline = time.monotonic() + store.retry_seconds
    known = {state.id: state for state in states}
    stale = set(known)
    tries = 0
    while True:
        for stream_id in stale:
            state = known[stream_id]
            known[stream_id] = state.after(store.read_stream(stream_id, after=state.version))
        changed = list(change(*(known[state.id] for state in states)))
        appends = [append_of(state, user_id=None, metadata=event_metadata or {}) for state in changed if state.pending]
        try:
            if appends:
                store.append_many(appends)
            return [state.recorded() for state in changed]
        except VersionConflict as conflict:
            if time.monotonic() >= deadline or conflict.stream_id not in known:
                raise
            stale = {conflict.stream_id}
        time.sleep(pause_before(tries))
        tries += 1

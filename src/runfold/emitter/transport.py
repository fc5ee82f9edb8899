"""The store that emitters send with: connections of its own, and no retries but the emitter's."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from runfold.client.aio.store import AsyncStore
from runfold.client.batches import WrittenAppend
from runfold.client.sync.store import Store
from runfold.emitter.calls import expected_now
from runfold.emitter.queue import Waiting
from runfold.events.envelope import Appended

_RETRY_SECONDS = 0.3


class StoreTransport:
    """Sends calls through a store beside the one it was made for."""

    def __init__(self, store: Store | AsyncStore, lanes: int) -> None:
        settings = store._settings.model_copy(
            update={"retry_seconds": _RETRY_SECONDS, "pool_min_size": 0, "pool_max_size": lanes}
        )
        self._store = Store(
            store.url,
            settings,
            user_id=store.user_id,
            default=store.default,
            master_keys=store.encryption._master_keys,
        )
        self._store._open()

    def send(self, streams: Sequence[Sequence[Waiting]]) -> list[Appended]:
        """Append the events of each stream, all or nothing."""
        return self._store.append_encoded([written_append(items) for items in streams], repeats="skip")

    def log_identity(self) -> UUID:
        """Return which log the store writes to."""
        return self._store.log_identity()

    def close(self) -> None:
        """Close the connections."""
        self._store.close()


def written_append(items: Sequence[Waiting]) -> WrittenAppend:
    return WrittenAppend(
        items[0].ack.stream_id, [item.event for item in items], expected_now(items[0]), items[0].user_id
    )


__all__ = ["StoreTransport", "written_append"]

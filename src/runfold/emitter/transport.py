"""The store that emitters send with: connections of its own, and no retries but the emitter's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from runfold.client.aio.store import AsyncStore
from runfold.client.sync.store import Store
from runfold.emitter.queue import Waiting
from runfold.events.codec import CheckedEvent
from runfold.events.envelope import Append, Appended, EncodedCall

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
        encrypts = bool(self._store.encryption.policies()) or self._store.encryption._has_keys()
        if encrypts:
            return self._store.append_many([_append(items, orjson.loads) for items in streams])
        return self._store.append_many(_encoded(streams))

    def close(self) -> None:
        """Close the connections."""
        self._store.close()


def _append(items: Sequence[Waiting], written: Any) -> Append:
    return Append(
        stream_id=items[0].stream_id,
        events=[CheckedEvent(_event(item.event, written)) for item in items],
        expected_version=_expected(items[0]),
        user_id=items[0].user_id,
    )


def _encoded(streams: Sequence[Sequence[Waiting]]) -> EncodedCall:
    call = EncodedCall(Append(stream_id=items[0].stream_id, events=(), user_id=items[0].user_id) for items in streams)
    call.text = orjson.dumps(
        [
            {
                "stream_id": items[0].stream_id,
                "expected_version": _expected(items[0]),
                "user_id": None if items[0].user_id is None else str(items[0].user_id),
                "events": [_event(item.event, orjson.Fragment) for item in items],
            }
            for items in streams
        ]
    ).decode()
    return call


def _event(event: Mapping[str, Any], written: Any) -> dict[str, Any]:
    """An event with its JSON parts, which were written at its `emit`, as what `written` makes of them."""
    return {part: written(value) if type(value) is bytes else value for part, value in event.items()}


def _expected(first: Waiting) -> int | None:
    return first.owner.version if first.owner is not None else first.expected_version


__all__ = ["StoreTransport"]

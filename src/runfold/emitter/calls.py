"""Calls as the text that the log takes and the spool keeps."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from uuid import UUID

import orjson

from runfold.client.batches import event_with
from runfold.emitter.acks import Ack
from runfold.emitter.queue import Call, Waiting, by_stream


def expected_now(first: Waiting) -> int | None:
    """The version that the stream of an append must be at, by the append's first event."""
    version = first.expected_version
    return first.owner.version_for(version) if first.owner is not None and version is not None else version


def text_of(streams: Sequence[Sequence[Waiting]]) -> bytes:
    """Return the call of some streams' events, as `append_events` takes it."""
    return orjson.dumps(
        [
            {
                "stream_id": items[0].ack.stream_id,
                "expected_version": expected_now(items[0]),
                "user_id": None if (tenant := items[0].user_id) is None else str(tenant),
                "events": [event_with(item.event, orjson.Fragment) for item in items],
            }
            for items in streams
        ]
    )


def spooled_text(call: Call) -> bytes:
    """Return a call as the spool keeps it, and note in it what finds its acknowledgements and owners again."""
    streams = list(by_stream(call.items or ()).values())
    for items in streams:
        if (owner := items[0].owner) is not None:
            call.owned[owner.stream_id] = (owner, items[0].expected_version)
    call.acks = [weakref.ref(item.ack) for items in streams for item in items]
    return text_of(streams)


def items_of(call: Call, text: bytes) -> list[Waiting]:
    """Return the events of a call that the spool kept; those of a former process have acknowledgements of nobody."""
    acks = iter(call.acks)
    found = []
    for append in orjson.loads(text):
        stream_id = append["stream_id"]
        owner, expected = call.owned.get(stream_id, (None, append.get("expected_version")))
        tenant = None if append.get("user_id") is None else UUID(append["user_id"])
        for n, event in enumerate(append["events"]):
            reference = next(acks, None)
            ack = None if reference is None else reference()
            size = 0
            for part in ("data", "metadata"):
                if event.get(part) is not None:
                    event[part] = orjson.dumps(event[part])
                    size += len(event[part])
            event_id = event["event_id"] = UUID(event["event_id"])
            found.append(
                Waiting(
                    ack if ack is not None else Ack(stream_id, event_id),
                    event,
                    size,
                    tenant,
                    None if expected is None or (n > 0 and owner is None) else expected + n,
                    owner,
                    number=call.first,
                )
            )
    return found


__all__ = ["expected_now", "items_of", "spooled_text", "text_of"]

"""The streams of a tenant's threads: read with a state that is kept, appended to at the version that is known."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from uuid import UUID

from runfold.database.forks import renew
from runfold.errors import VersionConflict
from runfold.events.encrypted_forms import PAYLOAD, Erased, looks_encrypted
from runfold.events.faults import fault
from runfold.events.ids import new_id
from runfold.events.streams import stream_id, stream_name
from runfold.keys.values import encrypt_payload, open_value
from runfold.langgraph.packing import packed, unpacked
from runfold.langgraph.threads import CATEGORY, VALUE, Thread
from runfold.runtime_sql import runtime_sql

if TYPE_CHECKING:
    from runfold.client.sync.store import Store

_sql = runtime_sql("runfold.langgraph")

_MOST_THREADS = 128
_TRIES = 50
_SNAPSHOT_EVENTS = 1000
"""After how many events a thread's state is recorded, so that another process need not read them."""
_ROOM = 1024
"""Bytes of an event that are left for its encryption."""
LARGEST_RECENT = 8_000_000
"""Bytes of a value that is kept in memory, so that the next one is written as a difference to it."""
_BLOB_TYPE = "application/x-runfold-langgraph"
_SAFE = "!#$&'()*+,/:;=?@[]^`{|}\"\\<>"

Event = tuple[str, dict[str, Any], list[bytes]]
"""Type, header and parts."""
Parts = dict[int, list[bytes]]


@dataclass(slots=True)
class Recent:
    """The newest value of a channel that this process knows, to write the next one as a difference to it."""

    at: int
    tag: str
    value: bytes
    depth: int = 0
    differing: int = 0


@dataclass(slots=True)
class Open:
    """A thread in the memory of this process."""

    name: str
    state: Thread = field(default_factory=Thread)
    recent: dict[tuple[str, str], Recent] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)
    is_loaded: bool = False
    snapshot_at: int = 0


class ThreadLog:
    """The threads of one tenant, through a store of a service."""

    def __init__(self, store: Store, user_id: UUID) -> None:
        self._store = store
        self.user_id = user_id
        self._opened: OrderedDict[str, Open] = OrderedDict()
        self._lock = RLock()
        renew(self)

    def _after_fork(self) -> None:
        self._lock = RLock()
        self._opened = OrderedDict()

    @cached_property
    def _limit(self) -> int:
        ((limit,),) = self._store._retried(_sql("max_event_bytes"), {})
        return int(limit) - _ROOM

    @cached_property
    def _registered(self) -> bool:
        self._store._retried(_sql("register_category"), {})
        return True

    @contextmanager
    def thread(self, thread_id: str, *, fresh: bool = True) -> Iterator[Open]:
        """Return a thread for this caller alone; `fresh` reads first what others have appended."""
        name = quote(thread_id, safe=_SAFE)
        if not name or len(name) > 254:
            raise fault("too_long" if name else "blank", "/thread_id", limit=254, found=len(name))
        with self._lock:
            opened = self._opened.setdefault(name, Open(name))
            self._opened.move_to_end(name)
            if len(self._opened) > _MOST_THREADS:
                self._opened.popitem(last=False)
        with opened.lock:
            if fresh or not opened.is_loaded:
                self._refresh(opened)
            yield opened

    def thread_ids(self) -> list[str]:
        """Return the ids of the tenant's threads, the one that was written last first."""
        rows = self._store._retried(_sql("threads"), {"user": self.user_id})
        return [unquote(stream_name(stream)) for (stream,) in rows]

    def append(self, opened: Open, plan: Callable[[int], Sequence[Event]]) -> None:
        """Append the events that `plan` returns for the version before them; it is asked again after a conflict."""
        assert self._registered
        event_ids: list[UUID] = []
        for _ in range(_TRIES):
            before = opened.state.version
            events = plan(before)
            if not events:
                return
            event_ids = event_ids or [new_id() for _ in events]
            event_ids = event_ids[: len(events)] + [new_id() for _ in range(len(events) - len(event_ids))]
            try:
                self._send(opened, before + 1, events, event_ids)
            except VersionConflict as conflict:
                last = conflict
                self._refresh(opened)
                continue
            for n, (kind, header, _parts) in enumerate(events):
                opened.state.fold(before + 1 + n, kind, header)
            self._record_snapshot(opened)
            return
        raise last

    def parts_of(self, opened: Open, versions: Sequence[int]) -> dict[int, tuple[dict[str, Any], list[bytes]]]:
        """Return header and parts of events by their versions; an erased one is left out."""
        if not versions:
            return {}
        asked = {"stream": stream_id(CATEGORY, opened.name), "user": self.user_id, "versions": sorted(set(versions))}
        rows = self._store._retried(_sql("read_events_of_thread"), asked)
        found = ((at, self._unpacked(bytes(payload))) for at, payload in rows)
        return {at: event for at, event in found if event is not None}

    def _refresh(self, opened: Open) -> None:
        stream = stream_id(CATEGORY, opened.name)
        if not opened.is_loaded:
            asked = {"name": opened.name, "stream": stream, "user": self.user_id}
            for (state,) in self._store._retried(_sql("snapshot_of_thread"), asked):
                opened.state = Thread.from_bytes(bytes(state))
                opened.snapshot_at = opened.state.version
        after = {"stream": stream, "user": self.user_id, "after": opened.state.version, "values": VALUE}
        for at, kind, payload in self._store._retried(_sql("read_thread"), after):
            event = self._unpacked(bytes(payload), with_blobs=False)
            if event is not None:
                opened.state.fold(at, kind, event[0])
        opened.is_loaded = True

    def _send(self, opened: Open, first_version: int, events: Sequence[Event], event_ids: Sequence[UUID]) -> None:
        types: dict[str, int] = {}
        numbers = [types.setdefault(kind, len(types) + 1) for kind, _, _ in events]
        fields = [self._payload(*event, event_id) for event, event_id in zip(events, event_ids, strict=True)]
        call = {
            "name": opened.name,
            "first_version": first_version,
            "numbers": [1] * len(events),
            "types": list(types),
            "type_numbers": numbers,
            "payloads": fields,
            "event_ids": list(event_ids),
            "occurred_at": datetime.now(UTC),
            "user": self.user_id,
        }
        self._store._retried(_sql("append_to_thread"), call)

    def _payload(self, kind: str, header: dict[str, Any], parts: list[bytes], event_id: UUID) -> bytes:
        payload = packed(header, parts)
        if len(payload) > self._limit:
            # The header stays, so that the thread can be folded without the blob.
            reference = self._store.put_blob(payload, type=_BLOB_TYPE, user_id=self.user_id)
            payload = packed({**header, "blob": reference})
        encryption = self._store.encryption
        if PAYLOAD in encryption.policies().fields_of(self.user_id, kind):
            key = encryption.keyring().encrypting_key(self.user_id)
            payload = encrypt_payload(payload, str(event_id), lambda _: key)
        return payload

    def _unpacked(self, payload: bytes, *, with_blobs: bool = True) -> tuple[dict[str, Any], list[bytes]] | None:
        if looks_encrypted(payload):
            plain = open_value(payload, PAYLOAD, self.user_id, self._store.encryption.keyring())
            if isinstance(plain, Erased):
                return None
            payload = plain
        header, parts = unpacked(payload)
        if (reference := header.pop("blob", None)) is not None and with_blobs:
            header, parts = unpacked(self._store.get_blob(reference, user_id=self.user_id))
        return header, parts

    def _record_snapshot(self, opened: Open) -> None:
        """Record the state now and then; where payloads are encrypted it is not recorded, since it is not."""
        version = opened.state.version
        if version - opened.snapshot_at < _SNAPSHOT_EVENTS or self._store.encryption.policies():
            return
        opened.snapshot_at = version
        asked = {"name": opened.name, "version": version, "state": opened.state.to_bytes(), "call_id": new_id()}
        self._store._retried(_sql("record_snapshot"), asked)
        self._store._retried(_sql("delete_older_snapshots"), {"name": opened.name, "version": version})

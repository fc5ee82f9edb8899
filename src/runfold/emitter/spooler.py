"""Writes calls to the disk while the database does not answer, and gives them back to the sender in their order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence

import orjson

from runfold.client.batches import event_with
from runfold.emitter.acks import settle_spooled
from runfold.emitter.calls import expected_now, items_of, spooled_text
from runfold.emitter.queue import Call, Queue, Waiting
from runfold.emitter.replay import refused_entry
from runfold.emitter.segments import OVERHEAD, Record
from runfold.emitter.spool import Spool

_PAUSE_AFTER_FAILURE = 0.2
_log = logging.getLogger(__name__)


class Spooler(threading.Thread):
    """The one thread that writes to an emitter's spool; its sender reads by `read` and `done`."""

    def __init__(self, queue: Queue, spool: Spool) -> None:
        super().__init__(name="runfold emitter's spool", daemon=True)
        self.failed: Exception | None = None
        """Why the spool took nothing when it was written last."""
        self._queue = queue
        self._spool = spool
        self._halted = threading.Event()
        self._reader: Iterator[Record] | None = None
        for _ in spool.records():
            queue.add_former()

    def stop(self) -> None:
        """Do not try again what cannot be written now."""
        self._halted.set()

    def run(self) -> None:
        """Write until all is sent or written."""
        while (call := self._queue.next_to_spool()) is not None:
            try:
                record = self._write(call)
            except Exception as error:  # a full disk, and whatever else: events wait in memory, and no thread ends
                self._queue.not_spooled(call)
                if self.failed is None:
                    _log.warning("%s; events wait in memory", error)
                self.failed = error
                if self._halted.wait(_PAUSE_AFTER_FAILURE):
                    return
            else:
                self.failed = None
                acks = [ack for ack in (reference() for reference in call.acks) if ack is not None]
                self._queue.spooled(call, record)
                settle_spooled(acks)

    def _write(self, call: Call) -> Record:
        text = spooled_text(call)
        offset = self._spool.append(text)
        self._spool.sync()
        return Record(offset, offset + OVERHEAD + len(text), 0.0, b"")

    def read(self, call: Call) -> list[Waiting]:
        """Return the events of the oldest call that the spool has."""
        record = None if self._reader is None else next(self._reader, None)
        if record is None:
            self._reader = self._spool.records()
            record = next(self._reader)
        call.record = record._replace(call=b"")
        return items_of(call, record.call)

    def done(self, call: Call) -> None:
        """Forget the oldest call that the spool has: its events are in the log, or were refused."""
        assert call.record is not None
        if call.items is not None:
            self._reader = None  # it was not read by it
        self._spool.done(call.record)

    def refuse(self, items: Sequence[Waiting], error: Exception) -> None:
        """Keep refused events in the spool's folder, with what was refused."""
        for item in items:
            append = {
                "stream_id": item.stream_id,
                "expected_version": expected_now(item),
                "user_id": item.user_id,
            }
            self._spool.refuse(refused_entry(append, event_with(item.event, orjson.loads), error))


__all__ = ["Spooler"]

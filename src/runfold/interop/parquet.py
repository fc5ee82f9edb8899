"""Parquet: one event a row, with the columns of an archive's files, so that DuckDB, Spark and others open both alike.

JSON is a text, bytes are binary, and times are microseconds in UTC. It holds what JSON lines hold.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from runfold.archive.files import pyarrow_for, schema_of
from runfold.errors import ImportFailed
from runfold.events.envelope import RecordedEvent
from runfold.interop.jsonl import decode
from runfold.interop.portable import Portable, instant

ROWS = 10_000
"""How many events are in memory; a row group of the file holds as many."""

# Where an append ends, and what an erasure left, are not the events'.
_LEFT_OUT = ("append_end", "erased")
_NEEDED = ("stream_id", "stream_version", "event_id", "type", "schema_version", "data", "payload", "occurred_at")


class ParquetWriter:
    """Writes a file row group by row group; `end` completes it."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._pyarrow, parquet = pyarrow_for("Parquet needs")
        self._schema = _schema(self._pyarrow)
        self._rows: list[tuple[Any, ...]] = []
        self._writer = parquet.ParquetWriter(_Sink(write), self._schema, compression="zstd", compression_level=3)

    def add(self, event: RecordedEvent) -> None:
        """Take an event."""
        self._rows.append(
            (
                event.position,
                event.stream_id,
                event.stream_version,
                str(event.event_id),
                event.stream_id.partition("-")[0],
                event.type,
                event.schema_version,
                None if event.user_id is None else str(event.user_id),
                None if event.data is None else orjson.dumps(event.data).decode(),
                event.payload,
                orjson.dumps(event.metadata).decode(),
                event.occurred_at,
                event.recorded_at,
            )
        )
        if len(self._rows) >= ROWS:
            self._flush()

    def end(self) -> None:
        """Write what is left, and the end of the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            columns = zip(self._schema, zip(*self._rows, strict=True), strict=True)
            arrays = [self._pyarrow.array(column, item.type) for item, column in columns]
            self._writer.write_table(self._pyarrow.Table.from_arrays(arrays, schema=self._schema))
            self._rows = []


class _Sink:
    """A file that is only written, in order; what pyarrow needs of one."""

    closed = False

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._size = 0

    def write(self, content: Any) -> int:
        """Pass the bytes on."""
        octets = bytes(content)
        self._write(octets)
        self._size += len(octets)
        return len(octets)

    def tell(self) -> int:
        """How many bytes were written."""
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The output is its owner's to close."""


def read_parquet(path: Path, on_rows: Callable[[int], None] | None = None) -> Iterator[Portable]:
    """Yield the events of a file that an export, or the archive, wrote; raises ImportFailed with the row."""
    pyarrow, parquet = pyarrow_for("Parquet needs")
    try:
        with parquet.ParquetFile(path) as file:
            known = set(file.schema_arrow.names)
            if missing := [name for name in _NEEDED if name not in known]:
                raise ImportFailed(
                    f"{path.name} has no column {missing[0]}", hint="give a file that `runfold export` wrote"
                )
            wanted = [name for name in _schema(pyarrow).names if name in known]
            number = 0
            for batch in file.iter_batches(ROWS, columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    yield _portable(row, f"{path.name}, row {number}")
                if on_rows is not None:
                    on_rows(number)
    except (pyarrow.ArrowException, OSError) as error:
        raise ImportFailed(
            f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}",
            hint="give a file that `runfold export --format parquet` wrote",
        ) from error


def _portable(row: dict[str, Any], place: str) -> Portable:
    line = {name: value for name, value in row.items() if value is not None}
    size = len(line.get("data", "")) + len(line.get("payload", b"")) + 500
    for name in ("data", "metadata"):
        if name in line:
            try:
                line[name] = orjson.loads(line[name])
            except orjson.JSONDecodeError:
                raise ImportFailed(f"{place}: {name} is not JSON", hint="correct it, or leave it out") from None
    if "payload" in line:
        line["payload"] = b64encode(line["payload"]).decode()
    if "occurred_at" in line:
        line["occurred_at"] = instant(line["occurred_at"])
    return decode(line, place, size)


def _schema(pyarrow: Any) -> Any:
    """The columns of an archive's file that an event has."""
    return pyarrow.schema([item for item in schema_of(pyarrow) if item.name not in _LEFT_OUT])

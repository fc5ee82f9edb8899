"""Reads JSON documents out of a file: one a line, an array of them, or one alone.

Lines are read one by one, so that a file of any size needs little memory; what is one value is read as a whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from runfold.errors import ImportFailed
from runfold.interop.xes_source import Source, open_source, unreadable_log


class Document(NamedTuple):
    """A JSON value, where the file has it, and the number of bytes that it takes there."""

    found: Any
    place: str
    size: int


def read_documents(path: Path, on_bytes: Callable[[int], None] | None = None) -> Iterator[Document]:
    """Yield the documents of a file, `-` for standard input, plain or gzipped; raises ImportFailed with the line."""
    try:
        with open_source(path, on_bytes=on_bytes) as source:
            yield from _documents(source)
    except (OSError, zlib.error, EOFError) as error:
        reason = error if isinstance(error, OSError) else OSError(f"it is damaged: {error}")
        raise unreadable_log(str(path), reason) from error


def read_document(path: Path, on_bytes: Callable[[int], None] | None = None) -> Any:
    """Return the one JSON value that a file is; raises ImportFailed."""
    try:
        with open_source(path, on_bytes=on_bytes) as source:
            content = b"".join(source.chunks)
            try:
                return orjson.loads(content)
            except orjson.JSONDecodeError as error:
                raise _not_json(f"{source.shown}, line {error.lineno}", error) from None
    except (OSError, zlib.error, EOFError) as error:
        reason = error if isinstance(error, OSError) else OSError(f"it is damaged: {error}")
        raise unreadable_log(str(path), reason) from error


def _documents(source: Source) -> Iterator[Document]:
    lines = _lines(source.chunks)
    first = next(lines, None)
    while first is not None and not first[1].strip():
        first = next(lines, None)
    if first is None:
        return
    number, line = first
    if not line.lstrip().startswith(b"["):
        try:
            yield Document(orjson.loads(line), f"{source.shown}, line {number}", len(line))
        except orjson.JSONDecodeError as error:
            # One value over several lines, or a line that is damaged.
            if line.strip() != b"{":
                raise _not_json(f"{source.shown}, line {number}", error) from None
        else:
            yield from _of_lines(source, lines)
            return
    content = line + b"\n" + b"".join(more + b"\n" for _, more in lines)
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _not_json(f"{source.shown}, line {number + error.lineno - 1}", error) from None
    documents = found if isinstance(found, list) else [found]
    for index, document in enumerate(documents, 1):
        yield Document(document, f"{source.shown}, event {index}", len(content) // len(documents))


def _of_lines(source: Source, lines: Iterator[tuple[int, bytes]]) -> Iterator[Document]:
    for number, line in lines:
        if line.strip():
            place = f"{source.shown}, line {number}"
            try:
                yield Document(orjson.loads(line), place, len(line))
            except orjson.JSONDecodeError as error:
                raise _not_json(place, error) from None


def _lines(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number."""
    number, rest = 1, b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield number, line
            number += 1
    if rest:
        yield number, rest


def _not_json(place: str, error: orjson.JSONDecodeError) -> ImportFailed:
    return ImportFailed(
        f"{place}: it is not JSON: {error.msg}", hint="correct the file, or look whether it is complete"
    )

"""Read the traces of an IEEE 1849 (XES) file in bounded memory.

Element names are read without their namespace, attributes by their key. Only attributes directly below a log, a trace
or an event count; nested attributes, `global` scopes, classifiers and extensions are skipped. If a file cannot be read
completely, ImportFailed names the line and the trace and says what to do. So it does for an event or a trace that
cannot be imported, unless the options leave it out.
"""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.parsers import expat

from runfold.errors import ImportFailed
from runfold.interop.xes_document import Document
from runfold.interop.xes_encoding import HEAD, Encoding
from runfold.interop.xes_options import Skips, XesOptions
from runfold.interop.xes_parts import EVENTS_PER_PART, TracePart, XesEvent
from runfold.interop.xes_source import CHUNK, STANDARD_INPUT, Source, open_source, unreadable_log

# The parser keeps a token (a tag, a comment) in memory until it ends, so a token without an end must be refused.
LONGEST_TOKEN = 4 * 1024 * 1024
IS_XES_HINT = "give an IEEE 1849 file, plain or gzipped"


def read_traces(
    path: Path,
    *,
    options: XesOptions | None = None,
    skips: Skips | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Iterator[TracePart]:
    """Yield the traces of a file, a pipe, or of standard input (`-`), in their order, each in one or more parts.

    `on_bytes` is called with the number of bytes of the (compressed) file that have been read; `skips` counts what is
    left out. A log without a name gets the name of its file. Raises ImportFailed.
    """
    document: _Bytes | None = None
    try:
        with open_source(path, on_bytes=on_bytes) as source:
            document = _Bytes(source, options or XesOptions(), skips or Skips())
            with _damage_is_explained(document):
                yield from _parts(document, source)
    except OSError as unreadable:
        shown = "standard input" if path == STANDARD_INPUT else str(path)
        raise unreadable_log(shown, unreadable) from unreadable


def _parts(document: _Bytes, source: Source) -> Iterator[TracePart]:
    parts = document.parts
    for chunk in source.chunks:
        try:
            document.feed(chunk)
        except (ImportFailed, expat.ExpatError):
            yield from parts  # the parts before the fault are complete
            raise
        while parts:
            yield parts.popleft()
    try:
        document.close()
    finally:
        yield from parts


@contextmanager
def _damage_is_explained(read: _Bytes) -> Iterator[None]:
    again = "fetch or export the file again, and import it: events that are already imported are not repeated"
    document, shown = read.document, read.shown
    try:
        yield
    except expat.ExpatError as broken:
        if (wrong_encoding := read.wrong_encoding(broken)) is not None:
            raise wrong_encoding from broken
        what = f"line {broken.lineno}, column {broken.offset + 1}: {expat.ErrorString(broken.code)}"
        if not document.is_xes:
            raise ImportFailed(f"{shown} is not XES: {what}", hint=IS_XES_HINT, line=broken.lineno) from broken
        raise ImportFailed(
            f"{shown} is cut off or damaged at {what}", hint=again, line=broken.lineno, trace=document.trace
        ) from broken
    except (gzip.BadGzipFile, zlib.error, EOFError) as broken:
        raise ImportFailed(
            f"{shown} is cut off or damaged: {broken}", hint=again, line=document.line, trace=document.trace
        ) from broken


class _Bytes:
    """Feeds a document with the bytes of its source, once the encoding is known."""

    def __init__(self, source: Source, options: XesOptions, skips: Skips) -> None:
        self.shown = source.shown
        self.document = Document(source.shown, source.name, options, skips)
        self.parts: deque[TracePart] = self.document.parts
        self._head: bytes | None = b""
        self._encoding: Encoding | None = None
        self._chunk = b""
        self._fed = 0

    def feed(self, chunk: bytes) -> None:
        if self._head is not None:
            self._head += chunk
            if len(self._head) < HEAD:
                return
            chunk = self._begin(self._head)
        self._parse(chunk)

    def close(self) -> None:
        if self._head is not None:
            self._parse(self._begin(self._head))
        self._chunk = b""
        self.document.parser.Parse(b"", True)

    def wrong_encoding(self, broken: expat.ExpatError) -> ImportFailed | None:
        """The refusal for a fault that is one of the encoding."""
        if self._encoding is None:
            return None
        at = self.document.parser.ErrorByteIndex - self._fed
        return self._encoding.explain(broken, self._chunk[at] if 0 <= at < len(self._chunk) else None)

    def _begin(self, head: bytes) -> bytes:
        self._head = None
        self._encoding = Encoding(self.shown, head)
        self.document.begin(self._encoding.override)
        return head

    def _parse(self, chunk: bytes) -> None:
        self._chunk = chunk
        parser = self.document.parser
        parser.Parse(chunk, False)
        self._fed += len(chunk)
        if self._fed - parser.CurrentByteIndex > LONGEST_TOKEN:
            self.document.refuse(
                f"a tag or comment is longer than {LONGEST_TOKEN >> 20} MiB", "shorten it", self.document.line
            )


__all__ = ["CHUNK", "EVENTS_PER_PART", "LONGEST_TOKEN", "TracePart", "XesEvent", "read_traces"]

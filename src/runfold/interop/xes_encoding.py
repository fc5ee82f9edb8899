"""Finds out in which encoding an XES log is written, and refuses what expat does not read or what cannot be true.

expat reads UTF-8, UTF-16, ISO-8859-1 and US-ASCII by itself, and by Python's tables every encoding of one byte a
character whose first half is ASCII. It knows none of their other names ("utf8"), and no encoding of several bytes.
"""

from __future__ import annotations

import codecs
import re
import sys
from xml.parsers import expat

from runfold.errors import ImportFailed

# Enough for the XML declaration, which is the first thing of a file that has one.
HEAD = 256

_DECLARATION = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]*)["']""")
_EXPATS_OWN = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "ascii": "US-ASCII", "iso8859-1": "ISO-8859-1"}
# The byte order marks of UTF-16 are what those of UTF-32 begin with.
_UTF_32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"<\x00\x00\x00", b"\x00\x00\x00<")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_BYTE_OF_ASCII = 0x80


class Encoding:
    """The encoding of one log. expat takes `override` in place of the declared name, where it is not None."""

    def __init__(self, shown: str, head: bytes) -> None:
        self._shown = shown
        self.override: str | None = None
        if head.startswith(_UTF_32):
            raise self._refused("it is written in UTF-32, which is not read", "UTF-32")
        self._in_16_bits = head.startswith(_UTF_16)
        # The declaration is ASCII: in UTF-16 every other of its bytes is zero.
        declared = _DECLARATION.match(_without_mark(head.replace(b"\0", b"")) if self._in_16_bits else head)
        self._declared = None if declared is None else declared[1].decode()
        if self._declared is not None:
            self.override = self._known(self._declared, head)

    def _known(self, declared: str, head: bytes) -> str | None:
        """Return the override for a declared name; raises ImportFailed for one that is not read or cannot be true."""
        name = _python_name(declared)
        if self._in_16_bits != (name is not None and name.startswith("utf-16")):
            written = "is written in UTF-16" if self._in_16_bits else "is not written in it"
            raise ImportFailed(
                f"{self._shown} declares the encoding {declared!r}, but it {written}",
                hint="let its first line name the encoding that it has, most often UTF-8",
                line=1,
            )
        if self._in_16_bits:
            return "UTF-16LE" if head.startswith((b"\xff\xfe", b"<\0")) else "UTF-16BE"
        if name in _EXPATS_OWN:
            return _EXPATS_OWN[name]
        if name is None or not _has_a_byte_a_character(name):
            known = declared if name is not None else "ENCODING"
            raise self._refused(f"it declares the encoding {declared!r}, which is not read", known)
        return None

    def explain(self, broken: expat.ExpatError, byte: int | None) -> ImportFailed | None:
        """Return the refusal for a fault that comes from a wrong encoding, and None for any other fault.

        `byte` is the byte at the fault, if it is known.
        """
        if expat.errors.codes[expat.errors.XML_ERROR_INCORRECT_ENCODING] == broken.code:
            what, line = "declares an encoding that it does not have", broken.lineno
        elif byte is not None and byte >= _BYTE_OF_ASCII and not self._in_16_bits:
            line = broken.lineno
            what = f"line {line}, column {broken.offset + 1}: the byte 0x{byte:02X} is not {self._declared or 'UTF-8'}"
        else:
            return None
        return ImportFailed(
            f"{self._shown} {what}" if what.startswith("declares") else f"{self._shown}, {what}",
            hint='let its first line name its encoding, as in encoding="ISO-8859-1", or convert it to UTF-8',
            line=line,
        )

    def _refused(self, what: str, encoding: str) -> ImportFailed:
        return ImportFailed(
            f"{self._shown}, line 1: {what}",
            hint=f'convert it (iconv -f {encoding} -t UTF-8) and let its first line say encoding="UTF-8"',
            line=1,
        )


def _without_mark(head: bytes) -> bytes:
    return head[2:] if head.startswith((b"\xff\xfe", b"\xfe\xff")) else head


def _python_name(encoding: str) -> str | None:
    try:
        return codecs.lookup(encoding).name
    except (LookupError, UnicodeError, ValueError):
        return None


def _has_a_byte_a_character(name: str) -> bool:
    """Whether Python has a table for the encoding, with ASCII as its first half.

    Others decode each byte by itself too, and mean something else by several (iso2022_jp, unicode_escape).
    """
    module = sys.modules.get(getattr(codecs.lookup(name).incrementaldecoder, "__module__", ""))
    if not hasattr(module, "decoding_table"):
        return False
    ascii_bytes = bytes(range(_BYTE_OF_ASCII))
    return ascii_bytes.decode(name, "replace") == ascii_bytes.decode()

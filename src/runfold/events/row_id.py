"""The id of a read table's row, the same in Python and in SQL."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

_UNIT_SEPARATOR = "\x1f"


def row_id(stream_id: str, kind: str, name: str) -> UUID:
    """Return the id of the row of `name` in `stream_id`: always the same id for the same three texts.

    `kind` says what is named ('execution', 'node', 'pause', 'log'), `name` is unique among its kind in the stream. The
    id is the first 16 bytes of sha256 over the UTF-8 of the three, joined by U+001F, as a UUID of version 8 (RFC 9562,
    section 5.8). No stream id and no kind holds a control character, so no other three texts join to the same bytes,
    and no event can name another stream's row. `runfold.row_id` in SQL gives the same id.

    Texts are taken as they are: two Unicode spellings of one name are two names.
    """
    digest = bytearray(sha256(_UNIT_SEPARATOR.join((stream_id, kind, name)).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))

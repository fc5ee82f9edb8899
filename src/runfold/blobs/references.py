"""References to large values: what an event holds in place of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from runfold.errors import BlobDamaged, InvalidInput
from runfold.events.faults import fault

BLOB_KEY: Final = "$blob"
MAX_BLOB_BYTES: Final = 268_435_456
"""The most bytes of a blob; the table has the same limit."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_TYPE = 255


def reference_to(content: Any, kind: Any) -> dict[str, Any]:
    """Return the reference of a content; raises InvalidInput for one that is too large, or a type that is none."""
    if not isinstance(content, bytes | bytearray | memoryview):
        raise fault("wrong_type", "/content", limit="bytes", found=type(content).__name__)
    if not isinstance(kind, str) or not kind.strip() or len(kind) > _LONGEST_TYPE:
        raise fault("too_long" if isinstance(kind, str) and kind.strip() else "blank", "/type", limit=_LONGEST_TYPE)
    if len(content) > MAX_BLOB_BYTES:
        raise InvalidInput(
            f"the blob has {len(content):,} bytes, more than {MAX_BLOB_BYTES:,}",
            hint="cut it, or keep it elsewhere and record where",
            code="blob_too_large",
            pointer="/content",
            limit=MAX_BLOB_BYTES,
            found=len(content),
        )
    return {BLOB_KEY: sha256(content).hexdigest(), "bytes": len(content), "type": kind}


def is_reference(value: Any) -> bool:
    """Whether a value is a reference to a blob."""
    return (
        isinstance(value, Mapping)
        and set(value) == {BLOB_KEY, "bytes", "type"}
        and isinstance(value[BLOB_KEY], str)
        and _SHA256.fullmatch(value[BLOB_KEY]) is not None
        and isinstance(value["bytes"], int)
        and isinstance(value["type"], str)
    )


def digest_of(reference: Any) -> str:
    """Return the digest that a reference names; raises InvalidInput for what is none."""
    if not is_reference(reference):
        raise InvalidInput(
            "this is no reference to a blob",
            hint='give what put_blob returned: {"$blob": …, "bytes": …, "type": …}',
            code="not_a_blob",
            pointer="/reference",
            found=str(reference)[:100],
        )
    return str(reference[BLOB_KEY])


def verified(content: bytes, reference: Mapping[str, Any]) -> bytes:
    """Return a content that was read; raises BlobDamaged where it is not what the reference names."""
    if sha256(content).hexdigest() != reference[BLOB_KEY]:
        raise BlobDamaged(
            f"the blob {reference[BLOB_KEY]} does not have the content that its name says",
            hint="restore it from a backup: the event refers to other bytes",
            sha256=reference[BLOB_KEY],
        )
    return content


def in_words(reference: Any) -> str:
    """Return a reference for people."""
    return f"blob {reference[BLOB_KEY][:12]}, {_size(reference['bytes'])}, {reference['type']}"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"

"""Page tokens: the sort key of the last row of a page, as text for `--after`."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from runfold.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(r"(-?\d{1,18}|last)\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class PageToken:
    """A row's time (None sorts last) and id."""

    time: datetime | None
    id: UUID

    def __str__(self) -> str:
        """Return the microseconds of the time, a dot, and the id."""
        when = "last" if self.time is None else str((self.time - _EPOCH) // timedelta(microseconds=1))
        return f"{when}.{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a page token; raises InvalidInput."""
        if (found := _TEXT.fullmatch(text)) is not None:
            with contextlib.suppress(OverflowError):
                time = None if found[1] == "last" else _EPOCH + timedelta(microseconds=int(found[1]))
                return cls(time, UUID(found[2]))
        raise InvalidInput(
            f"{text!r} is not a page token",
            hint="pass the `after` value that a list printed",
            code="invalid_page_token",
            found=text,
        )

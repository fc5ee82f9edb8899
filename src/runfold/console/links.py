"""The addresses of pages, all below the base path: every link of a page is made here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from runfold.console.assets import assets


@dataclass(frozen=True, slots=True)
class Links:
    """Makes addresses below a base path."""

    base: str = ""

    def to(self, *parts: Any, **query: Any) -> str:
        """Return the address of a page; each part is quoted, and what is None or empty is left out of the query."""
        path = "/".join(quote(str(part), safe="") for part in parts)
        return f"{self.base}/{path}{query_string(query.items())}"

    def static(self, file: str) -> str:
        """Return the address of an asset."""
        return f"{self.base}/static/{assets()[file].name}"


def query_string(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return `?a=b` of what is there, or nothing."""
    text = urlencode([(name, value) for name, value in pairs if value not in (None, "", False)])
    return f"?{text}" if text else ""

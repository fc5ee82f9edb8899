"""The files that pages load: named by their digest, so that a browser may keep each for ever."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "woff2": "font/woff2"}
_FONT = re.compile(rb"url\(([a-z-]+\.woff2)\)")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file: the name under which it is loaded, its media type, and its bytes as they are and compressed."""

    name: str
    media_type: str
    content: bytes
    compressed: bytes | None


@cache
def assets() -> dict[str, Asset]:
    """Return every asset by the name of its file."""
    folder = resources.files("runfold.console").joinpath("static")
    files = sorted(file.name for file in folder.iterdir() if file.name.rpartition(".")[2] in _TYPES)
    found: dict[str, Asset] = {}
    for file in sorted(files, key=lambda name: name.endswith(".css")):  # the sheet names the fonts
        content = folder.joinpath(file).read_bytes()
        if file.endswith(".css"):
            content = _FONT.sub(lambda match: b"url(%s)" % found[match[1].decode()].name.encode(), content)
        found[file] = _asset(file, content)
    return found


@cache
def by_name() -> dict[str, Asset]:
    """Return every asset by the name under which it is loaded."""
    return {asset.name: asset for asset in assets().values()}


def _asset(file: str, content: bytes) -> Asset:
    stem, _, kind = file.rpartition(".")
    name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}"
    compressed = None if kind == "woff2" else gzip.compress(content, 9, mtime=0)
    return Asset(name, _TYPES[kind], content, compressed)

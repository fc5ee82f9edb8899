"""What may be written about a call of another service: without secrets, and with bodies of a limited size.

What a name calls a secret is removed at any depth, in structures as well as in text; of headers those are kept whose
names are known to be harmless; a URL loses its user, the values of its query and its fragment. It is better to remove
too much: a body is kept to find an error, not to send it again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

REMOVED = "[removed]"
"""What a value that may be a secret is replaced with."""
MOST_BYTES = 16_384
"""The greatest size of a body, and of an error's message, as JSON in UTF-8."""
CUT = "$cut"
"""The key of a body that was cut: it has its size in bytes, and `start` has its beginning as text."""
_DEEPEST = 50
# A longer text is cut before it is searched, so that no body takes long.
_LONGEST = 4 * MOST_BYTES

_SECRET = (
    r"token|secret|authori[sz]ation|cookie|passw|passphrase|pwd|(?:api|access|private)[-_ ]?key|credential|signature"
    r"|session[-_ ]?id|bearer|jwt|(?<![a-z])otp|client[-_ ]?assertion"
)
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)
# How many tokens a model used: a number under such a name is no secret.
_COUNT_NAME = re.compile(
    r"tokens(?:[-_]?(?:details|count|used|remaining))?$|^(?:max|num|n|total)[-_]?tokens", re.IGNORECASE
)
# In text: name=value, name: value and "name": "value", whatever surrounds it.
_SECRET_IN_TEXT = re.compile(
    rf"""((?:{_SECRET})[\w.-]{{0,40}}\\*["']?\s{{0,8}}(?:=>|[:=]|%3[Dd])\s{{0,8}})(?:(?:Bearer|Basic|Token)\s+)?"""
    r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\\+"[^"]*"?|[^\s&;,}]+)""",
    re.IGNORECASE,
)
# Values that are secrets by their looks: schemes of the header Authorization, JSON Web Tokens, keys of known services.
_SECRET_BY_LOOKS = re.compile(
    r"\b(?:(?:Bearer|Basic)\s+[\w.~+/=-]{6,}|eyJ[\w-]+\.[\w-]*\.?[\w-]*|(?:sk|pk|rk)-[\w-]{8,}|gh[pousr]_\w{8,}"
    r"|github_pat_\w+|xox[abeoprs]-[\w-]+|ya29\.[\w-]+|AKIA[0-9A-Z]{12,}|AIza[\w-]{20,}|ntn_\w+|secret_\w{8,})"
)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://[^\s\"'<>\\]+", re.IGNORECASE)

HEADERS = frozenset(
    [
        "accept",
        "accept-language",
        "cache-control",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "date",
        "etag",
        "expires",
        "last-modified",
        "openai-processing-ms",
        "openai-version",
        "anthropic-version",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "request-id",
        "retry-after",
        "server",
        "user-agent",
        "x-github-request-id",
        "x-oauth-scopes",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
        "x-slack-req-id",
    ]
)
"""The headers whose values are kept, in small letters."""


def sanitized(value: Any) -> Any:
    """Return a body as JSON without its secrets, of MOST_BYTES at most; a longer one is `{"$cut": …, "start": …}`.

    A text that is a JSON document is returned as that document.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value).decode("utf-8", "replace")
    if isinstance(value, str) and value[:1] in ("{", "["):
        with suppress(orjson.JSONDecodeError):  # the secrets of what is none are found as text
            value = orjson.loads(value)
    return _cut(_clean(value, 0))


def sanitized_text(value: str) -> str:
    """Return a text without its secrets, of MOST_BYTES at most; a longer one ends with a mark."""
    text = _clean_text(value)
    data = text.encode()
    if len(data) <= MOST_BYTES:
        return text
    mark = f"… [cut, {len(data)} bytes]"
    return data[: MOST_BYTES - len(mark.encode())].decode("utf-8", "ignore") + mark


def sanitized_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return headers by their names in small letters, with the values of those in HEADERS alone."""
    kept: dict[str, Any] = {}
    for header, value in headers.items():
        name = _clean_text(_text(header)).lower()[:100]
        kept[name] = _clean_text(_text(value))[:1000] if name in HEADERS else REMOVED
        if len(kept) == 100:
            break
    return kept


def sanitized_url(url: str) -> str:
    """Return a URL without user, fragment and the values of its query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return REMOVED
    names = [re.split("=|%3[Dd]", one, maxsplit=1)[0] for one in re.split("[&;]", parts.query) if one]
    # A lone name may be the secret itself, as in ?abc123.
    query = "&".join(f"{name}={REMOVED}" if "=" in parts.query else REMOVED for name in names)
    return _without_looks(urlunsplit((parts.scheme, host, parts.path, query, "")))


def _clean(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # neither infinite nor NaN
    if depth > _DEEPEST:
        return f"{REMOVED}: too deep"
    if isinstance(value, Mapping):
        return {_clean_text(_text(key)): _clean_member(_text(key), inner, depth) for key, inner in value.items()}
    if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes | bytearray | memoryview):
        return [_clean(inner, depth + 1) for inner in value]
    return _clean_text(_text(value))


def _clean_member(key: str, value: Any, depth: int) -> Any:
    if _SECRET_NAME.search(key) and not (_COUNT_NAME.search(key) and _is_count(value)):
        return None if value is None else REMOVED
    return _clean(value, depth + 1)


def _is_count(value: Any) -> bool:
    """Whether a value tells how many tokens there were: a number, or an object of such numbers."""
    if isinstance(value, Mapping):
        return all(map(_is_count, value.values()))
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return value if isinstance(value, str) else str(value)


def _clean_text(text: str) -> str:
    """Return a text without URLs' secrets, what a name in it calls a secret, and what looks like one."""
    text = text[:_LONGEST].encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    text = _URL.sub(lambda found: sanitized_url(found[0]), text)
    return _without_looks(_SECRET_IN_TEXT.sub(rf"\1{REMOVED}", text))


def _without_looks(text: str) -> str:
    return _SECRET_BY_LOOKS.sub(REMOVED, text)


def _cut(value: Any) -> Any:
    data = orjson.dumps(value)
    if len(data) <= MOST_BYTES:
        return value
    start = data[: MOST_BYTES - 64]
    while True:
        cut = {CUT: len(data), "start": start.decode("utf-8", "ignore")}
        over = len(orjson.dumps(cut)) - MOST_BYTES
        if over <= 0:
            return cut
        start = start[: len(start) - max(over // 2, 1)]

"""No secret gets past the sanitiser, wherever a caller puts it, and what it returns has its size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runfold.domain import sanitizing
from runfold.domain.sanitizing import (
    CUT,
    HEADERS,
    MOST_BYTES,
    REMOVED,
    sanitized,
    sanitized_headers,
    sanitized_text,
    sanitized_url,
)

CANARY = "cAnArY-7f3a"

SECRET_NAMES = (
    "token", "access_token", "refreshToken", "TOKEN", "client_secret", "Authorization", "Set-Cookie", "password",
    "passwd", "db.password", "api_key", "apiKey", "X-API-Key", "private_key", "credentials", "session_id", "otp",
)  # fmt: skip
PLAIN_NAMES = ("id", "name", "text", "a", "user", "nested", "\u00e9", "")

plain = st.none() | st.booleans() | st.integers(-10, 10) | st.floats() | st.text(max_size=5) | st.binary(max_size=3)
secrets = st.sampled_from(
    [CANARY, [CANARY], {"a": CANARY}, {"a": {"b": [CANARY]}}, CANARY.encode(), f"Bearer {CANARY}", (CANARY,)]
)
hidden = st.builds(lambda name, value: {name: value}, st.sampled_from(SECRET_NAMES), secrets)
texts = st.sampled_from(
    [
        f"https://u:{CANARY}@example.org/a?b={CANARY}&c#{CANARY}",
        f"see https://example.org/?{CANARY} now",
        f"password={CANARY}&x=1",
        f"x=1;client_secret = '{CANARY} {CANARY}'",
        json.dumps({"a": {"apiKey": CANARY, "b": 1}}),
        f"not JSON: {json.dumps({'access_token': f'{CANARY} {CANARY}'})}",
        json.dumps(json.dumps({"password": f"{CANARY} {CANARY}"})),
        f"Authorization: Bearer {CANARY}",
        f"-H 'Authorization: Basic {CANARY}'",
        f"eyJhbGciOi.{CANARY}.{CANARY}",
        f"sk-{CANARY}",
        f"xoxb-{CANARY}",
    ]
)
bodies = st.recursive(
    plain | hidden | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(PLAIN_NAMES), inner, max_size=3)
        | st.dictionaries(st.sampled_from(SECRET_NAMES), inner, max_size=2)
    ),
    max_leaves=12,
)


@example({"a": [{"tokens": CANARY}]})
@example(json.dumps([{"password": CANARY}]))
@given(bodies)
def test_no_secret_is_in_a_sanitised_body(body: Any) -> None:
    text = orjson.dumps(sanitized(body)).decode()
    assert CANARY not in text


@given(bodies)
def test_a_sanitised_body_stays_as_it_is(body: Any) -> None:
    once = sanitized(body)
    assert sanitized(once) == once


@given(st.dictionaries(st.sampled_from(["x-auth", "cookie", "x-y", "forwarded"]), st.just(CANARY)))
def test_the_value_of_an_unknown_header_is_removed(headers: dict[str, str]) -> None:
    assert sanitized_headers(headers) == dict.fromkeys(headers, REMOVED)


def test_the_value_of_a_known_header_is_kept_without_secrets() -> None:
    headers = {"Content-Type": "text/plain", "Retry-After": 3, "ETag": f"Bearer {CANARY}"}
    assert sanitized_headers(headers) == {"content-type": "text/plain", "retry-after": "3", "etag": REMOVED}
    assert not {name for name in HEADERS if "auth" in name and name != "x-oauth-scopes"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a/b", "https://example.org/a/b"),
        (f"https://u:{CANARY}@example.org:8080/a", "https://example.org:8080/a"),
        (f"https://example.org/a?page=2&key={CANARY}", f"https://example.org/a?page={REMOVED}&key={REMOVED}"),
        (f"https://example.org/?{CANARY}", f"https://example.org/?{REMOVED}"),
        (f"https://example.org/#access_token={CANARY}", "https://example.org/"),
        (f"https://hooks.slack.com/x/xoxb-{CANARY}", f"https://hooks.slack.com/x/{REMOVED}"),
        ("http://[", REMOVED),
    ],
)
def test_a_url_keeps_its_host_its_path_and_the_names_of_its_query(url: str, expected: str) -> None:
    assert sanitized_url(url) == expected


def test_what_is_no_secret_is_kept() -> None:
    body = {
        "model": "gpt-5",
        "usage": {"input_tokens": 9, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 12},
        "messages": [{"role": "user", "content": "the cat sat: on a mat, 3 = 2 + 1"}],
        "temperature": 0.5,
        "stop": None,
        "n": True,
    }
    assert sanitized(body) == body
    assert sanitized(json.dumps(body)) == body
    assert sanitized({"tokens": CANARY, "token": 5, "max_tokens": 5}) == {
        "tokens": REMOVED, "token": REMOVED, "max_tokens": 5,
    }  # fmt: skip


@pytest.mark.parametrize("length", [MOST_BYTES - 3, MOST_BYTES - 2, MOST_BYTES - 1, 3 * MOST_BYTES, 50 * MOST_BYTES])
@pytest.mark.parametrize("letter", ["x", "\u00e9", "\\"])
def test_a_body_is_cut_at_its_limit_and_says_so(letter: str, length: int) -> None:
    body = letter * length
    kept = sanitized(body)
    assert len(orjson.dumps(kept)) <= MOST_BYTES
    if len(orjson.dumps(body)) <= MOST_BYTES:
        assert kept == body
    else:
        assert set(kept) == {CUT, "start"}
        assert len(orjson.dumps(kept)) > MOST_BYTES - 200


def test_a_text_is_cut_at_its_limit_and_says_so() -> None:
    assert sanitized_text("x" * MOST_BYTES) == "x" * MOST_BYTES
    cut = sanitized_text("x" * (MOST_BYTES + 1))
    assert cut.endswith(f"[cut, {MOST_BYTES + 1} bytes]")
    assert len(cut.encode()) == MOST_BYTES


def test_no_body_takes_long() -> None:
    """By this process's time, in one run: twenty times the text takes no more than a hundred times as long."""

    def seconds(text: str) -> float:
        began = time.process_time()
        sanitized_text(text)
        return time.process_time() - began

    for piece in ("a", "token", "\\", "password ", "://", "eyJ", '"token":"', "a."):
        small = min(seconds(piece * (4_000 // len(piece))) for _ in range(3))
        assert seconds(piece * (80_000 // len(piece))) < max(100 * small, 0.5), piece


def deep(levels: int) -> Any:
    value: Any = CANARY
    for _ in range(levels):
        value = [value]
    return value


def test_what_is_too_deep_is_removed() -> None:
    assert CANARY in json.dumps(sanitized(deep(50)))
    assert CANARY not in json.dumps(sanitized(deep(60)))
    endless: list[Any] = []
    endless.append(endless)
    assert REMOVED in json.dumps(sanitized(endless))


@pytest.mark.parametrize(
    ("weakened", "body"),
    [
        ("_SECRET_NAME", {"api_key": CANARY}),
        ("_URL", f"https://example.org/?q={CANARY}"),
        ("_SECRET_IN_TEXT", f"password={CANARY}"),
        ("_SECRET_BY_LOOKS", f"sk-{CANARY}"),
    ],
)
def test_control_each_rule_is_needed(monkeypatch: pytest.MonkeyPatch, weakened: str, body: Any) -> None:
    check: Callable[[Any], None] = test_no_secret_is_in_a_sanitised_body.hypothesis.inner_test
    check(body)
    monkeypatch.setattr(sanitizing, weakened, sanitizing.re.compile(r"(?!)()"))
    with pytest.raises(AssertionError):
        check(body)

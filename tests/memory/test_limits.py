"""Values are judged before SQL sees them: each limit at its edge, with a code, a place and the limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

import runfold
from runfold.errors import InvalidInput, MemoryConflict
from runfold.memory import checks

Call = Callable[[Any, Any], Any]

LONG_JSON = checks.MAX_JSON - len('{"a":""}')

# A call with a value, one that is taken, one that is refused, and the refusal's code, pointer and limit.
EDGES: list[tuple[str, Call, Any, Any, str, str, Any]] = [
    ("session", lambda m, v: m.conversation(v).messages(), "s" * 255, "s" * 256, "too_long", "/session_id", 255),
    ("blank session", lambda m, v: m.summary(v).history(), "s", " ", "blank", "/session_id", None),
    ("control", lambda m, v: m.conversation(v).messages(), "a b", "a\nb", "control_character", "/session_id", None),
    ("role", lambda m, v: m.conversation("s").add(v, "c"), "tool", "robot", "not_allowed", "/0/role", None),
    (
        "content",
        lambda m, v: m.conversation("s").add("user", v),
        "x" * 1_048_576,
        "x" * 1_048_577,
        "too_long",
        "/0/content",
        1_048_576,
    ),
    ("nul", lambda m, v: m.conversation("s").add("user", v), "\x01", "\x00", "nul_character", "/0/content", None),
    (
        "surrogate",
        lambda m, v: m.conversation("s").add("user", v),
        "😀",
        "\ud83d",
        "lone_surrogate",
        "/0/content",
        None,
    ),
    ("no text", lambda m, v: m.conversation("s").add("user", v), "", 1, "wrong_type", "/0/content", "string"),
    (
        "tokens",
        lambda m, v: m.conversation("s").add("user", "c", tokens=v),
        0,
        -1,
        "out_of_range",
        "/0/tokens",
        [0, 2**31 - 1],
    ),
    (
        "metadata",
        lambda m, v: m.conversation("s").add("user", "c", metadata=v),
        {},
        {"a": uuid4()},
        "not_json",
        "/0/metadata/a",
        None,
    ),
    (
        "time",
        lambda m, v: m.conversation("s").add("user", "c", at=v),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1),  # noqa: DTZ001 - this is what is refused
        "not_a_timestamp",
        "/0/at",
        None,
    ),
    (
        "many",
        lambda m, v: m.conversation("s").add_many([{"role": "user", "content": ""}] * v),
        1000,
        1001,
        "out_of_range",
        "",
        [1, 1000],
    ),
    (
        "none",
        lambda m, v: m.conversation("s").add_many([{"role": "user", "content": ""}] * v),
        1,
        0,
        "out_of_range",
        "",
        [1, 1000],
    ),
    (
        "field",
        lambda m, v: m.conversation("s").add_many([{"role": "user", "content": "", v: None}]),
        "at",
        "when",
        "unknown_field",
        "/0/when",
        None,
    ),
    (
        "window",
        lambda m, v: m.conversation("s").window(max_messages=v),
        1000,
        1001,
        "out_of_range",
        "/max_messages",
        [1, 1000],
    ),
    ("budget", lambda m, v: m.conversation("s").window(v), 0, -1, "out_of_range", "/max_tokens", [0, 100_000_000]),
    ("page", lambda m, v: m.conversation("s").messages(limit=v), 1000, 1001, "out_of_range", "/limit", [1, 1000]),
    (
        "ttl",
        lambda m, v: m.conversation("s").add("user", "c", ttl=v),
        timedelta(microseconds=1),
        timedelta(0),
        "out_of_range",
        "/ttl",
        None,
    ),
    (
        "long ttl",
        lambda m, v: m.document.put("c", "1", "t", ttl=v),
        timedelta(days=36_500),
        timedelta(days=36_501),
        "out_of_range",
        "/ttl",
        None,
    ),
    (
        "summary type",
        lambda m, v: m.summary("s").summarize("t", kind=v),
        "key_points",
        "short",
        "not_allowed",
        "/kind",
        None,
    ),
    (
        "confidence",
        lambda m, v: m.summary("s").summarize("t", confidence=v),
        1,
        1.01,
        "out_of_range",
        "/confidence",
        [0, 1],
    ),
    (
        "infinite",
        lambda m, v: m.entity.upsert("a", "t", importance=v),
        0.0,
        float("nan"),
        "not_finite",
        "/importance",
        None,
    ),
    ("entity", lambda m, v: m.entity.upsert(v, "t"), "n" * 500, "n" * 501, "too_long", "/name", 500),
    ("type", lambda m, v: m.entity.upsert("n", v), "t" * 100, "t" * 101, "too_long", "/type", 100),
    (
        "aliases",
        lambda m, v: m.entity.upsert("n", "t", aliases=v),
        [str(n) for n in range(100)],
        [str(n) for n in range(101)],
        "too_long",
        "/aliases",
        100,
    ),
    ("an alias", lambda m, v: m.entity.upsert("n", "t", aliases=v), ["ab"], "ab", "wrong_type", "/aliases", "array"),
    (
        "attributes",
        lambda m, v: m.entity.upsert("n", "t", attributes=v),
        {"a": "x" * LONG_JSON},
        {"a": "x" * (LONG_JSON + 1)},
        "too_long",
        "/attributes",
        checks.MAX_JSON,
    ),
    (
        "object",
        lambda m, v: m.entity.upsert("n", "t", attributes=v),
        {"a": 1},
        [1],
        "wrong_type",
        "/attributes",
        "object",
    ),
    ("found", lambda m, v: m.entity.find("a", limit=v), 100, 101, "out_of_range", "/limit", [1, 100]),
    ("related", lambda m, v: m.entity.related(uuid4(), depth=v), 4, 5, "out_of_range", "/depth", [1, 4]),
    ("uuid", lambda m, v: m.entity.related(v), str(uuid4()), "a", "not_a_uuid", "/entity", None),
    ("actor", lambda m, v: m.episodic.record(v, "b"), "a" * 255, "a" * 256, "too_long", "/actor", 255),
    (
        "language",
        lambda m, v: m.episodic.record("a", "b", language=v),
        "german",
        "klingon",
        "not_allowed",
        "/language",
        None,
    ),
    ("query", lambda m, v: m.episodic.search(v), "q" * 1000, "q" * 1001, "too_long", "/query", 1000),
    ("episodes", lambda m, v: m.episodic.search("q", limit=v), 100, 101, "out_of_range", "/limit", [1, 100]),
    ("recent", lambda m, v: m.episodic.recent(limit=v), 1000, 1001, "out_of_range", "/limit", [1, 1000]),
    ("subject", lambda m, v: m.knowledge.learn(v, "p", 1), "s" * 500, "s" * 501, "too_long", "/subject", 500),
    ("predicate", lambda m, v: m.knowledge.learn("s", v, 1), "p" * 255, "p" * 256, "too_long", "/predicate", 255),
    (
        "depth",
        lambda m, v: m.knowledge.learn("s", "p", v),
        nested := eval("[" * 100 + "]" * 100),
        [nested],
        "too_deep",
        "/object" + "/0" * 100,
        100,
    ),
    ("big number", lambda m, v: m.knowledge.learn("s", "p", v), 2**63 - 1, 2**63, "integer_too_large", "/object", None),
    ("domain", lambda m, v: m.knowledge.learn("s", "p", 1, domain=v), "d" * 100, "d" * 101, "too_long", "/domain", 100),
    ("facts", lambda m, v: m.knowledge.search("q", limit=v), 1, 0, "out_of_range", "/limit", [1, 100]),
    (
        "priority",
        lambda m, v: m.knowledge.rules.put("r", {}, {}, priority=v),
        2**31 - 1,
        2**31,
        "out_of_range",
        "/priority",
        None,
    ),
    (
        "boolean",
        lambda m, v: m.knowledge.rules.put("r", {}, {}, priority=v),
        1,
        True,
        "wrong_type",
        "/priority",
        "integer",
    ),
    ("label", lambda m, v: m.graph.node("1", v, "t"), "l" * 500, "l" * 501, "too_long", "/label", 500),
    ("neighbours", lambda m, v: m.graph.neighbours("1", depth=v), 4, 5, "out_of_range", "/depth", [1, 4]),
    ("how many", lambda m, v: m.graph.neighbours("1", limit=v), 10_000, 10_001, "out_of_range", "/limit", [1, 10_000]),
    ("path", lambda m, v: m.graph.path("1", "2", max_depth=v), 8, 9, "out_of_range", "/max_depth", [1, 8]),
    ("direction", lambda m, v: m.graph.path("1", "2", direction=v), "in", "up", "not_allowed", "/direction", None),
    ("document", lambda m, v: m.document.put("c", v, "t"), "i" * 255, "i" * 256, "too_long", "/id", 255),
    ("collection", lambda m, v: m.document.put(v, "1", "t"), "c" * 255, "c" * 256, "too_long", "/collection", 255),
    (
        "length",
        lambda m, v: m.document.put("c", "1", v),
        "x " * 5_242_880,
        "x" * 10_485_761,
        "too_long",
        "/content",
        10_485_760,
    ),
    (
        "tags",
        lambda m, v: m.document.put("c", "1", "t", tags=v),
        ["t"] * 101,
        [str(n) for n in range(101)],
        "too_long",
        "/tags",
        100,
    ),
    ("documents", lambda m, v: m.document.search(limit=v), 100, 101, "out_of_range", "/limit", [1, 100]),
    ("offset", lambda m, v: m.document.search(offset=v), 10_000, 10_001, "out_of_range", "/offset", [0, 10_000]),
]


@pytest.fixture(scope="module")
def memory(module_database_url: str) -> Any:
    from tests.memory.conftest import add_user

    with runfold.connect(module_database_url) as store:
        yield store.as_user(add_user(module_database_url)).memory


@pytest.mark.parametrize(
    ("call", "taken", "refused", "code", "pointer", "limit"),
    [edge[1:] for edge in EDGES],
    ids=[edge[0] for edge in EDGES],
)
def test_a_limit_is_where_it_says(
    memory: Any, call: Call, taken: Any, refused: Any, code: str, pointer: str, limit: Any
) -> None:
    call(memory, taken)
    with pytest.raises(InvalidInput) as error:
        call(memory, refused)
    assert (error.value.code, error.value.pointer) == (code, pointer)
    if limit is not None:
        assert error.value.limit == limit
    assert error.value.hint


def test_a_user_is_a_uuid(module_database_url: str) -> None:
    with runfold.connect(module_database_url) as store:
        assert store.memory(str(UUID(int=1))).user_id == UUID(int=1)
        with pytest.raises(InvalidInput) as refused:
            store.memory("me")
    assert (refused.value.code, refused.value.pointer) == ("not_a_uuid", "/user_id")


def test_a_conflict_says_what_is_taken(memory: Any) -> None:
    memory.graph.node("conflict 1", "label", "t")
    with pytest.raises(MemoryConflict, match="label") as refused:
        memory.graph.node("conflict 2", "label", "t")
    assert refused.value.hint

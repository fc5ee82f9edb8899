"""Random calls leave the memory as models in plain Python have it: conversations, facts, entities."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runfold
from tests.memory.conftest import ENGINE, add_user

EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class World:
    """A database that examples share, each with a user of its own."""

    url: str
    service: Any
    store: Any

    def memory(self, as_tenant: bool) -> Any:
        user = add_user(self.url)
        return self.store.as_user(user).memory if as_tenant else self.service.memory(user)

    def execute(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement, values)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def world(module_database_url: str) -> Iterator[World]:
    with runfold.connect(module_database_url + ENGINE) as service, runfold.connect(module_database_url) as store:
        yield World(module_database_url, service, store)


# -- conversations -----------------------------------------------------------------------------------------------------


@dataclass
class Talk:
    """A conversation: its messages as (place, tokens, characters), and the summaries as (upto, tokens)."""

    messages: list[tuple[int, int | None, int]] = field(default_factory=list)
    summaries: list[tuple[int, int]] = field(default_factory=list)

    def last(self) -> int:
        return max([place for place, _, _ in self.messages] + [upto for upto, _ in self.summaries] + [0])

    def window(self, max_tokens: int, max_messages: int, after: int = 0) -> list[int]:
        kept: list[int] = []
        for place, tokens, length in reversed([m for m in self.messages if m[0] > after]):
            max_tokens -= (length + 3) // 4 if tokens is None else tokens
            if max_tokens < 0 or len(kept) == max_messages:
                break
            kept.insert(0, place)
        return kept


NUMBERS = st.integers(0, 12)
ADD = st.tuples(st.just("add"), st.lists(st.tuples(st.none() | NUMBERS, NUMBERS), min_size=1, max_size=4))
STEPS_OF_TALKS = ADD | st.tuples(
    st.sampled_from(["window", "messages", "summarize", "context", "clear", "expire"]), st.tuples(NUMBERS, NUMBERS)
)


@EXAMPLES
@given(steps=st.lists(STEPS_OF_TALKS, min_size=4, max_size=20), as_tenant=st.booleans())
def test_conversations_equal_the_model(world: World, steps: list[Any], as_tenant: bool) -> None:
    memory, model = world.memory(as_tenant), Talk()
    talk, summary = memory.conversation("s"), memory.summary("s")
    places = lambda messages: [message.message_index for message in messages]  # noqa: E731
    deleted_by_time = 0
    for step, given_values in steps:
        if step == "add":
            rows = [{"role": "user", "content": "x" * length, "tokens": tokens} for tokens, length in given_values]
            begin = max(model.last(), deleted_by_time) + 1
            added = talk.add_many(rows)
            assert places(added) == list(range(begin, begin + len(rows)))
            model.messages += [(begin + n, tokens, length) for n, (tokens, length) in enumerate(given_values)]
            continue
        first, second = given_values
        if step == "window":
            assert places(talk.window(first, second + 1)) == model.window(first, second + 1)
        elif step == "messages":
            assert (
                places(talk.messages(first, second + 1)) == [m[0] for m in model.messages if m[0] > first][: second + 1]
            )
        elif step == "summarize":
            upto = min(first, max(model.last(), deleted_by_time))
            summary.summarize("t", upto=upto, tokens=second)
            model.summaries.append((upto, second))
        elif step == "context":
            context = summary.context(first, second + 1)
            upto, tokens = model.summaries[-1] if model.summaries else (0, 0)
            assert (context.summary and context.summary.upto_index) == (upto if model.summaries else None)
            assert places(context.messages) == model.window(first - tokens, second + 1, upto)
        elif step == "clear" and first:
            deleted_by_time = max(model.last(), deleted_by_time) if model.last() >= first else deleted_by_time
            talk.clear(before=first)
            model.messages = [m for m in model.messages if m[0] >= first]
            if not model.messages:  # nothing holds the places any more, but what expired and is not deleted
                deleted_by_time = 0 if not _rows_left(world, talk) else deleted_by_time
        elif step == "expire":
            world.execute(
                "UPDATE public.conversation_buffers SET expires_at = now() WHERE user_id = %s AND message_index = %s",
                talk.user_id,
                first,
            )
            deleted_by_time = max(model.last(), deleted_by_time)
            model.messages = [m for m in model.messages if m[0] != first]
    assert places(talk.messages(limit=1000)) == [m[0] for m in model.messages]


def _rows_left(world: World, talk: Any) -> bool:
    with psycopg.connect(world.url) as connection:
        row = connection.execute("SELECT count(*) FROM public.conversation_buffers WHERE user_id = %s", [talk.user_id])
        return row.fetchone() != (0,)


# -- facts -------------------------------------------------------------------------------------------------------------

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LAST = 12


def day(n: int | None) -> datetime | None:
    return None if n is None else FIRST + timedelta(days=n)


@dataclass
class Span:
    """A fact that holds from a day until before another one."""

    what: str
    begin: int
    end: float

    def holds(self, at: int) -> bool:
        return self.begin <= at < self.end


@dataclass
class Facts:
    """The facts of one subject and predicate."""

    spans: list[Span] = field(default_factory=list)

    def learn(self, what: str, begin: int, end: float, exclusive: bool) -> None:
        later = [s.begin for s in self.spans if s.begin > begin and s.end > s.begin and (exclusive or s.what == what)]
        end = min([end, *later])
        covering = [span for span in self.spans if span.what == what and span.holds(begin)]
        if covering:
            covering[0].end = end
        else:
            self.spans.append(Span(what, begin, end))
        if exclusive:
            for span in self.spans:
                if span.what != what and span.holds(begin):
                    span.end = begin

    def retract(self, what: str | None, at: int) -> None:
        for span in self.spans:
            if span.holds(at) and what in (None, span.what):
                span.end = at


OBJECTS = st.sampled_from("abc")
DAYS = st.integers(0, LAST)
LEARN = st.tuples(st.just("learn"), OBJECTS, DAYS, st.none() | st.integers(1, 6), st.booleans())
RETRACT = st.tuples(st.just("retract"), st.none() | OBJECTS, DAYS)


@EXAMPLES
@given(steps=st.lists(LEARN | RETRACT, min_size=2, max_size=14), as_tenant=st.booleans())
def test_facts_equal_the_model(world: World, steps: list[Any], as_tenant: bool) -> None:
    knowledge, model = world.memory(as_tenant).knowledge, Facts()
    for step in steps:
        if step[0] == "learn":
            _, what, begin, length, exclusive = step
            end = None if length is None else begin + length
            knowledge.learn("s", "p", what, valid_from=day(begin), valid_to=day(end), exclusive=exclusive)
            model.learn(what, begin, float("inf") if end is None else end, exclusive)
        else:
            _, what, at = step
            knowledge.retract("s", "p", what, at=day(at))
            model.retract(what, at)
        spans = [
            Span(
                f.object, (f.valid_from - FIRST).days, float("inf") if f.valid_to is None else (f.valid_to - FIRST).days
            )
            for f in knowledge.history("s")
        ]
        key = lambda span: (span.begin, span.what, span.end)  # noqa: E731
        assert sorted(spans, key=key) == sorted(model.spans, key=key), "nothing is overwritten, nothing is lost"
    for at in range(LAST + 1):
        found = Counter(fact.object for fact in knowledge.about("s", at=day(at)))
        assert found == Counter(span.what for span in model.spans if span.holds(at))
        assert max(found.values(), default=0) <= 1, "what says the same never overlaps"
    history = knowledge.history("s")
    assert {f.superseded_by for f in history} - {None} <= {f.id for f in history}
    assert all(n == 1 for n in Counter(f.object for f in history if f.superseded_by is None).values())


# -- entities ----------------------------------------------------------------------------------------------------------


@dataclass
class Known:
    """An entity of the model."""

    aliases: set[str]
    attributes: dict[str, int]
    mentions: int
    importance: float


NAMES = st.sampled_from("abcde")
UPSERT = st.tuples(
    st.just("upsert"),
    NAMES,
    st.sets(NAMES, max_size=3),
    st.dictionaries(st.sampled_from("xyz"), st.integers(0, 9), max_size=2),
    st.none() | st.sampled_from([0.0, 0.25, 1.0]),
)
PAIR = st.tuples(st.sampled_from(["relate", "merge"]), NAMES, NAMES)
DELETE = st.tuples(st.just("delete"), NAMES)


@EXAMPLES
@given(steps=st.lists(UPSERT | UPSERT | PAIR | DELETE, min_size=4, max_size=20), as_tenant=st.booleans())
def test_entities_equal_the_model(world: World, steps: list[Any], as_tenant: bool) -> None:
    entity = world.memory(as_tenant).entity
    known: dict[str, Known] = {}
    ids: dict[str, UUID] = {}
    edges: set[tuple[str, str]] = set()
    for kind, name, *rest in steps:
        if kind == "upsert":
            aliases, attributes, importance = rest
            made = entity.upsert(name, "t", aliases=aliases, attributes=attributes, importance=importance)
            one = known.setdefault(name, Known(set(), {}, 0, 0.5))
            assert ids.setdefault(name, made.id) == made.id
            one.aliases |= aliases - {name}
            one.attributes |= attributes
            one.mentions += 1
            one.importance = one.importance if importance is None else importance
        elif kind == "delete" and name in known:
            assert entity.delete(ids[name]) == 1
            del known[name], ids[name]
            edges = {edge for edge in edges if name not in edge}
        elif kind == "relate" and name in known and rest[0] in known and name != rest[0]:
            entity.relate(ids[name], ids[rest[0]], "r")
            edges.add((name, rest[0]))
        elif kind == "merge" and name in known and rest[0] in known and name != rest[0]:
            gone = known.pop(rest[0])
            entity.merge(ids[name], ids.pop(rest[0]))
            one = known[name]
            one.aliases = (one.aliases | gone.aliases | {rest[0]}) - {name}
            one.attributes = gone.attributes | one.attributes
            one.mentions += gone.mentions
            one.importance = max(one.importance, gone.importance)
            moved = {tuple(name if end == rest[0] else end for end in edge) for edge in edges}
            edges = {(left, right) for left, right in moved if left != right}
    found = {
        e.name: Known(set(e.aliases), e.attributes, e.mention_count, e.importance_score) for e in entity.important()
    }
    assert found == known
    names = {made: name for name, made in ids.items()}
    for name in known:
        left = {(names[r.source_entity_id], names[r.target_entity_id]) for r in entity.relationships(ids[name])}
        assert left == {edge for edge in edges if name in edge}
        near, waiting = {name: 0}, deque([name])
        while waiting:
            at = waiting.popleft()
            for other in {end for edge in edges if at in edge for end in edge} - near.keys():
                near[other] = near[at] + 1
                waiting.append(other)
        related = {r.entity.name: r.distance for r in entity.related(ids[name], depth=2)}
        assert related == {other: far for other, far in near.items() if 0 < far <= 2}

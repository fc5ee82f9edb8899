"""LangGraph's store answers as the library's own InMemoryStore, and keeps users apart, and times, and transactions."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

import runfold
from runfold.errors import InvalidInput, VectorsUnavailable
from runfold.langgraph import RunfoldStore
from tests.memory.conftest import ENGINE, add_user


@pytest.fixture(scope="module")
def stores(module_database_url: str) -> Iterator[Any]:
    """Makes a store of a new user: as a service, or as the tenant."""
    with runfold.connect(module_database_url + ENGINE) as service, runfold.connect(module_database_url) as store:

        def make(as_tenant: bool = True, **options: Any) -> RunfoldStore:
            user = add_user(module_database_url)
            return RunfoldStore(store.as_user(user), **options) if as_tenant else RunfoldStore(service, user, **options)

        yield make


# -- every operation, compared with the library's own ------------------------------------------------------------------

LABELS = st.sampled_from(["a", "b", "ab", "a-b", "a!", "é", "A_%"])
NAMESPACES = st.lists(LABELS, min_size=1, max_size=3).map(tuple)
KEYS = st.sampled_from(["k", "l", "k#$", "k l"])
# No mixture of booleans and numbers: 1 == True in Python, not in JSON.
SCALARS = st.none() | st.integers(-3, 3) | st.sampled_from(["x", "y", "", "3", "é"]) | st.sampled_from([0.5, 1.5])
VALUES = st.dictionaries(
    st.sampled_from(["n", "t", "d", "l"]),
    SCALARS | st.dictionaries(st.sampled_from(["n", "0"]), SCALARS, max_size=2) | st.lists(SCALARS, max_size=2),
    max_size=3,
)
FILTERS = st.dictionaries(
    st.sampled_from(["n", "t", "d", "l"]),
    SCALARS
    | st.dictionaries(st.sampled_from(["n", "0"]), SCALARS, max_size=2)
    | st.lists(SCALARS, max_size=2)
    | st.dictionaries(st.sampled_from(["$eq", "$ne"]), SCALARS, min_size=1, max_size=2),
    max_size=2,
)
PATHS = st.lists(LABELS | st.just("*"), min_size=1, max_size=3).map(tuple)

GETS = st.builds(GetOp, NAMESPACES, KEYS, st.booleans())
PUTS = st.builds(PutOp, NAMESPACES, KEYS, st.none() | VALUES, st.none(), st.none() | st.just(5.0))
SEARCHES = st.builds(
    SearchOp,
    st.just(()) | NAMESPACES,
    st.none() | FILTERS,
    st.just(1000),
    st.just(0),
    st.none() | st.just("x"),
    st.booleans(),
)
LISTS = st.builds(
    ListNamespacesOp,
    st.none()
    | st.lists(st.builds(MatchCondition, st.sampled_from(["prefix", "suffix"]), PATHS), max_size=2).map(tuple),
    st.none() | st.integers(1, 3),
    st.integers(1, 4) | st.just(1000),
    st.integers(0, 2),
)
BATCHES = st.lists(st.lists(GETS | PUTS | PUTS | SEARCHES | LISTS, min_size=1, max_size=6), min_size=1, max_size=6)


def without_empty(reference: InMemoryStore) -> None:
    """Forget namespaces without items, which the reference remembers as soon as one is asked for."""
    for namespace in [namespace for namespace, items in reference._data.items() if not items]:
        del reference._data[namespace]


def shown(op: Any, result: Any) -> Any:
    if isinstance(op, GetOp):
        return result and (result.namespace, result.key, result.value)
    if isinstance(op, SearchOp):
        found = [(item.namespace, item.key, item.value) for item in result]
        assert len(found) == len({(namespace, key) for namespace, key, _ in found})
        return sorted(found, key=lambda item: item[:2])
    return result


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, as_tenant=st.booleans(), asynchronous=st.booleans())
def test_every_operation_answers_as_the_librarys_own_store(
    stores: Any, batches: list[list[Any]], as_tenant: bool, asynchronous: bool
) -> None:
    ours, reference = stores(as_tenant), InMemoryStore()
    for ops in batches:
        # Lists first: the reference shows a namespace as soon as a read of the same batch has asked for it.
        ops.sort(key=lambda op: not isinstance(op, ListNamespacesOp))
        wanted = reference.batch(ops)
        without_empty(reference)
        found = asyncio.run(ours.abatch(ops)) if asynchronous else ours.batch(ops)
        for op, ours_result, their_result in zip(ops, found, wanted, strict=True):
            assert shown(op, ours_result) == shown(op, their_result), op


@pytest.mark.parametrize(
    ("operator", "wanted"),
    [
        ({"$gt": 1}, {"two", "text"}),
        ({"$gte": 1}, {"one", "two", "text"}),
        ({"$lt": 2}, {"one"}),
        ({"$lte": 2.0}, {"one", "two"}),
        ({"$ne": 1}, {"two", "text", "none"}),
        ({"$eq": None}, {"none"}),
        ({"$gt": 1, "$lt": 3}, {"two"}),
    ],
)
def test_values_are_compared_as_numbers(stores: Any, operator: dict[str, Any], wanted: set[str]) -> None:
    store = stores()
    for key, value in (("one", 1), ("two", 2), ("text", "10"), ("none", None)):
        store.put(("n",), key, {"v": value})
    assert {item.key for item in store.search(("n",), filter={"v": operator}, limit=10)} == wanted


def test_an_unknown_operator_is_refused(stores: Any) -> None:
    with pytest.raises(ValueError, match=r"Unsupported operator: \$in"):
        stores().search(("n",), filter={"v": {"$in": [1]}})


def test_a_namespace_is_the_range_below_it(stores: Any) -> None:
    store = stores()
    for namespace in (("a",), ("a", "b"), ("a-b",), ("a!",), ("aa",), ("a/",), ("b", "a")):
        store.put(namespace, "k", {"x": 1})
    assert {item.namespace for item in store.search(("a",))} == {("a",), ("a", "b")}
    assert len(store.search(())) == 7
    assert store.list_namespaces(prefix=("a",)) == [("a",), ("a", "b")]
    assert store.list_namespaces(suffix=("a",)) == [("a",), ("b", "a")]


def test_the_newest_come_first_and_those_that_match_the_words_before_them(stores: Any) -> None:
    store = stores()
    for key, text in (("1", "about foxes"), ("2", "about dogs"), ("3", "about birds")):
        store.put(("n",), key, {"text": text, "deep": [{"x": key}]})
    assert [item.key for item in store.search(("n",))] == ["3", "2", "1"]
    found = store.search(("n",), query="foxes")
    assert [item.key for item in found] == ["1", "3", "2"]
    assert [item.score is None for item in found] == [False, True, True]
    pages = [store.search(("n",), query="foxes", limit=1, offset=n)[0].key for n in range(3)]
    assert pages == ["1", "3", "2"]


# -- what the library's own store does not do --------------------------------------------------------------------------


def test_the_user_is_the_constructors_and_no_label(stores: Any, module_database_url: str) -> None:
    one, other = stores(), stores()
    one.put(("users", str(other.user_id)), "k", {"secret": 1})
    assert other.get(("users", str(other.user_id)), "k") is None
    assert other.search(()) == other.list_namespaces() == []
    with runfold.connect(module_database_url) as store, pytest.raises(InvalidInput, match="user_id"):
        RunfoldStore(store)


def test_a_batch_is_written_as_a_whole_or_not_at_all(stores: Any) -> None:
    store = stores()
    store.put(("n",), "old", {"x": 1})
    for wrong, code in (
        ({"x": object()}, "not_json"),
        ({"x": "\0"}, "nul_character"),
        ({"x": float("nan")}, "not_finite"),
    ):
        with pytest.raises(InvalidInput) as refused:
            store.batch([PutOp(("n",), "new", {"x": 2}), PutOp(("n",), "old", None), PutOp(("n",), "bad", wrong)])
        assert refused.value.code == code
        assert refused.value.pointer == "/value/x"
    assert [item.key for item in store.search(("n",))] == ["old"]


def test_a_long_namespace_is_refused_at_its_limit(stores: Any) -> None:
    store = stores()
    labels = ("x" * 100, "y" * 100, "z" * 53)
    store.put(labels, "k", {})
    assert store.get(labels, "k").namespace == labels
    with pytest.raises(InvalidInput) as refused:
        store.put((*labels[:2], "z" * 54), "k", {})
    assert (refused.value.code, refused.value.pointer, refused.value.limit) == ("too_long", "/namespace", 255)


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), 36_500 * 24 * 60 + 1])
def test_a_time_to_live_has_limits(stores: Any, minutes: float) -> None:
    store = stores()
    store.put(("n",), "k", {}, ttl=36_500 * 24 * 60)
    with pytest.raises(InvalidInput) as refused:
        store.put(("n",), "k", {}, ttl=minutes)
    assert refused.value.pointer == "/ttl"


def expiry(url: str, store: RunfoldStore, key: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT extract(epoch FROM expires_at - now()) / 60 FROM public.document_store"
            " WHERE user_id = %s AND id = %s",
            [store.user_id, key],
        ).fetchone()
    return row and row[0]


def move(url: str, store: RunfoldStore, minutes: float) -> None:
    """Let so many minutes pass for the items of a store."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "UPDATE public.document_store SET expires_at = expires_at - %s * interval '1 minute' WHERE user_id = %s",
            [minutes, store.user_id],
        )


def test_an_item_lives_for_its_minutes_and_a_read_begins_them_again(stores: Any, module_database_url: str) -> None:
    store = stores(ttl={"default_ttl": 10, "refresh_on_read": True})
    store.put(("n",), "k", {"x": 1})
    store.put(("n",), "for ever", {"x": 1}, ttl=None)
    store.put(("n",), "short", {"x": 1}, ttl=0.5)
    assert expiry(module_database_url, store, "for ever") is None
    assert 9 < expiry(module_database_url, store, "k") <= 10
    move(module_database_url, store, 8)
    assert {item.key for item in store.search(("n",), refresh_ttl=False)} == {"k", "for ever"}, "one expired, uncleaned"
    assert store.get(("n",), "short") is None
    assert store.get(("n",), "k", refresh_ttl=False) is not None
    assert expiry(module_database_url, store, "k") <= 2
    assert store.get(("n",), "k") is not None
    assert 9 < expiry(module_database_url, store, "k") <= 10
    move(module_database_url, store, 8)
    store.search(("n",))
    assert 9 < expiry(module_database_url, store, "k") <= 10
    move(module_database_url, store, 10)
    assert [item.key for item in store.search(("n",))] == ["for ever"]
    store.delete(("n",), "for ever")
    assert store.list_namespaces() == []


# -- vectors -----------------------------------------------------------------------------------------------------------


def letters(texts: list[str]) -> list[list[float]]:
    """Embed texts by how often they have each letter."""
    return [[float(text.lower().count(letter)) for letter in string.ascii_lowercase] for text in texts]


def by_score(items: list[Any]) -> list[Any]:
    """Return items with their scores, those of one score in the order of their names."""
    return sorted((-round(item.score, 5), item.namespace, item.key) for item in items)


@pytest.fixture
def vectors(module_database_url: str) -> None:
    """Skip where the server has no pgvector."""
    with psycopg.connect(module_database_url) as connection:
        if connection.execute("SELECT to_regclass('public.vector_embeddings')").fetchone() == (None,):
            pytest.skip("this server has no pgvector")


INDEX: Any = {"dims": 26, "embed": letters, "fields": ["text", "more[*]"]}


@pytest.mark.usefixtures("vectors")
def test_items_are_found_by_the_most_similar_of_their_vectors(stores: Any) -> None:
    ours, reference = stores(index=INDEX), InMemoryStore(index=INDEX)
    for store in (ours, reference):
        store.put(("n", "a"), "1", {"text": "zebra", "more": ["xylophone", "fox"]})
        store.put(("n", "a"), "2", {"text": "apple pie"})
        store.put(("n", "b"), "2", {"text": "fix"})
        store.put(("n", "b"), "none", {"other": "fox"})
        store.put(("n", "b"), "off", {"text": "fox"}, index=False)
        store.put(("m",), "1", {"text": "fox"})
        store.put(("n", "c"), "path", {"deep": {"x": "fo"}}, index=["deep.x"])
    for query in ("fox", "apple", "zebra"):
        found, wanted = ours.search(("n",), query=query, limit=4), reference.search(("n",), query=query, limit=4)
        assert by_score(found) == by_score(wanted)
        assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
    assert {item.key for item in ours.search(("n",), query="fox", limit=10)[4:]} == {"none", "off"}
    assert [item.key for item in ours.search(("n",), query="fox", filter={"text": "fix"})] == ["2"]


@pytest.mark.usefixtures("vectors")
def test_an_item_that_changes_takes_its_vectors_along(stores: Any, module_database_url: str) -> None:
    store = stores(index=INDEX)
    store.put(("n",), "k", {"text": "fox"})
    store.put(("n",), "k", {"text": "dog"})
    (found,) = store.search(("n",), query="fox")
    assert found.score < 0.9
    store.delete(("n",), "k")
    with psycopg.connect(module_database_url) as connection:
        left = connection.execute("SELECT count(*) FROM public.vector_embeddings WHERE user_id = %s", [store.user_id])
        assert left.fetchone() == (0,)


@pytest.mark.usefixtures("vectors")
def test_embedders_of_asyncio_are_awaited(stores: Any) -> None:
    async def embed(texts: list[str]) -> list[list[float]]:
        return letters(list(texts))

    store = stores(index={"dims": 26, "embed": embed, "fields": ["text"]})

    async def run() -> Any:
        await store.aput(("n",), "k", {"text": "fox"})
        return await store.asearch(("n",), query="fox")

    (found,) = asyncio.run(run())
    assert found.score == pytest.approx(1)


def test_a_database_without_pgvector_says_so(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS public.vector_embeddings CASCADE")
    with runfold.connect(database_url) as store:
        ours = RunfoldStore(store.as_user(add_user(database_url)), index=INDEX)
        for call in (lambda: ours.put(("n",), "k", {"text": "fox"}), lambda: ours.search(("n",), query="fox")):
            with pytest.raises(VectorsUnavailable):
                call()
        assert ours.get(("n",), "k") is None

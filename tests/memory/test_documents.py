"""Documents: found by words in their language, phrases, beginnings and tags, and not read after their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from runfold.errors import FilterMissing
from runfold.memory import checks


def ids(found: list[Any]) -> list[str]:
    return [each.document.id for each in found]


@pytest.fixture
def library(memory: Any) -> Any:
    """Some documents in three languages and two collections."""
    put = memory.document.put
    put("notes", "fox", "The quick brown fox jumps over lazy dogs", title="Animals", tags=["a", "b"], category="fables")
    put("notes", "dog", "A dog sleeps; the foxes do not", tags=["b"], metadata={"author": {"name": "Ada"}, "n": 1})
    put("notes", "haus", "Die Häuser der Stadt", language="german", tags=["c"])
    put("other", "fox", "foxes again", description="brown paper")
    return memory.document


def test_a_document_is_put_in_place_of_the_one_before(memory: Any) -> None:
    first = memory.document.put("notes", "1", "one", title="t", metadata={"a": 1}, tags=["x", "x", "y"], category="c")
    assert (first.tags, first.title, first.metadata, first.category, first.language) == (
        ["x", "y"],
        "t",
        {"a": 1},
        "c",
        "english",
    )
    second = memory.document.put("notes", "1", "two")
    assert (second.content, second.title, second.metadata, second.tags) == ("two", None, {}, [])
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert memory.document.get("notes", "1") == second
    memory.document.put("more", "1", "the same id in another collection")
    assert memory.document.get("notes", "1") == second
    assert memory.document.get("notes", "2") is None
    assert memory.document.collections() == {"more": 1, "notes": 1}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("fox", {"fox", "dog"}),
        ("quick foxes", {"fox"}),
        ('"brown fox"', {"fox"}),
        ('"fox brown"', set()),
        ("fox -sleep", {"fox"}),
        ("quick or sleeping", {"fox", "dog"}),
        ("haus", {"haus"}),
        ("stadt or quick", {"fox", "haus"}),
        ("qui*", {"fox"}),
        ("foxes*", {"fox", "dog"}),
        ("fox -slee*", {"fox"}),
        ("jump* lazy", {"fox"}),
        ('"bro*"', set()),
        ("animal", {"fox"}),
        ("nothing", set()),
        ("the", set()),
        ("", set()),
        ("' & | ! : ( ) \\ <-> *", set()),
    ],
)
def test_what_a_person_types_is_understood(library: Any, query: str, wanted: set[str]) -> None:
    assert set(ids(library.search(query, collection="notes"))) == wanted


def test_the_best_comes_first_with_what_matched(library: Any) -> None:
    library.put("notes", "dogs", "dogs", title="Dogs")
    found = library.search("dog", collection="notes")
    assert ids(found)[0] == "dogs", "a title counts for more"
    assert found[0].rank > found[1].rank
    assert "**dogs**" in next(each.highlight for each in found if each.document.id == "fox")
    assert library.search(tags=["a"])[0].highlight is None


def test_documents_are_found_by_tags_category_and_metadata(library: Any) -> None:
    assert ids(library.search(tags=["b"])) == ["dog", "fox"], "the newest first"
    assert ids(library.search(tags=["a", "b"])) == ["fox"]
    assert ids(library.search("fox", tags=["a"])) == ["fox"]
    assert ids(library.search(category="fables")) == ["fox"]
    assert ids(library.search(metadata={"author": {"name": "Ada"}})) == ["dog"]
    assert ids(library.search("brown")) == ["fox", "fox"]
    assert len(library.search()) == 4


def test_tags_are_counted_over_what_matches(library: Any) -> None:
    assert library.tags() == {"b": 2, "a": 1, "c": 1}
    assert library.tags("fox", collection="notes") == {"b": 2, "a": 1}
    assert library.tags(tags=["a"]) == {"a": 1, "b": 1}
    assert library.tags(limit=1) == {"b": 2}


def test_pages_are_parts_of_the_whole(library: Any) -> None:
    whole = library.search("fox or haus or dog", limit=100)
    assert [one for n in range(len(whole)) for one in library.search("fox or haus or dog", limit=1, offset=n)] == whole


def test_search_content_is_searched_in_place_of_the_content(memory: Any, connection: psycopg.Connection[Any]) -> None:
    memory.document.put("c", "1", "<b>markup</b>", search_content="plain words")
    assert ids(memory.document.search("words")) == ["1"]
    assert ids(memory.document.search("markup")) == []
    # In SQL it is filled with the content, and follows it.
    connection.execute(
        "INSERT INTO public.document_store (user_id, collection_name, id, content)"
        " SELECT id, 'c', '2', 'first' FROM auth.users"
    )
    assert ids(memory.document.search("first")) == ["2"]
    connection.execute("UPDATE public.document_store SET content = 'second' WHERE id = '2'")
    assert (ids(memory.document.search("first")), ids(memory.document.search("second"))) == ([], ["2"])


def test_the_first_characters_of_a_long_text_are_searched(memory: Any) -> None:
    filler = "".join(f"w{n} " for n in range(40_000))
    within, beyond = filler[: 200_000 - 5] + " last", filler[: 200_000 - 4] + " last"
    memory.document.put("c", "within", within)
    memory.document.put("c", "beyond", beyond)
    assert ids(memory.document.search("last")) == ["within"]
    # The most that 200,000 characters can hold as words still fits into a tsvector.
    memory.document.put(
        "c", "wide", "".join(chr(0x20000 + n % 40_000) + chr(0x20000 + n // 7) + " " for n in range(70_000))
    )


def test_an_expired_document_is_not_read(memory: Any, expire: Callable[..., int]) -> None:
    memory.document.put("c", "1", "secret", tags=["t"], ttl=timedelta(hours=1))
    first = memory.document.get("c", "1")
    assert len(memory.document.search("secret")) == len(memory.document.search(tags=["t"])) == 1
    assert expire("document_store") == 1
    assert memory.document.get("c", "1") is None
    assert memory.document.search("secret") == memory.document.search(tags=["t"]) == []
    assert memory.document.tags() == memory.document.collections() == {}
    assert memory.document.put("c", "1", "new").created_at > first.created_at, "it was not there any more"


def test_a_delete_takes_every_filter_and_needs_one(library: Any) -> None:
    with pytest.raises(FilterMissing):
        library.delete()
    assert library.delete("notes", "fox", category="general") == 0
    assert library.delete("notes", tags=["a"]) == 1
    assert library.delete(before=datetime.now(UTC) - timedelta(days=1)) == 0
    assert library.delete("notes") == 2
    assert library.collections() == {"other": 1}


def test_every_language_of_the_package_is_one_of_the_database(memory: Any, connection: psycopg.Connection[Any]) -> None:
    (known,) = connection.execute(
        "SELECT array_agg(l) FROM unnest(%s::text[]) AS l WHERE runfold.text_configuration(l) IS NOT NULL",
        [list(checks.LANGUAGES)],
    ).fetchone()
    assert sorted(known) == sorted(checks.LANGUAGES)
    for language in checks.LANGUAGES:
        memory.document.put("languages", language, "alpha beta", language=language)
    assert len(memory.document.search("alpha", collection="languages", limit=100)) == len(checks.LANGUAGES)


def test_an_operator_alters_the_dictionaries_of_a_language(memory: Any, connection: psycopg.Connection[Any]) -> None:
    memory.document.put("c", "1", "Hôtel à Genève", language="french")
    assert memory.document.search("hotel") == []
    connection.execute("CREATE EXTENSION unaccent")
    connection.execute(
        "ALTER TEXT SEARCH CONFIGURATION runfold.runfold_french"
        " ALTER MAPPING FOR hword, hword_part, word WITH unaccent, french_stem"
    )
    connection.execute("UPDATE public.document_store SET language = language WHERE language = 'french'")
    assert ids(memory.document.search("hotel")) == ids(memory.document.search("hôtel")) == ["1"]

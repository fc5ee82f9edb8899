"""Conversations: places without collisions, windows by tokens, summaries that are linked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

import runfold
from runfold.errors import FilterMissing, InvalidInput
from tests.memory.conftest import ENGINE


def places(messages: list[Any]) -> list[int]:
    return [message.message_index for message in messages]


def test_messages_have_places_in_their_order(memory: Any) -> None:
    said = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    talk = memory.conversation("chat")
    first = talk.add("user", "hello", tokens=2, metadata={"by": "web"}, at=said)
    rest = talk.add_many([{"role": "assistant", "content": "yes?"}, {"role": "tool", "content": "{}"}])
    assert (first.message_index, first.role, first.tokens_count, first.metadata) == (1, "user", 2, {"by": "web"})
    assert first.timestamp == said
    assert places(rest) == [2, 3]
    assert [message.content for message in talk.messages()] == ["hello", "yes?", "{}"]
    assert places(talk.messages(after=1, limit=1)) == [2]
    assert memory.conversation("another").messages() == []


def test_a_window_is_the_newest_messages_that_fit(memory: Any) -> None:
    talk = memory.conversation("chat")
    talk.add_many({"role": "user", "content": "x" * 8, "tokens": tokens} for tokens in (5, 4, None, 3))
    assert places(talk.window(max_tokens=9)) == [2, 3, 4]
    assert places(talk.window(max_tokens=8)) == [3, 4], "a conversation has no holes: nothing before what does not fit"
    assert places(talk.window(max_tokens=5)) == [3, 4], "two tokens for eight characters that nobody counted"
    assert places(talk.window(max_tokens=4)) == [4]
    assert places(talk.window(max_tokens=2)) == []
    assert places(talk.window(max_tokens=100, max_messages=2)) == [3, 4]


def test_a_summary_is_linked_to_the_one_before(memory: Any) -> None:
    talk, summary = memory.conversation("chat"), memory.summary("chat")
    assert summary.newest() is None
    talk.add_many({"role": "user", "content": f"m{n}", "tokens": 1} for n in range(1, 6))
    first = summary.summarize("three", upto=3, key_points=["k"], topics=["t"], entities=["e"], tokens=10, model="m")
    assert (first.sequence, first.upto_index, first.message_count, first.token_count) == (1, 3, 3, 10)
    second = summary.summarize("all five")
    assert (second.sequence, second.upto_index, second.message_count) == (2, 5, 2)
    assert second.previous_summary_id == first.id
    assert second.token_count == 2, "a quarter of its characters"
    assert summary.history() == [second, first]
    assert summary.newest() == second


def test_a_context_is_the_newest_summary_and_what_fits_after_it(memory: Any) -> None:
    talk, summary = memory.conversation("chat"), memory.summary("chat")
    assert summary.context() == runfold_context(None, [])
    talk.add_many({"role": "user", "content": f"m{n}", "tokens": 10} for n in range(1, 6))
    assert places(summary.context(max_tokens=30).messages) == [3, 4, 5]
    made = summary.summarize("two", upto=2, tokens=10)
    assert summary.context(max_tokens=40) == runfold_context(made, talk.messages(after=2))
    assert places(summary.context(max_tokens=39).messages) == [4, 5]
    assert places(summary.context(max_tokens=100, max_messages=1).messages) == [5]
    assert summary.context(max_tokens=5) == runfold_context(made, []), "the summary is always there"


def runfold_context(summary: Any, messages: list[Any]) -> Any:
    from runfold.memory.rows import Context

    return Context(summary, messages)


def test_a_summary_ahead_of_the_conversation_is_refused(memory: Any) -> None:
    memory.conversation("chat").add("user", "hello")
    assert memory.summary("chat").summarize("at the end", upto=1).upto_index == 1
    with pytest.raises(InvalidInput) as refused:
        memory.summary("chat").summarize("beyond", upto=2)
    assert (refused.value.code, refused.value.pointer, refused.value.found, refused.value.limit) == (
        "summary_ahead",
        "/upto",
        2,
        1,
    )
    assert len(memory.summary("chat").history()) == 1


def test_places_are_not_used_again_after_a_clear(memory: Any) -> None:
    talk = memory.conversation("chat")
    talk.add_many({"role": "user", "content": "x"} for _ in range(4))
    assert talk.clear(before=3) == 2
    assert places(talk.messages()) == [3, 4]
    memory.summary("chat").summarize("all")
    assert talk.clear(everything=True) == 2
    assert talk.add("user", "again").message_index == 5
    assert memory.summary("chat").clear(everything=True) == 1


def test_a_clear_without_a_filter_is_refused(memory: Any) -> None:
    memory.conversation("chat").add("user", "hello")
    memory.summary("chat").summarize("hello")
    for part in (memory.conversation("chat"), memory.summary("chat")):
        with pytest.raises(FilterMissing, match="before"):
            part.clear()
    assert len(memory.conversation("chat").messages()) == len(memory.summary("chat").history()) == 1


def test_an_expired_message_is_not_read(memory: Any, expire: Callable[..., int]) -> None:
    talk = memory.conversation("chat")
    talk.add("user", "stays")
    kept = talk.add("user", "goes", ttl=timedelta(days=1))
    assert kept.expires_at is not None
    assert len(talk.messages()) == len(talk.window()) == len(memory.summary("chat").context().messages) == 2
    assert expire("conversation_buffers", "content = 'goes'") == 1
    assert places(talk.messages()) == places(talk.window()) == places(memory.summary("chat").context().messages) == [1]
    assert talk.add("user", "next").message_index == 3, "an expired message keeps its place until it is deleted"


# -- two writers -------------------------------------------------------------------------------------------------------


def write_at_once(write: Callable[[int], Any], writers: int = 8) -> list[Any]:
    barrier = threading.Barrier(writers)

    def run(n: int) -> Any:
        barrier.wait()
        try:
            return write(n)
        except psycopg.errors.UniqueViolation as error:
            return error

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(run, range(writers)))


def test_writers_at_once_do_not_collide(database_url: str, user: UUID) -> None:
    with runfold.connect(database_url + ENGINE) as store:

        def write(n: int) -> list[int]:
            pairs = ({"role": "user", "content": f"{n}"}, {"role": "assistant", "content": f"{n}"})
            return [
                place for _ in range(10) for place in places(store.memory(user).conversation("chat").add_many(pairs))
            ]

        written = write_at_once(write)
        assert sorted(place for each in written for place in each) == list(range(1, 161))
        said = [message.content for message in store.memory(user).conversation("chat").messages(limit=1000)]
    assert said[::2] == said[1::2], "what is added together is next to each other"


def test_control_without_the_lock_two_writers_collide(database_url: str, user: UUID) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION runfold.lock_memory(tenant uuid, place text) RETURNS void LANGUAGE sql AS ''"
        )
    collided: list[Any] = []
    with runfold.connect(database_url + ENGINE) as store, psycopg.connect(database_url) as open_writer:
        # One writer has taken the next place and has not committed: the other one does not see it, takes it, and waits.
        open_writer.execute('SELECT runfold.add_messages(%s, \'chat\', \'[{"role": "user", "content": "a"}]\')', [user])

        def write() -> None:
            try:
                store.memory(user).conversation("chat").add("user", "b")
            except runfold.errors.MemoryConflict as error:
                collided.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        with psycopg.connect(database_url, autocommit=True) as looker:
            waits_for_a_lock = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            while thread.is_alive() and looker.execute(waits_for_a_lock).fetchone() == (0,):
                pass
        open_writer.commit()
        thread.join()
    assert [error.constraint for error in collided] == ["conversation_buffers_session_id_message_index_key"]

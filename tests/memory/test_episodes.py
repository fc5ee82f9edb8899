"""Episodes: what happened, the newest first, and found by its words in its language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from runfold.errors import FilterMissing

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_an_episode_is_kept_as_it_was_recorded(memory: Any) -> None:
    made = memory.episodic.record(
        "agent",
        "sent",
        "a mail",
        context={"to": "ops"},
        outcome=["ok"],
        importance=0.876,
        at=NOON,
        session="s",
        description="d",
    )
    assert (made.actor, made.action, made.object, made.context, made.outcome) == (
        "agent",
        "sent",
        "a mail",
        {"to": "ops"},
        ["ok"],
    )
    assert (made.importance, made.timestamp, made.session_id) == (Decimal("0.88"), NOON, "s")
    assert memory.episodic.recent() == [made]


def test_the_newest_that_match_every_filter_come_first(memory: Any) -> None:
    for n in range(6):
        memory.episodic.record(
            "ab"[n % 2], "did", str(n), at=NOON + timedelta(hours=n), session="s" if n < 4 else None, importance=n / 10
        )

    def found(**filters: Any) -> str:
        return "".join(episode.object for episode in memory.episodic.recent(**filters))

    assert found() == "543210"
    assert found(actor="a") == "420"
    assert found(session="s", actor="b") == "31"
    assert found(since=NOON + timedelta(hours=2), until=NOON + timedelta(hours=4)) == "32"
    assert found(min_importance=0.4) == "54"
    assert found(limit=2) == "54"


def test_episodes_are_found_by_their_words_in_their_language(memory: Any) -> None:
    memory.episodic.record("agent", "sent", description="invoices went to the customers", at=NOON)
    memory.episodic.record("agent", "schickte", description="Rechnungen an die Kunden", language="german", at=NOON)
    memory.episodic.record("person", "refused", "the invoice", at=NOON + timedelta(hours=1))

    def found(query: str, **filters: Any) -> list[str]:
        return [episode.action for episode in memory.episodic.search(query, **filters)]

    assert set(found("invoice")) == {"sent", "refused"}
    assert found("invoice", actor="person") == ["refused"]
    assert found("invoice", until=NOON + timedelta(minutes=1)) == ["sent"]
    assert found("rechnung") == ["schickte"]
    assert found("invoice -customer") == ["refused"]
    assert found("refus*") == ["refused"]
    assert found("nothing") == []


def test_an_expired_episode_is_not_read(memory: Any, expire: Callable[..., int]) -> None:
    memory.episodic.record("a", "did", "work", ttl=timedelta(seconds=90))
    assert len(memory.episodic.recent()) == len(memory.episodic.search("wor*")) == 1
    assert expire("episodic_memory") == 1
    assert memory.episodic.recent() == memory.episodic.search("wor*") == []


def test_a_delete_takes_every_filter_and_needs_one(memory: Any) -> None:
    first = memory.episodic.record("a", "did", at=NOON, session="s")
    memory.episodic.record("a", "did", at=NOON + timedelta(days=1))
    with pytest.raises(FilterMissing):
        memory.episodic.delete()
    assert memory.episodic.delete(first.id, actor="b") == 0
    assert memory.episodic.delete(actor="a", before=NOON + timedelta(hours=1)) == 1
    assert memory.episodic.delete(actor="a", session="s") == 0
    assert len(memory.episodic.recent()) == 1

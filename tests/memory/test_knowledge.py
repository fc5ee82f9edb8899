"""Facts: from when to when they hold, what excludes what, and a history that keeps all. Rules by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runfold.errors import FilterMissing, InvalidInput

DAY = timedelta(days=1)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def objects(facts: list[Any]) -> list[Any]:
    return [fact.object for fact in facts]


def test_a_fact_holds_from_its_time_on(memory: Any) -> None:
    fact = memory.knowledge.learn(
        "ada",
        "likes",
        "tea",
        valid_from=FIRST,
        confidence=0.5,
        source="chat",
        domain="taste",
        fact_type="t",
        metadata={"m": 1},
    )
    assert (fact.valid_from, fact.valid_to, fact.confidence, fact.metadata) == (FIRST, None, 0.5, {"m": 1})
    assert memory.knowledge.about("ada") == [fact]
    assert memory.knowledge.about("ada", at=FIRST) == [fact]
    assert memory.knowledge.about("ada", at=FIRST - timedelta(microseconds=1)) == []
    assert memory.knowledge.about("ada", predicate="likes", domain="taste") == [fact]
    assert memory.knowledge.about("ada", domain="work") == memory.knowledge.about("ada", predicate="is") == []


def test_what_is_known_already_is_validated(memory: Any) -> None:
    first = memory.knowledge.learn("ada", "likes", {"drink": "tea"}, valid_from=FIRST, source="a", metadata={"x": 1})
    again = memory.knowledge.learn("ada", "likes", {"drink": "tea"}, confidence=0.7, metadata={"y": 2})
    assert again.id == first.id
    assert (again.confidence, again.source, again.metadata) == (0.7, "a", {"x": 1, "y": 2})
    assert again.validated_at is not None
    assert again.valid_from == FIRST
    assert len(memory.knowledge.history("ada")) == 1


def test_an_exclusive_fact_ends_the_former_and_overwrites_nothing(memory: Any) -> None:
    london = memory.knowledge.learn("ada", "lives in", "London", valid_from=FIRST, exclusive=True)
    paris = memory.knowledge.learn("ada", "lives in", "Paris", valid_from=FIRST + 10 * DAY, exclusive=True)
    memory.knowledge.learn("ada", "likes", "tea", valid_from=FIRST)
    (was, now) = memory.knowledge.history("ada", "lives in")
    assert (was.id, was.valid_to, was.superseded_by) == (london.id, FIRST + 10 * DAY, paris.id)
    assert now == paris
    assert objects(memory.knowledge.about("ada", predicate="lives in", at=FIRST + 9 * DAY)) == ["London"]
    assert objects(memory.knowledge.about("ada", predicate="lives in", at=FIRST + 10 * DAY)) == ["Paris"]
    assert objects(memory.knowledge.about("ada")) == ["tea", "Paris"]


def test_an_exclusive_fact_of_the_past_ends_where_the_next_begins(memory: Any) -> None:
    paris = memory.knowledge.learn("ada", "lives in", "Paris", valid_from=FIRST + 10 * DAY, exclusive=True)
    london = memory.knowledge.learn("ada", "lives in", "London", valid_from=FIRST, exclusive=True)
    assert (london.valid_to, london.superseded_by) == (paris.valid_from, paris.id)
    assert objects(memory.knowledge.about("ada")) == ["Paris"]
    corrected = memory.knowledge.learn("ada", "lives in", "Rome", valid_from=FIRST + 10 * DAY, exclusive=True)
    assert objects(memory.knowledge.about("ada")) == ["Rome"]
    assert objects(memory.knowledge.history("ada")) == ["London", "Paris", "Rome"]
    assert memory.knowledge.history("ada")[1].superseded_by == corrected.id


def test_facts_that_do_not_exclude_each_other_hold_together(memory: Any) -> None:
    for drink in ("tea", "gin"):
        memory.knowledge.learn("ada", "likes", drink, valid_from=FIRST)
    assert sorted(objects(memory.knowledge.about("ada"))) == ["gin", "tea"]


def test_a_retracted_fact_is_history_and_can_be_learnt_again(memory: Any) -> None:
    memory.knowledge.learn("ada", "likes", "tea", valid_from=FIRST)
    memory.knowledge.learn("ada", "likes", "gin", valid_from=FIRST)
    assert objects(memory.knowledge.retract("ada", "likes", "tea", at=FIRST + DAY)) == ["tea"]
    assert memory.knowledge.retract("ada", "likes", "tea", at=FIRST + DAY) == []
    assert objects(memory.knowledge.about("ada")) == ["gin"]
    assert len(memory.knowledge.about("ada", at=FIRST)) == 2
    again = memory.knowledge.learn("ada", "likes", "tea", valid_from=FIRST + 2 * DAY)
    (_, was, now) = sorted(memory.knowledge.history("ada"), key=lambda fact: (fact.object, fact.valid_from))
    assert (was.valid_to, was.superseded_by, now) == (FIRST + DAY, again.id, again)
    assert objects(memory.knowledge.about("ada", at=FIRST + DAY)) == ["gin"]
    assert len(memory.knowledge.retract("ada", "likes")) == 2


def test_facts_are_found_by_words_and_by_what_they_contain(memory: Any) -> None:
    memory.knowledge.learn("Ada Lovelace", "wrote", {"title": "Notes", "year": 1843}, domain="maths", valid_from=FIRST)
    memory.knowledge.learn("Babbage", "built", "the engine", metadata={"seen": True}, valid_from=FIRST)
    memory.knowledge.learn("Babbage", "planned", "an engine", valid_from=FIRST, valid_to=FIRST + DAY)

    def found(*query: str, **filters: Any) -> list[str]:
        return [fact.predicate for fact in memory.knowledge.search(*query, **filters)]

    assert found("engine") == ["built"]
    assert sorted(found("engine", at=FIRST)) == ["built", "planned"]
    assert found("lovel*") == found("notes") == ["wrote"]
    assert found(object={"year": 1843}) == ["wrote"]
    assert found(metadata={"seen": True}) == ["built"]
    assert found(domain="maths") == ["wrote"]
    assert found("engine", domain="maths") == []


def test_a_large_object_is_unique_by_its_hash(memory: Any) -> None:
    large = {"text": "".join(f"{n} " for n in range(20_000))}
    first = memory.knowledge.learn("a", "has", large, valid_from=FIRST)
    assert memory.knowledge.learn("a", "has", large).id == first.id
    assert memory.knowledge.learn("a", "has", {**large, "more": 1}).id != first.id


def test_an_end_before_the_beginning_is_refused(memory: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        memory.knowledge.learn("a", "b", "c", valid_from=FIRST, valid_to=FIRST)
    assert (refused.value.code, refused.value.pointer) == ("ends_before_it_begins", "/valid_to")
    assert memory.knowledge.history("a") == []


def test_an_expired_fact_is_not_read(memory: Any, expire: Callable[..., int]) -> None:
    memory.knowledge.learn("a", "b", "c", valid_from=FIRST, ttl=DAY)
    assert (
        len(memory.knowledge.about("a")) == len(memory.knowledge.history("a")) == len(memory.knowledge.search("c")) == 1
    )
    assert expire("knowledge_facts") == 1
    assert memory.knowledge.about("a") == memory.knowledge.history("a") == memory.knowledge.search("c") == []


def test_a_delete_takes_every_filter_and_needs_one(memory: Any) -> None:
    one = memory.knowledge.learn("a", "b", 1, domain="d", valid_from=FIRST)
    memory.knowledge.learn("a", "c", 2, valid_from=FIRST)
    memory.knowledge.learn("x", "b", 3, valid_from=FIRST)
    with pytest.raises(FilterMissing):
        memory.knowledge.delete()
    assert memory.knowledge.delete(one.id, subject="x") == 0
    assert memory.knowledge.delete(subject="a", predicate="c") == 1
    assert memory.knowledge.delete(domain="d") == 1
    assert objects(memory.knowledge.history("x")) == [3]


def test_rules_are_kept_by_name_the_greatest_priority_first(memory: Any) -> None:
    rules = memory.knowledge.rules
    rules.put("polite", {"when": "always"}, ["say please"], priority=1)
    rules.put("short", [], {"words": 50}, priority=5, description="d")
    rules.put("off", [], [], active=False)
    assert [rule.rule_name for rule in rules.active()] == ["short", "polite"]
    changed = rules.put("polite", {"when": "asked"}, [], priority=9)
    assert (changed.conditions, changed.actions, changed.priority) == ({"when": "asked"}, [], 9)
    assert [rule.rule_name for rule in rules.active(limit=1)] == ["polite"]
    assert rules.get("off").active is False
    assert (rules.delete("off"), rules.delete("off"), rules.get("off")) == (1, 0, None)

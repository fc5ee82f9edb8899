"""Entities: seen again, found by name and alias, related, merged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from runfold.errors import FilterMissing, InvalidInput, UnknownEntity


def named(entities: list[Any]) -> list[str]:
    return [entity.name for entity in entities]


def test_an_entity_that_is_seen_again_is_the_same_one(memory: Any) -> None:
    first = memory.entity.upsert("Ada", "person", aliases=["Countess"], attributes={"born": 1815, "in": "London"})
    assert (first.mention_count, first.importance_score, first.aliases) == (1, 0.5, ["Countess"])
    second = memory.entity.upsert(
        "Ada", "person", aliases=["Lovelace", "Ada"], attributes={"in": "Marylebone"}, importance=0.9, description="d"
    )
    assert second.id == first.id
    assert second.mention_count == 2
    assert second.aliases == ["Countess", "Lovelace"], "united, without its name"
    assert second.attributes == {"born": 1815, "in": "Marylebone"}, "merged by key"
    assert second.last_seen > first.last_seen
    assert second.first_seen == first.first_seen
    third = memory.entity.upsert("Ada", "person")
    assert (third.importance_score, third.description) == (0.9, "d"), "kept where nothing is given"
    assert memory.entity.upsert("Ada", "language").id != first.id
    assert memory.entity.get("Ada", "person") == third
    assert memory.entity.get("Ada", "ship") is None


def test_entities_are_found_by_name_alias_words_and_attributes(memory: Any) -> None:
    memory.entity.upsert(
        "Ada Lovelace", "person", aliases=["AL", "Enchantress of Numbers"], attributes={"field": "maths"}
    )
    memory.entity.upsert("Adam", "person", description="knows Ada Lovelace", attributes={"field": "gardens"})
    memory.entity.upsert("Ada", "language", importance=0.1)
    assert named(memory.entity.find("Ada")) == ["Ada", "Ada Lovelace", "Adam"], "who is named so comes first"
    assert named(memory.entity.find("AL")) == ["Ada Lovelace"]
    assert named(memory.entity.find("enchantress numbers")) == ["Ada Lovelace"]
    assert set(named(memory.entity.find("ada*"))) == {"Ada Lovelace", "Adam", "Ada"}
    assert named(memory.entity.find("Ada", type="language")) == ["Ada"]
    assert named(memory.entity.find(attributes={"field": "maths"})) == ["Ada Lovelace"]
    assert memory.entity.find("nobody") == []
    assert len(memory.entity.find("ada*", limit=2)) == 2


def test_the_most_important_come_first(memory: Any) -> None:
    for name, importance in (("a", 0.2), ("b", 1.0), ("c", 0.0)):
        memory.entity.upsert(name, "thing", importance=importance)
    assert named(memory.entity.important()) == ["b", "a", "c"]
    assert named(memory.entity.important(type="person")) == []


def test_entities_are_related_in_both_directions(memory: Any) -> None:
    a, b, c, d, e, f = (memory.entity.upsert(name, "t").id for name in "abcdef")
    made = memory.entity.relate(a, b, "knows", attributes={"since": 1}, confidence=0.5, known_from="mail")
    again = memory.entity.relate(a, b, "knows", attributes={"well": True})
    assert again.id == made.id
    assert (again.relationship_attributes, again.confidence, again.source) == ({"since": 1, "well": True}, 0.5, "mail")
    for left, right in ((c, b), (c, d), (d, e), (e, f)):
        memory.entity.relate(left, right, "knows")

    def around(depth: int) -> list[tuple[str, int]]:
        return [(found.entity.name, found.distance) for found in memory.entity.related(a, depth=depth)]

    assert around(1) == [("b", 1)]
    assert around(4) == [("b", 1), ("c", 2), ("d", 3), ("e", 4)]
    assert [r.id for r in memory.entity.relationships(a)] == [made.id]
    assert len(memory.entity.relationships(b)) == 2


def test_only_two_entities_of_the_tenant_are_related(memory: Any) -> None:
    known = memory.entity.upsert("a", "t").id
    with pytest.raises(UnknownEntity):
        memory.entity.relate(known, uuid4(), "knows")
    with pytest.raises(InvalidInput) as refused:
        memory.entity.relate(known, known, "knows")
    assert refused.value.code == "merged_with_itself"


def test_a_merge_keeps_what_was_known_of_both(memory: Any) -> None:
    kept = memory.entity.upsert("Ada", "person", attributes={"a": 1}, importance=0.2)
    dropped = memory.entity.upsert("Countess", "person", aliases=["AL"], attributes={"a": 2, "b": 3}, importance=0.7)
    memory.entity.upsert("Countess", "person")
    other = memory.entity.upsert("Babbage", "person")
    memory.entity.relate(dropped.id, other.id, "knows", confidence=0.9, attributes={"x": 1})
    memory.entity.relate(kept.id, other.id, "knows", confidence=0.1, attributes={"y": 1})
    memory.entity.relate(other.id, dropped.id, "praises")
    memory.entity.relate(kept.id, dropped.id, "is")
    merged = memory.entity.merge(kept.id, dropped.id)
    assert (merged.id, merged.name) == (kept.id, "Ada")
    assert merged.aliases == ["AL", "Countess"]
    assert (merged.attributes, merged.importance_score, merged.mention_count) == ({"a": 1, "b": 3}, 0.7, 3)
    assert memory.entity.get("Countess", "person") is None
    left = {(r.source_entity_id, r.target_entity_id, r.relationship_type) for r in memory.entity.relationships(kept.id)}
    assert left == {(kept.id, other.id, "knows"), (other.id, kept.id, "praises")}
    (knows,) = [r for r in memory.entity.relationships(kept.id) if r.relationship_type == "knows"]
    assert (knows.confidence, knows.relationship_attributes) == (0.9, {"x": 1, "y": 1})


def test_a_merge_needs_two_entities_of_the_tenant(memory: Any) -> None:
    known = memory.entity.upsert("a", "t").id
    nobody = uuid4()
    for keep, drop in ((known, nobody), (nobody, known)):
        with pytest.raises(UnknownEntity) as refused:
            memory.entity.merge(keep, drop)
        assert str(nobody) in str(refused.value)
    with pytest.raises(InvalidInput) as same:
        memory.entity.merge(known, known)
    assert same.value.code == "merged_with_itself"
    assert memory.entity.get("a", "t") is not None


def test_a_delete_takes_every_filter_and_needs_one(memory: Any) -> None:
    a = memory.entity.upsert("a", "x")
    memory.entity.upsert("b", "x")
    memory.entity.upsert("c", "y")
    with pytest.raises(FilterMissing):
        memory.entity.delete()
    assert memory.entity.delete(type="x", not_seen_since=datetime.now(UTC) - timedelta(days=1)) == 0
    assert memory.entity.delete(a.id, type="y") == 0
    assert memory.entity.delete(a.id) == 1
    assert memory.entity.delete(type="x", not_seen_since=datetime.now(UTC) + timedelta(days=1)) == 1
    assert named(memory.entity.important()) == ["c"]

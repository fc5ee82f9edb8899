"""The rows of the memory tables, as its methods return them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

Role = Literal["user", "assistant", "system", "tool"]
"""Who wrote a message."""

SummaryType = Literal["progressive", "hierarchical", "key_points"]
"""How a summary was made."""

Direction = Literal["both", "out", "in"]
"""Which way the edges of a graph are followed."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation; `message_index` is its place, from 1 on."""

    id: UUID
    session_id: str
    message_index: int
    role: Role
    content: str
    metadata: dict[str, Any]
    tokens_count: int | None
    timestamp: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of the messages of a conversation up to `upto_index`."""

    id: UUID
    session_id: str
    sequence: int
    summary: str
    key_points: list[Any]
    entities: list[Any]
    topics: list[Any]
    summary_type: SummaryType
    message_count: int
    upto_index: int
    token_count: int
    model_used: str | None
    confidence_score: float
    previous_summary_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Context:
    """What a model is given of a conversation: the newest summary, if there is one, and the messages after it."""

    summary: Summary | None
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that agents know by name."""

    id: UUID
    name: str
    type: str
    aliases: list[str]
    attributes: dict[str, Any]
    description: str | None
    importance_score: float
    first_seen: datetime
    last_seen: datetime
    mention_count: int


@dataclass(frozen=True, slots=True)
class RelatedEntity:
    """An entity, and over how many relationships it is reached."""

    entity: Entity
    distance: int


@dataclass(frozen=True, slots=True)
class EntityRelationship:
    """How two entities are related."""

    id: UUID
    source_entity_id: UUID
    target_entity_id: UUID
    relationship_type: str
    relationship_attributes: dict[str, Any]
    confidence: float
    source: str | None


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that happened: who did what to what."""

    id: UUID
    actor: str
    action: str
    object: str | None
    context: Any
    outcome: Any
    importance: Decimal
    timestamp: datetime
    session_id: str | None
    event_description: str | None
    language: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact, and from when to when it holds; `created_at` is when it was learnt."""

    id: UUID
    subject: str
    predicate: str
    object: Any
    confidence: float
    source: str | None
    domain: str | None
    fact_type: str | None
    metadata: dict[str, Any]
    valid_from: datetime
    valid_to: datetime | None
    superseded_by: UUID | None
    created_at: datetime
    validated_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that agents follow; runfold evaluates none."""

    id: UUID
    rule_name: str
    description: str | None
    conditions: Any
    actions: Any
    priority: int
    active: bool


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of the graph."""

    id: str
    label: str
    type: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A node of the graph, and over how many edges it is reached."""

    node: GraphNode
    distance: int


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """An edge of the graph."""

    id: str
    source_node_id: str
    target_node_id: str
    relationship_type: str
    properties: dict[str, Any]
    weight: float


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a collection."""

    collection_name: str
    id: str
    title: str | None
    description: str | None
    content: str
    metadata: Any
    category: str
    tags: list[str]
    language: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document that a search found; the highlight has **two asterisks** around what matched."""

    document: Document
    rank: float | None
    highlight: str | None

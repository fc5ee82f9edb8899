"""The entries of the registries: kinds of nodes, tools and models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

NodeType = Literal["TRIGGER", "AI_AGENT", "EXTERNAL_ACTION", "ACTION", "FLOW", "HUMAN_IN_THE_LOOP", "TOOL", "MEMORY"]


@dataclass(frozen=True, slots=True)
class NodeSpecification:
    """A kind of node: `data` is a JSON Schema of its parameters."""

    id: UUID
    node_type: NodeType
    node_subtype: str
    version: str
    data: Mapping[str, Any]
    is_active: bool
    is_system_spec: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of the Model Context Protocol; `schema` says what it takes, `configuration_schema` how it is set up."""

    id: UUID
    name: str
    tool_type: str
    provider: str
    version: str
    description: str | None
    schema: Mapping[str, Any]
    configuration_schema: Mapping[str, Any]
    is_active: bool
    is_system_tool: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """A model; the costs are of one token in US dollars by the present price, None where none is known."""

    id: UUID
    name: str
    provider: str
    model_id: str
    version: str | None
    cost_per_input_token: Decimal | None
    cost_per_cached_token: Decimal | None
    cost_per_output_token: Decimal | None
    max_context_tokens: int | None
    supports_vision: bool
    supports_function_calling: bool
    supports_streaming: bool
    model_capabilities: Mapping[str, Any]
    config: Mapping[str, Any]
    is_active: bool
    is_default: bool


@dataclass(frozen=True, slots=True)
class ExecutionCost:
    """What the calls of models of an execution used; `cost` is None where the price of a call is not known."""

    execution_id: str
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    unpriced_calls: int
    cost: Decimal | None
    """In US dollars; never the sum of a part."""
    priced_cost: Decimal | None
    """The cost of the calls that have a price; None if none has."""

    def __str__(self) -> str:
        cost = "unpriced" if self.cost is None else f"{self.cost.normalize():f} USD"
        return f"{self.execution_id}: {self.calls} calls, {cost}"

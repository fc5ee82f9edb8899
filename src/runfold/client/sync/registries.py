# Generated from ../aio/registries.py by `make sync`: edit that file, never this one.
"""The registries: kinds of nodes, tools and models. Everybody reads them, operators write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar, get_args
from uuid import UUID

from psycopg.types.json import Jsonb

from runfold.client.sync.log import Log, statement
from runfold.client.sync.registry_cache import RegistryCache
from runfold.database.connections import mapped_errors
from runfold.domain.aggregate import NAME, check_value
from runfold.domain.registry import ExecutionCost, Model, NodeSpecification, NodeType, Tool
from runfold.errors import NotRegistered, WrongAnswer
from runfold.events.faults import fault
from runfold.events.fields import INT4
from runfold.events.json_values import json_type
from runfold.events.rules import Rule

LATEST = "latest"
"""The version that stands for the newest active one."""

_TYPE = Rule("enum", allowed=get_args(NodeType))


def _check_names(asked: Mapping[str, Any]) -> None:
    """Raise InvalidInput for a name that no entry can have; one that is not given is None."""
    for field, value in asked.items():
        if value is not None or field in ("name", "subtype"):
            check_value(NAME, value, f"/{field}")


def _check_price(price: Any, pointer: str) -> None:
    if price is None:
        return
    if isinstance(price, bool) or not isinstance(price, Decimal | int):
        raise fault("wrong_type", pointer, limit="Decimal", found=json_type(price))
    if not Decimal(price).is_finite() or not 0 <= price < 1_000_000_000:
        raise fault("out_of_range", pointer, limit=[0, 1_000_000_000], found=str(price))


Entry = TypeVar("Entry", NodeSpecification, Tool, Model)


class Registry:
    """What the registries share: answers from the cache, and changes as an operator."""

    _table: str

    def __init__(self, store: Log, cache: RegistryCache) -> None:
        self._store = store
        self._cache = cache

    def _entries(self, kind: type[Entry], name: str, asked: Mapping[str, Any]) -> list[Entry]:
        _check_names(asked)

        def ask() -> list[Entry]:
            rows = self._store._retried(statement(name), asked)
            return [kind(*row) for row in rows]

        return list(self._cache.answer((name, *asked.values()), ask))

    def _entry(self, kind: type[Entry], name: str, asked: Mapping[str, Any]) -> Entry:
        found = self._entries(kind, name, asked)
        if not found:
            entry = " ".join(str(value) for value in asked.values() if value is not None)
            raise NotRegistered(
                f"{self._table} has no {entry}",
                hint="see the table, or save it first",
                registry=self._table,
                entry=entry,
            )
        return found[0]

    def _save(self, name: str, asked: Mapping[str, Any]) -> UUID:
        with mapped_errors("runfold_operator", url=self._store.url):
            rows = self._store._retried(statement(name), asked)
        self._cache.forget()
        if len(rows) != 1:
            raise WrongAnswer
        saved: UUID = rows[0][0]
        return saved


class NodeSpecifications(Registry):
    """The kinds of nodes: the table node_specifications."""

    _table = "node_specifications"

    def get(self, node_type: NodeType, node_subtype: str, version: str = LATEST) -> NodeSpecification:
        """Return a kind of node, from the cache if it is there; the newest active version if none is named.

        Versions are ordered as semantic versions are; one with a suffix as 2.0.0-rc.1 is the newest only where there
        is no other. Raises NotRegistered.
        """
        asked = {"type": node_type, "subtype": node_subtype, "version": None if version == LATEST else version}
        return self._entry(NodeSpecification, "node_specification", asked)

    def list(self, node_type: NodeType | None = None) -> list[NodeSpecification]:
        """Return the active kinds of nodes, or those of a type, with all their versions, the newest first."""
        return self._entries(NodeSpecification, "node_specifications", {"type": node_type})

    def save(
        self,
        node_type: NodeType,
        node_subtype: str,
        data: Mapping[str, Any],
        *,
        version: str = "1.0.0",
        is_active: bool = True,
        is_system_spec: bool = False,
    ) -> UUID:
        """Enter a kind of node, or replace that version of it, and return its id.

        `data` is a JSON Schema of its parameters. Raises InvalidInput with the JSON pointer of what is wrong in it.
        """
        check_value(_TYPE, node_type, "/node_type")
        check_value(Rule("name", 1, 100), node_subtype, "/node_subtype")
        check_value(Rule("name", 1, 20), version, "/specification_version")
        return self._save(
            "save_node_specification",
            {
                "type": node_type,
                "subtype": node_subtype,
                "version": version,
                "data": Jsonb(data),
                "is_active": is_active,
                "is_system": is_system_spec,
            },
        )


class Tools(Registry):
    """The tools of the Model Context Protocol: the table mcp_tools."""

    _table = "mcp_tools"

    def get(self, name: str, provider: str | None = None, version: str = LATEST) -> Tool:
        """Return a tool, from the cache if it is there; the newest active version if none is named.

        Without a provider it may be any provider's. Raises NotRegistered.
        """
        asked = {"name": name, "provider": provider, "version": None if version == LATEST else version}
        return self._entry(Tool, "tool", asked)

    def list(self, tool_type: str | None = None, *, provider: str | None = None) -> list[Tool]:
        """Return the active tools, or those of a type or provider, with all their versions, the newest first."""
        return self._entries(Tool, "tools", {"type": tool_type, "provider": provider})

    def save(
        self,
        name: str,
        schema: Mapping[str, Any],
        *,
        tool_type: str,
        provider: str,
        version: str = "1.0.0",
        description: str | None = None,
        configuration_schema: Mapping[str, Any] | None = None,
        is_active: bool = True,
        is_system_tool: bool = False,
    ) -> UUID:
        """Enter a tool, or replace that version of it, and return its id.

        `schema` is a JSON Schema of what the tool takes, or what the protocol says of it, with inputSchema. Raises
        InvalidInput with the JSON pointer of what is wrong in it.
        """
        for field, value, most in (
            ("tool_name", name, 255),
            ("tool_type", tool_type, 100),
            ("provider", provider, 100),
        ):
            check_value(Rule("name", 1, most), value, f"/{field}")
        check_value(Rule("name", 1, 50), version, "/version")
        return self._save(
            "save_tool",
            {
                "name": name,
                "type": tool_type,
                "provider": provider,
                "version": version,
                "description": description,
                "schema": Jsonb(schema),
                "configuration_schema": Jsonb(configuration_schema or {}),
                "is_active": is_active,
                "is_system": is_system_tool,
            },
        )


class Models(Registry):
    """The models and what they cost: the tables ai_models and ai_model_prices."""

    _table = "ai_models"

    def get(self, name: str, version: str | None = None) -> Model:
        """Return a model by its name, from the cache if it is there. Raises NotRegistered."""
        return self._entry(Model, "model", {"name": name, "version": version})

    def default(self, provider: str) -> Model:
        """Return the default model of a provider. Raises NotRegistered."""
        check_value(NAME, provider, "/provider")
        return self._entry(Model, "default_model", {"provider": provider})

    def list(self, provider: str | None = None) -> list[Model]:
        """Return the active models, or those of a provider, by name."""
        return self._entries(Model, "models", {"provider": provider})

    def set_price(
        self,
        name: str,
        version: str | None = None,
        *,
        valid_from: datetime,
        input_per_million: Decimal | None,
        output_per_million: Decimal | None,
        cached_per_million: Decimal | None = None,
        above_input_tokens: int = 0,
        source: str,
        seen_on: date,
    ) -> UUID:
        """Enter what a model costs from a time on, in US dollars per million tokens, and return the model's id.

        `source` is the provider's own page that says so and `seen_on` the day on which it was read. Without
        `cached_per_million` a call that used the provider's cache is unpriced. `above_input_tokens` is for a price that
        holds only for calls with more input. Raises NotRegistered.
        """
        check_value(Rule("timestamp"), valid_from, "/valid_from")
        check_value(Rule("integer", 0, INT4), above_input_tokens, "/above_input_tokens")
        check_value(Rule("name", 1, 2_000), source, "/source")
        for field, price in (
            ("input", input_per_million),
            ("cached", cached_per_million),
            ("output", output_per_million),
        ):
            _check_price(price, f"/{field}_per_million")
        if not isinstance(seen_on, date):
            raise fault("wrong_type", "/seen_on", limit="date", found=json_type(seen_on))
        asked = {
            "name": name,
            "version": version,
            "valid_from": valid_from,
            "above": above_input_tokens,
            "input": input_per_million,
            "cached": cached_per_million,
            "output": output_per_million,
            "source": source,
            "seen_on": seen_on,
        }
        self._entry(Model, "model", {"name": name, "version": version})
        return self._save("save_price", asked)

    def cost_of(self, execution_id: str) -> ExecutionCost:
        """Return what an execution's calls of models used and cost, as far as they are folded."""
        check_value(NAME, execution_id, "/execution_id")
        asked = {"execution": execution_id, "tenant": self._store.user_id}
        rows = self._store._retried(statement("execution_cost"), asked)
        return ExecutionCost(execution_id, *rows[0])

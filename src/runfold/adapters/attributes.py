"""What attributes of spans mean, in one table: OpenTelemetry's GenAI conventions, OpenInference and OpenLLMetry.

All three are in development and rename things, so old names stay in the table. An attribute that is not in it is kept
as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

Attributes = Mapping[str, Any]

NODE_TYPES = {
    # OpenInference: openinference.span.kind
    "llm": "LLM",
    "embedding": "EMBEDDING",
    "chain": "CHAIN",
    "retriever": "RETRIEVER",
    "reranker": "RERANKER",
    "tool": "TOOL",
    "agent": "AI_AGENT",
    "guardrail": "GUARDRAIL",
    "evaluator": "EVALUATOR",
    "prompt": "PROMPT",
    # GenAI: gen_ai.operation.name
    "chat": "LLM",
    "text_completion": "LLM",
    "generate_content": "LLM",
    "embeddings": "EMBEDDING",
    "retrieval": "RETRIEVER",
    "execute_tool": "TOOL",
    "invoke_agent": "AI_AGENT",
    "create_agent": "AI_AGENT",
    "invoke_workflow": "CHAIN",
    # OpenLLMetry: traceloop.span.kind, llm.request.type
    "workflow": "CHAIN",
    "task": "CHAIN",
    "completion": "LLM",
    "rerank": "RERANKER",
    # OpenAI's Agents SDK: the type of a span
    "function": "TOOL",
    "generation": "LLM",
    "response": "LLM",
    "turn": "CHAIN",
    "handoff": "HANDOFF",
    "mcp_tools": "MCP",
    "transcription": "TRANSCRIPTION",
    "speech": "SPEECH",
}
"""The node type for each word that a convention has for a kind of span."""

_KINDS = (
    "openinference.span.kind",
    "gen_ai.operation.name",
    "traceloop.span.kind",
    "llm.request.type",
    "openai.agents.type",
)

_HINTS = {
    "gen_ai.tool.name": "TOOL",
    "tool.name": "TOOL",
    "gen_ai.agent.name": "AI_AGENT",
    "mcp.method.name": "MCP",
    "db.system.name": "DATABASE",
    "db.system": "DATABASE",
    "messaging.system": "MESSAGE",
    "rpc.system": "RPC",
    "http.request.method": "HTTP",
    "http.method": "HTTP",
}
"""The node type of a span that says no kind, by an attribute that only such spans have."""

MODELS = frozenset({"LLM", "EMBEDDING", "RERANKER"})
"""The node types whose spans are calls of a model: an agent's span repeats the tokens of the calls below it."""

NAMES = {
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "embedding.provider"),
    "model": (
        "gen_ai.response.model",
        "gen_ai.request.model",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
        "llm.response.model",
        "llm.request.model",
    ),
    "input_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
    ),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
    ),
    "cached_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.usage.cache_read_input_tokens",
    ),
    "cost": ("operation.cost", "gen_ai.usage.cost", "gen_ai.usage.total_cost", "llm.cost.total"),
    "input": (
        "input.value",
        "gen_ai.input.messages",
        "gen_ai.tool.call.arguments",
        "tool_arguments",
        "traceloop.entity.input",
        "gen_ai.prompt",
        "llm.prompts",
    ),
    "output": (
        "output.value",
        "gen_ai.output.messages",
        "gen_ai.tool.call.result",
        "tool_response",
        "final_result",
        "traceloop.entity.output",
        "gen_ai.completion",
        "llm.completions",
    ),
    "tool": ("gen_ai.tool.name", "tool.name"),
    "agent": ("gen_ai.agent.name", "agent.name", "agent_name"),
}
"""What runfold takes from a span, and the attributes that say it: the first that is there counts."""

_LISTS = {"input": ("gen_ai.prompt.", "llm.input_messages."), "output": ("gen_ai.completion.", "llm.output_messages.")}
"""Where a convention writes a list of messages as an attribute for each part: `gen_ai.prompt.0.role`."""


def node_type(attributes: Attributes) -> str:
    """Return the node type for a span with these attributes; SPAN if they do not say what it does."""
    for key in _KINDS:
        if (kind := NODE_TYPES.get(str(attributes.get(key, "")).lower())) is not None:
            return kind
    for key, kind in _HINTS.items():
        if key in attributes:
            return kind
    return "SPAN"


def taken(attributes: Attributes, what: str) -> Any:
    """Return what the attributes say of one of NAMES, with JSON in texts read; None if they say nothing."""
    for key in NAMES[what]:
        if (value := attributes.get(key)) is not None:
            return _read(value)
    return None


def count(attributes: Attributes, what: str) -> int | None:
    """Return a number of tokens; None if the attributes have none that is a count."""
    value = taken(attributes, what)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**31:
        return None
    return int(value)


def content(attributes: Attributes, what: str) -> tuple[Any, set[str]]:
    """Return the input or output that a span says, and the names of the attributes that say it."""
    for key in NAMES[what]:
        if (value := attributes.get(key)) is not None:
            return _read(value), {key}
    for prefix in _LISTS.get(what, ()):
        parts = {key: value for key, value in attributes.items() if key.startswith(prefix)}
        if parts:
            return _nested({key.removeprefix(prefix): value for key, value in parts.items()}), set(parts)
    return None, set()


def _read(value: Any) -> Any:
    """Return the JSON in a text that is an object or a list; any other value as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _nested(flat: Mapping[str, Any]) -> Any:
    """Return the lists and objects that dotted names make: `0.role` and `0.content` are one object of a list."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = key.split(".")
        place = tree
        for part in path:
            below = place.setdefault(part, {})
            if not isinstance(below, dict):  # a name is a value and a parent: both stay, under the whole name
                place, last = tree, key
                break
            place = below
        if isinstance(place.get(last), dict):
            place, last = tree, key
        place[last] = _read(value)
    return _listed(tree)


def _listed(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdecimal() for key in tree):
        return [_listed(tree[key]) for key in sorted(tree, key=int)]
    return {key: _listed(value) for key, value in tree.items()}

"""What LangChain passes to callbacks, as JSON that an event can hold: messages, documents, results, interrupts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from pydantic import BaseModel

from runfold.adapters.emitting import INTERRUPTIONS
from runfold.adapters.storable import fitting, name
from runfold.events import ModelCalled
from runfold.events.fields import INT4

_NAMES_OF_MODELS = ("ls_model_name",)
_PARAMETERS = ("model", "model_name", "deployment_name", "model_id")


def shown(value: Any, most_bytes: int) -> dict[str, Any]:
    """Return a value of a state, an input or an output as an object of at most so many bytes."""
    made = _plain(value)
    return fitting(made if isinstance(made, Mapping) else {"value": made}, most_bytes)


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > 40:
        return value
    if isinstance(value, BaseMessage):
        return _message(value, depth)
    if isinstance(value, Document):
        return {"content": value.page_content, "metadata": _plain(value.metadata, depth + 1)}
    if isinstance(value, BaseModel):
        return {key: _plain(one, depth + 1) for key, one in value}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {key: _plain(one, depth + 1) for key, one in found.items() if one is not None}
    if isinstance(value, Mapping):
        return {str(key): _plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes | bytearray):
        return [_plain(one, depth + 1) for one in value]
    return value


def _message(message: BaseMessage, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {"role": message.type, "content": _plain(message.content, depth + 1)}
    for key in ("name", "tool_calls", "tool_call_id"):
        if found := getattr(message, key, None):
            made[key] = _plain(found, depth + 1)
    return made


def answer_of(result: LLMResult, most_bytes: int) -> dict[str, Any]:
    """Return what a model answered."""
    found = [getattr(one, "message", None) or one.text for alternatives in result.generations for one in alternatives]
    return shown(found[0] if len(found) == 1 else found, most_bytes)


def model_named(serialized: Mapping[str, Any] | None, metadata: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Return the name of a model, as exactly as the callback's arguments tell it."""
    found = [metadata.get(key) for key in _NAMES_OF_MODELS] + [given.get(key) for key in _PARAMETERS]
    found += [(serialized or {}).get("name"), metadata.get("ls_provider")]
    return name(next((one for one in found if isinstance(one, str) and one), "model"), 100)


def model_call(result: LLMResult, activation: str, provider: str, model: str, latency_ms: int) -> ModelCalled | None:
    """Return the call of a model that a result tells of; None where it does not say how many tokens were used."""
    messages = [one for alternatives in result.generations for one in alternatives]
    used = [usage for one in messages if (usage := getattr(getattr(one, "message", None), "usage_metadata", None))]
    if used:
        taken = sum(usage.get("input_tokens") or 0 for usage in used)
        given = sum(usage.get("output_tokens") or 0 for usage in used)
        cached = sum((usage.get("input_token_details") or {}).get("cache_read") or 0 for usage in used)
    else:
        tokens = (result.llm_output or {}).get("token_usage") or {}
        if not isinstance(tokens, Mapping) or not tokens:
            return None
        taken, given, cached = tokens.get("prompt_tokens") or 0, tokens.get("completion_tokens") or 0, 0
    return ModelCalled(
        activation=activation,
        provider=name(provider, 50),
        model_id=name(model, 100),
        input_tokens=max(taken, 0),
        cached_tokens=min(max(cached, 0), max(taken, 0)),
        output_tokens=max(given, 0),
        latency_ms=min(max(latency_ms, 0), INT4),
    )


def is_cancelation(error: BaseException) -> bool:
    """Whether the work was interrupted, and did not fail."""
    return type(error).__name__ in INTERRUPTIONS


def interrupts_of(error: BaseException) -> list[tuple[str, Any]] | None:
    """Return id and question of what a graph asks a person; None for another error."""
    if type(error).__name__ not in ("GraphInterrupt", "NodeInterrupt"):
        return None
    found = error.args[0] if error.args else ()
    return [(str(getattr(one, "id", n)), getattr(one, "value", one)) for n, one in enumerate(found)]


def answers_of(inputs: Any) -> Any:
    """Return what a `Command` of LangGraph resumes with; raises LookupError where it resumes nothing."""
    if type(inputs).__name__ == "Command" and getattr(inputs, "resume", None) is not None:
        return inputs.resume
    raise LookupError

"""Records LangChain and LangGraph: a callback handler that emits what a graph, its nodes, models and tools do."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from runfold.errors import ExtraMissing

try:
    from langchain_core.callbacks import BaseCallbackHandler
except ImportError as missing:
    raise ExtraMissing(
        "callbacks of LangChain need langchain-core", hint="pip install 'runfold[langchain]'", extra="langchain"
    ) from missing

from runfold.adapters.emitting import Emits, Quiet
from runfold.adapters.langchain_runs import Node, Run, now_ms
from runfold.adapters.langchain_values import (
    answer_of,
    answers_of,
    interrupts_of,
    model_call,
    model_named,
    shown,
)
from runfold.adapters.storable import MOST_BYTES
from runfold.database.forks import renew
from runfold.events.fields import Mode
from runfold.events.ids import new_id
from runfold.events.streams import stream_id

if TYPE_CHECKING:
    from langchain_core.outputs import LLMResult

    from runfold.client.sync.log import Log

_STEP: Final = "graph:step:"
_RESUMED: Final = "the thread began anew while this execution waited"
_MOST_RUNS: Final = 10_000


@dataclass(slots=True)
class _Place:
    """Where a callback's run is in its execution; a hidden one is at the node around it."""

    run: Run
    node: Node | None
    own: Node | None = None
    is_root: bool = False
    model: str = ""
    provider: str = ""


class RunfoldCallbacks(BaseCallbackHandler):
    """Records each run that it is given to as an execution: `graph.invoke(…, {"callbacks": [callbacks]})`.

    It works in synchronous graphs and in asyncio, is shared between threads, and never waits for the database: the
    emitter takes the events, and what it does not take is counted in `dropped`. A graph that asks a person is one
    execution over all of its runs, as long as this object sees them; `take_in` is for another process.
    """

    run_inline = True

    def __init__(
        self,
        emitter: Emits,
        workflow_id: UUID | str,
        *,
        user_id: UUID | str | None = None,
        mode: Mode = "MANUAL",
        triggered_by: str | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.workflow_id = workflow_id if isinstance(workflow_id, UUID) else UUID(workflow_id)
        tenant = user_id if isinstance(user_id, UUID) or user_id is None else UUID(user_id)
        self._quiet = Quiet(emitter, "a run of LangChain", user_id=tenant)
        self._mode: Mode = mode
        self._triggered_by = triggered_by
        self._most_bytes = most_bytes
        self._places: dict[UUID, _Place] = {}
        self._waiting: dict[str, Run] = {}
        self._lock = Lock()
        self.execution_ids: deque[str] = deque(maxlen=_MOST_RUNS)
        """The executions that it recorded, the newest last."""
        renew(self)

    def _after_fork(self) -> None:
        self._lock = Lock()

    @property
    def dropped(self) -> dict[str, int]:
        """How many events were not taken, by the code of the error."""
        return self._quiet.dropped

    def take_in(self, store: Log, execution_id: str) -> None:
        """Go on with an execution that another process left waiting: read it once, before the graph is resumed."""
        run = Run(execution_id, self._quiet, self._most_bytes)
        run.take_in(store.read_stream(stream_id("execution", execution_id)))
        if run.thread is not None and not run.has_ended:
            with self._lock:
                self._waiting[run.thread] = run
                self.execution_ids.append(execution_id)

    # -- chains and graphs ---------------------------------------------------------------------------------------------

    def on_chain_start(
        self,
        serialized: Mapping[str, Any] | None,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str | None = None,
        **_: Any,
    ) -> None:
        """Record that a graph, or a node of one, begins; other runnables are hidden."""
        about = metadata or {}
        label = name or (serialized or {}).get("name") or "chain"
        with self._lock:
            place = self._place(run_id, parent_run_id, inputs, about, label)
            if place.is_root or about.get("langgraph_node") != label or not any(map(_is_step, tags or ())):
                return
            task = about.get("langgraph_checkpoint_ns") or about.get("checkpoint_ns")
            place.own = place.run.start(label, "CHAIN", inputs, task=task, parent=_activation(place.node))
            place.node = place.own

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        """Record that a graph or a node ended well."""
        with self._lock:
            if (place := self._places.pop(run_id, None)) is None:
                return
            if place.own is not None:
                place.run.end_failed_below(place.own.activation)
                place.run.succeed(place.own, shown(outputs, self._most_bytes))
            if place.is_root:
                place.run.end(outputs)
                self._keep_waiting(place.run)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Record that a graph or a node failed, or waits for a person."""
        with self._lock:
            if (place := self._places.pop(run_id, None)) is None:
                return
            if place.own is not None:
                place.run.end_failed_below(place.own.activation)
                if (asked := interrupts_of(error)) is not None:
                    place.run.wait(place.own, asked)
                else:
                    place.run.fail(place.own, error)
            if place.is_root:
                place.run.end_with(error)
                self._keep_waiting(place.run)

    # -- models --------------------------------------------------------------------------------------------------------

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **more: Any
    ) -> None:
        """Record that a chat model is asked."""
        asked = messages[0] if len(messages) == 1 else messages
        self._model_starts("chat", serialized, {"messages": asked}, run_id, parent_run_id, more)

    def on_llm_start(
        self, serialized: Any, prompts: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **more: Any
    ) -> None:
        """Record that a model is asked."""
        self._model_starts("complete", serialized, {"prompts": prompts}, run_id, parent_run_id, more)

    def _model_starts(
        self, verb: str, serialized: Any, asked: Any, run_id: UUID, parent_run_id: UUID | None, more: Mapping[str, Any]
    ) -> None:
        about = more.get("metadata") or {}
        model = model_named(serialized, about, more.get("invocation_params") or {})
        with self._lock:
            place = self._place(run_id, parent_run_id, asked, about, model)
            place.model, place.provider = model, str(about.get("ls_provider") or "unknown")
            place.own = place.run.start(f"{verb} {model}", "LLM", asked, parent=_activation(place.node))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """Record what a model answered, and the tokens that it used."""
        with self._lock:
            if (place := self._places.get(run_id)) is None or place.own is None:
                return
            latency = now_ms() - place.own.started_ms
            call = model_call(response, place.own.activation, place.provider, place.model, latency)
            if call is not None:
                place.run.emit(call)
        self._ends(run_id, answer_of(response, self._most_bytes))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Record that a model failed."""
        self._fails(run_id, error)

    # -- tools and retrievers ------------------------------------------------------------------------------------------

    def on_tool_start(
        self, serialized: Any, input_str: str, *, run_id: UUID, parent_run_id: UUID | None = None, **more: Any
    ) -> None:
        """Record that a tool is called."""
        given = more.get("inputs")
        self._starts("TOOL", "tool", serialized, input_str if given is None else given, run_id, parent_run_id, more)

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        """Record what a tool returned."""
        self._ends(run_id, shown(output, self._most_bytes))

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Record that a tool failed, or asks a person."""
        self._fails(run_id, error)

    def on_retriever_start(
        self, serialized: Any, query: str, *, run_id: UUID, parent_run_id: UUID | None = None, **more: Any
    ) -> None:
        """Record that documents are looked for."""
        self._starts("RETRIEVER", "retrieve", serialized, {"query": query}, run_id, parent_run_id, more)

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **_: Any) -> None:
        """Record the documents that were found."""
        self._ends(run_id, shown({"documents": documents}, self._most_bytes))

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Record that documents could not be looked for."""
        self._fails(run_id, error)

    # -- what they share -----------------------------------------------------------------------------------------------

    def _starts(
        self,
        node_type: str,
        otherwise: str,
        serialized: Any,
        inputs: Any,
        run_id: UUID,
        parent_run_id: UUID | None,
        more: Mapping[str, Any],
    ) -> None:
        label = more.get("name") or (serialized or {}).get("name") or otherwise
        with self._lock:
            place = self._place(run_id, parent_run_id, inputs, more.get("metadata") or {}, label)
            place.own = place.run.start(label, node_type, inputs, parent=_activation(place.node))

    def _ends(self, run_id: UUID, output: Any) -> None:
        with self._lock:
            if (place := self._places.pop(run_id, None)) is None or place.own is None:
                return
            place.run.succeed(place.own, output)
            if place.is_root:
                place.run.end(output)

    def _fails(self, run_id: UUID, error: BaseException) -> None:
        with self._lock:
            if (place := self._places.pop(run_id, None)) is None or place.own is None:
                return
            if (asked := interrupts_of(error)) is not None:
                place.run.wait(place.own, asked)
            else:
                place.run.fail(place.own, error)
            if place.is_root:
                place.run.end_with(error)

    def _place(
        self, run_id: UUID, parent_run_id: UUID | None, inputs: Any, about: Mapping[str, Any], label: str
    ) -> _Place:
        """Return the place of a run: below its parent, or that of an execution that begins or goes on."""
        parent = self._places.get(parent_run_id) if parent_run_id is not None else None
        if parent is not None:
            place = _Place(parent.run, parent.own or parent.node)
        else:
            thread = about.get("thread_id")
            place = _Place(self._run(None if thread is None else str(thread), inputs, label), None, is_root=True)
        self._places[run_id] = place
        return place

    def _run(self, thread: str | None, inputs: Any, label: str) -> Run:
        waiting = self._waiting.pop(thread, None) if thread is not None else None
        if waiting is not None:
            try:
                waiting.resume(answers_of(inputs))
                return waiting
            except LookupError:
                if inputs is None:
                    return waiting
                waiting.give_up(_RESUMED)
        run = Run(str(new_id()), self._quiet, self._most_bytes, thread)
        run.begin(self.workflow_id, self._mode, inputs, self._triggered_by, label)
        self.execution_ids.append(run.execution_id)
        return run

    def _keep_waiting(self, run: Run) -> None:
        if run.thread is not None and not run.has_ended and run.is_waiting:
            self._waiting[run.thread] = run


def _is_step(tag: str) -> bool:
    return tag.startswith(_STEP)


def _activation(node: Node | None) -> str | None:
    return None if node is None else node.activation

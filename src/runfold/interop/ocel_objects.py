"""The objects that an event concerns, for an object-centric log: executions, activations, nodes, workflows, people.

Objects get their statuses with the times at which events moved them, as OCEL 2.0 has attributes that change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from runfold.events import VOCABULARY
from runfold.events.envelope import RecordedEvent
from runfold.events.streams import stream_category, stream_name
from runfold.interop.portable import instant

ATTRIBUTES = {
    "execution": ("status", "mode"),
    "activation": ("status",),
    "node": ("node_type",),
    "interaction": ("status", "interaction_type"),
    "response": ("status",),
    "workflow": (),
    "person": (),
}
"""The types of objects that are runfold's, with their attributes; a stream of another category is one of that type."""

_PERSONS = ("by", "responder", "triggered_by")
_MACHINES = {"execution": "execution", "node": "activation", "interaction": "interaction", "response": "response"}
_VALUES = {"mode": "execution", "node_type": "node", "interaction_type": "interaction"}


class Relation(NamedTuple):
    """That an event concerns an object, and how."""

    object_id: str
    qualifier: str


@dataclass(slots=True)
class Thing:
    """An object: its type, its attributes with their times, and the objects it belongs to."""

    type: str
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    relations: dict[str, str] = field(default_factory=dict)


class Objects:
    """Collects the objects of a log, in the order in which events name them first."""

    def __init__(self) -> None:
        self.found: dict[str, Thing] = {}
        self._workflows: dict[str, str] = {}

    def of(self, event: RecordedEvent) -> list[Relation]:
        """Return what an event concerns, and keep the objects."""
        data = event.data or {}
        relations = list(dict.fromkeys(self._relations(event, data)))
        of_type = {self.found[relation.object_id].type: relation.object_id for relation in reversed(relations)}
        self._note(event, data, of_type)
        return relations

    def _relations(self, event: RecordedEvent, data: Any) -> Iterator[Relation]:
        category, name = stream_category(event.stream_id), stream_name(event.stream_id)
        workflow = self._workflow_of(category, name, data)
        if category in ("execution", "log"):
            execution = self._object("execution", name, workflow and f"workflow:{workflow}")
            yield Relation(execution, "belongs to")
            if (parent := _text(data, "parent_execution_id")) is not None:
                yield Relation(self._object("execution", parent), "child of")
            if (node_id := _text(data, "node_id") or _text(data, "paused_node_id")) is not None:
                node = self._object("node", f"{workflow}/{node_id}" if workflow else node_id)
                yield Relation(node, "at")
                if (activation := _text(data, "activation")) is not None:
                    acted = self._object("activation", f"{name}/{activation}", execution)
                    self.found[acted].relations[node] = "visit of"
                    yield Relation(acted, "acts on")
        elif category == "definition" or category == "deployment":
            yield Relation(self._object("workflow", name), "belongs to")
        else:
            kind = category if category in ATTRIBUTES else f"stream {category}"
            yield Relation(self._object(kind, name), "belongs to")
            for field_name, other in (("execution_id", "execution"), ("interaction_id", "interaction")):
                if (named := _text(data, field_name)) is not None:
                    yield Relation(self._object(other, named), "concerns")
        if workflow is not None:
            yield Relation(self._object("workflow", workflow), "of")
        for person in (*(_text(data, one) for one in _PERSONS), _text(event.metadata, "actor")):
            if person is not None:
                yield Relation(self._object("person", person), "by")

    def _workflow_of(self, category: str, name: str, data: Any) -> str | None:
        workflow = _text(data, "workflow_id")
        if workflow is not None and category == "execution":
            self._workflows[name] = workflow
        if workflow is None and category in ("execution", "log"):
            return self._workflows.get(name)
        return workflow

    def _object(self, kind: str, name: str, belongs_to: str | None = None) -> str:
        object_id = f"{kind}:{name}"
        thing = self.found.get(object_id)
        if thing is None:
            thing = self.found[object_id] = Thing(kind)
        if belongs_to is not None:
            if belongs_to not in self.found:
                self.found[belongs_to] = Thing(belongs_to.partition(":")[0])
            thing.relations[belongs_to] = "part of"
        return object_id

    def _note(self, event: RecordedEvent, data: Any, of_type: dict[str, str]) -> None:
        """Give objects the attributes that the event says: a status, and what a thing is."""
        at = instant(event.occurred_at)
        known = VOCABULARY.get(event.type)
        if known is not None and known.moves is not None and known.moves.target is not None:
            kind = _MACHINES.get(known.moves.machine.name)
            if kind in of_type:
                self.found[of_type[kind]].attributes.append(("status", at, known.moves.target))
        for name, kind in _VALUES.items():
            value = _text(data, name)
            if value is not None and kind in of_type:
                attributes = self.found[of_type[kind]].attributes
                if not any(one[0] == name and one[2] == value for one in attributes):
                    attributes.append((name, at, value))


def _text(found: Any, name: str) -> str | None:
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) and value else None

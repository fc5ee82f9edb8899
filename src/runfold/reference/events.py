"""Generate docs/reference/events.md from the models, and from the events in the headers of the projections."""

from __future__ import annotations

from collections.abc import Iterator

from runfold.events import CATEGORIES, VOCABULARY, Event
from runfold.events.fields import LAST_MILLISECOND
from runfold.events.rules import Rule
from runfold.projections.definition.catalogue import Catalogue
from runfold.reference.markdown import code, page, table

_STREAMS = {
    "execution": ("execution-<execution_id>", "An execution, the activations of its nodes and its pauses."),
    "log": (
        "log-<execution_id>",
        "The log lines of an execution, in their own stream, so that writing them never conflicts.",
    ),
    "interaction": ("interaction-<uuid>", "A question to a person, and the answer. The UUID is the row's id."),
    "response": ("response-<uuid>", "A message that came in through a channel. The UUID is the row's id."),
    "deployment": ("deployment-<workflow_id>", "A workflow's deployments, its triggers and its end."),
    "definition": ("definition-<workflow_id>", "The versions of a workflow's definition; only runfold appends them."),
    "tenant": ("tenant-<user_id>", "The end of a tenant, which only `runfold.erase_tenant` appends."),
}

_INTRODUCTION = """
The events of the streams that runfold folds. The log stores the name as the type. Fields that are not required may be
absent or null, which means the same; unknown fields are refused. A refusal has a
[code](errors.md#codes-of-refused-appends) and a JSON pointer. Python refuses when the event is made, PostgreSQL when
it is appended.

Streams of other categories take the event types that their owner registers with `runfold.register_event_types`.

For what an event does to its row, and which moves are legal, see [decision
002](../decisions/002-what-an-event-does-to-its-row.md) and [decision
007](../decisions/007-interactions-deployments-and-deletion.md).

**Kinds of values.** *name*: a string of printable characters, not blank. *text*: any string without U+0000. *UUID*:
8-4-4-4-12 hexadecimal digits. *timestamp*: RFC 3339 with a zone, microseconds at most, years 0001 to 9999. *epoch
ms*: an integer, 0 to {last}. *JSON*: any JSON value that PostgreSQL can store: finite numbers, integers of 64 bits,
no U+0000, no half surrogate pair, no key twice. *object*: a JSON object of such values.
"""


def describe(rule: Rule) -> str:
    """Describe the values that a rule allows, in a few words."""
    match rule.kind:
        case "enum":
            return " ".join(map(code, rule.allowed))
        case "name":
            return f"name, {rule.minimum} to {rule.maximum} characters"
        case "text":
            return "text" if rule.maximum is None else f"text, at most {rule.maximum} characters"
        case "integer" if rule.maximum == LAST_MILLISECOND:
            return "epoch ms"
        case "integer" | "number":
            return f"{rule.kind}, {rule.minimum} to {rule.maximum}"
        case "uuid":
            return "UUID"
        case "json":
            return "JSON"
        case "strings":
            return "list of texts"
        case other:
            return other


def _event(event: type[Event], tables: list[str]) -> Iterator[str]:
    yield from (f"### {event.event_type()}", "", (event.__doc__ or "").strip(), "")
    changed = ", ".join(f"[{name}](read-tables.md#{name})" for name in tables)
    facts = [f"Schema version {event.schema_version()}.", *_moves(event), f"Changes {changed or 'no table'}."]
    yield from (" ".join(facts), "")
    if event.rules():
        yield from table(
            ["field", "value", "required"],
            [(code(at.field), describe(at.rule), "yes" if at.required else "") for at in event.rules()],
        )


def _moves(event: type[Event]) -> Iterator[str]:
    if (move := event.moves) is not None:
        target = code(move.target) if move.target is not None else f"the status in {code(str(move.given_in))}"
        by = f" by {code(f'{move.command}()')}" if move.command is not None else ""
        yield f"Moves the {move.machine.name} to {target}{by}{', which ends it' if move.ends else ''}."


def events_page(projections: Catalogue) -> str:
    """Return the page."""
    lines: list[str] = []
    for category in CATEGORIES:
        stream, about = _STREAMS[category]
        lines += [f"## {category}", "", f"Streams {code(stream)}. {about}", ""]
        for name, event in VOCABULARY.items():
            if event.category() == category:
                folding = [
                    one.table for one in projections.projections if name in one.events and one.schema == "public"
                ]
                lines += _event(event, sorted(folding))
    return page("Events", _INTRODUCTION.format(last=LAST_MILLISECOND), lines)

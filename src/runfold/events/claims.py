"""What an event claims: uniqueness that spans streams, taken and released by the append that records the event.

`runfold.claim_rules` holds the rules as a table, generated from the event classes, so `append_events` knows no event
type by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from runfold.events.machines import Machine


@dataclass(frozen=True)
class Claim:
    """What the events of a class claim, as the class says it: `claims=Claim("pause", key="paused_node_id", ...)`.

    The claim's key is the stream's id and the event's field `key`, or its field `finer_key` in an event that has it.
    The claim's name is the event's field `name`. It is released by the events that end the event's own machine, of the
    same name, and by those that end the machine `within`. An append that finds it taken by another name is refused by
    `refusal`, of REFUSALS.

    A claim that `follows` is computed instead, by a function (stream_id text, events jsonb) that returns each key the
    stream may hold, and whether it holds it after these events.
    """

    kind: str
    key: str | None = None
    name: str | None = None
    within: Machine | None = None
    refusal: str | None = None
    follows: str | None = None
    finer_key: str | None = None

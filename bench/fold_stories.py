"""Events for each fold, as many as are wanted: of one stream, or of many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from runfold import events

Story = Callable[[int, bool], Iterator[tuple[str, events.Event]]]
"""A function (count, many) that yields streams and events: about so many events, of many streams or of one."""

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_MS = 1_767_225_600_000
_MOST_OF_A_STREAM = 10


def _named(*parts: object) -> UUID:
    return uuid5(NAMESPACE_URL, " ".join(map(str, parts)))


_WORKFLOW = _named("workflow")


def _each(
    count: int, many: bool, begin: Callable[[str], list[events.Event]], more: Callable[[int], list[events.Event]]
) -> Iterator[tuple[str, events.Event]]:
    """Yield the streams' first events and then more of them: of one stream, or at most ten of each."""
    made = stream = 0
    while made < count:
        name = f"{'many' if many else 'one'}{count}-{stream}"
        limit = min(count - made, _MOST_OF_A_STREAM if many else count)
        told: list[events.Event] = begin(name)
        number = 0
        while len(told) < limit:
            told += more(number)
            number += 1
        yield from ((name, event) for event in told)
        made += len(told)
        stream += 1


def _created(name: str) -> list[events.Event]:
    return [
        events.ExecutionCreated(execution_id=name, workflow_id=_WORKFLOW, mode="MANUAL"),
        events.ExecutionStarted(start_time=_MS),
    ]


def _of_executions(
    more: Callable[[int], list[events.Event]], first: Callable[[str], list[events.Event]] = _created
) -> Story:
    def story(count: int, many: bool) -> Iterator[tuple[str, events.Event]]:
        for name, event in _each(count, many, first, more):
            yield f"execution-{name}", event

    return story


def _of(category: str, first: Callable[[str], list[events.Event]], more: Callable[[int], list[events.Event]]) -> Story:
    def story(count: int, many: bool) -> Iterator[tuple[str, events.Event]]:
        for name, event in _each(count, many, first, more):
            yield f"{category}-{_named(category, name)}", event

    return story


def _logs(count: int, many: bool) -> Iterator[tuple[str, events.Event]]:
    line = events.LogAppended(level="INFO", event_type="workflow_progress", message="m")
    for name, event in _each(count, many, lambda _: [], lambda _: [line]):
        yield f"log-{name}", event


def _ended(name: str) -> list[events.Event]:
    return [*_created(name), events.ExecutionSucceeded(end_time=_MS)]


def _pause(number: int) -> events.PauseOpened:
    return events.PauseOpened(
        pause=f"p{number}", paused_node_id=f"n{number}", pause_reason="timer", paused_at=_AT, resume_conditions={}
    )


def _pause_in_turn(number: int) -> list[events.Event]:
    return [_pause(number), events.PauseResumed(pause=f"p{number}", resumed_at=_AT, resume_trigger="timer")]


def _step(number: int) -> list[events.Event]:
    about: Any = {"activation": f"a{number}", "node_id": "n"}
    return [
        events.NodeStarted(**about, node_type="ACTION", attempt=1, start_time=_MS),
        events.NodeSucceeded(**about, end_time=_MS, output_data={"n": number}),
    ]


def _attempt(number: int) -> list[events.Event]:
    about: Any = {"activation": "a", "node_id": "n", "attempt": number + 1}
    return [
        events.NodeStarted(**about, node_type="ACTION", start_time=_MS),
        events.NodeAttemptFailed(**about, error_data={"n": number}, will_retry=True),
    ]


def _asked(name: str) -> list[events.Event]:
    return [
        events.InteractionRequested(
            workflow_id=_WORKFLOW,
            execution_id=name,
            node_id="n",
            interaction_type="approval",
            channel_type="slack",
            priority="normal",
            request_data={},
        )
    ]


def _received(_: str) -> list[events.Event]:
    return [
        events.ResponseReceived(
            workflow_id=_WORKFLOW, source_channel="slack", raw_payload={"text": "y"}, received_at=_AT
        )
    ]


def _judged(_: int) -> list[events.Event]:
    filtered = events.ResponseFilteredOut(ai_relevance_score=0.1, ai_reasoning="noise", processed_at=_AT)
    return [filtered, events.ResponseReopened(by="ann", at=_AT)]


def _matched(name: str) -> list[events.Event]:
    match = events.ResponseMatched(
        interaction_id=_named("nothing"), ai_relevance_score=0.9, ai_reasoning="yes", processed_at=_AT
    )
    return [*_received(name), match]


def _deployment(number: int) -> list[events.Event]:
    about: Any = {
        "deployment_id": _named("deployment", number),
        "deployment_action": "DEPLOY",
        "deployment_version": number,
        "deployment_config": {},
    }
    return [
        events.DeploymentStarted(**about, from_status="DEPLOYED", to_status="DEPLOYING", started_at=_AT),
        events.DeploymentCompleted(**about, to_status="DEPLOYED", completed_at=_AT),
    ]


def _deployment_line(number: int) -> list[events.Event]:
    return [
        events.DeploymentLogAppended(deployment_id=_named("deployment", 0), level="INFO", message=str(number), at=_AT)
    ]


def _trigger(number: int) -> list[events.Event]:
    registered = events.TriggerRegistered(
        trigger=f"t{number}", trigger_subtype="CRON", trigger_config={}, index_key=f"k{number}"
    )
    return [registered, events.TriggerActivated(trigger=f"t{number}")]


def _nothing(_: str) -> list[events.Event]:
    return []


STORIES: dict[str, Story] = {
    "moves of executions": _of_executions(lambda _: [events.ExecutionPaused(), events.ExecutionResumed()]),
    "metadata": _of_executions(lambda _: [events.ExecutionMetadataSet(metadata={"progress": 1})]),
    "metadata, each of its own key": _of_executions(
        lambda number: [events.ExecutionMetadataSet(metadata={f"key{number}": number})]
    ),
    "pauses in turn": _of_executions(_pause_in_turn),
    "pauses at once": _of_executions(lambda number: [_pause(number)]),
    "nodes": _of_executions(_step),
    "attempts of one activation": _of_executions(_attempt),
    "log lines": _logs,
    "notices of interactions": _of("interaction", _asked, lambda _: [events.InteractionNotified(at=_AT)]),
    "failures of interactions": _of(
        "interaction",
        _asked,
        lambda _: [events.InteractionFailed(at=_AT, error="no"), events.InteractionReopened(at=_AT, by="ann")],
    ),
    "responses": _of("response", _received, _judged),
    "deployments": _of("deployment", _nothing, _deployment),
    "log lines of a deployment": _of("deployment", lambda _: _deployment(0)[:1], _deployment_line),
    "triggers": _of("deployment", _nothing, _trigger),
    "removals of triggers": _of(
        "deployment", _nothing, lambda number: [*_trigger(number), events.TriggerRemoved(trigger=f"t{number}")]
    ),
    "moves of a trigger": _of(
        "deployment",
        lambda _: _trigger(0),
        lambda _: [events.TriggerDeactivated(trigger="t0"), events.TriggerActivated(trigger="t0")],
    ),
    # What comes too late, or at the wrong time.
    "moves after the end": _of_executions(lambda _: [events.ExecutionPaused()], _ended),
    "pauses after the end": _of_executions(lambda number: [_pause(number)], _ended),
    "pauses that are not there": _of_executions(lambda number: [events.PauseCanceled(pause=f"p{number}", at=_AT)]),
    "ends of one activation": _of_executions(
        lambda _: [events.NodeSucceeded(activation="a", node_id="n", end_time=_MS)]
    ),
    "interactions after the end": _of(
        "interaction", _asked, lambda _: [events.InteractionTimedOut(at=_AT, action="fail")]
    ),
    "responses after the match": _of("response", _matched, _judged),
    "deployments at the wrong time": _of("deployment", _nothing, lambda number: _deployment(number)[:1]),
}
"""What each fold folds, by name."""

"""Append executions that wait for people, as an engine without our services would, and read their results."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

import runfold
from runfold import events
from runfold.events.envelope import Append

WORKFLOW = UUID(int=0xA, version=4)
TENANT = UUID(int=0xB, version=4)
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Asked:
    """One question: its interaction, and the pause of the execution that waits for it."""

    execution_id: str
    interaction_id: UUID
    pause: str

    @property
    def execution(self) -> str:
        return f"execution-{self.execution_id}"

    @property
    def interaction(self) -> str:
        return f"interaction-{self.interaction_id}"


def server_time(connection: Connection) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    time: datetime = row[0]
    return time.astimezone(UTC)


def created(execution_id: str | None = None, *, user_id: UUID | None = None) -> Append:
    """Return a new running execution."""
    name = execution_id or str(uuid4())
    return Append(
        stream_id=f"execution-{name}",
        events=[
            events.ExecutionCreated(execution_id=name, workflow_id=WORKFLOW, mode="MANUAL"),
            events.ExecutionStarted(start_time=0),
        ],
        user_id=user_id,
    )


def asked(
    store: runfold.Store,
    timeout_at: datetime | None,
    *,
    execution_id: str | None = None,
    pause: str = "p1",
    pause_until: datetime | str | None = "as the interaction",
    names_pause: bool = True,
    names_interaction: bool = True,
    user_id: UUID | None = None,
    **request: Any,
) -> Asked:
    """Open a pause and request its interaction in one append; create the execution unless it is named."""
    if execution_id is None:
        execution_id = str(uuid4())
        store.append_many([created(execution_id, user_id=user_id)])
    question = Asked(execution_id, uuid4(), pause)
    until = timeout_at if isinstance(pause_until, str) else pause_until
    store.append_many(
        [
            Append(
                stream_id=question.execution,
                events=[
                    events.PauseOpened(
                        pause=pause,
                        paused_node_id=f"node of {pause}",
                        pause_reason="human_interaction",
                        paused_at=datetime.now(UTC),
                        resume_conditions={},
                        interaction_id=question.interaction_id if names_interaction else None,
                        timeout_at=until,
                    )
                ],
            ),
            Append(
                stream_id=question.interaction,
                events=[
                    events.InteractionRequested(
                        workflow_id=WORKFLOW,
                        execution_id=execution_id,
                        node_id=f"node of {pause}",
                        interaction_type="approval",
                        channel_type="slack",
                        priority="normal",
                        request_data={"question": "may it?", **request},
                        timeout_at=timeout_at,
                        pause=pause if names_pause else None,
                    )
                ],
                user_id=user_id,
            ),
        ]
    )
    return question


def answered(store: runfold.Store, question: Asked, *, interaction_version: int | None = 1) -> None:
    """Answer as an engine does: append the answer and the end of the pause in one call."""
    execution = store.read_stream(question.execution)
    store.append_many(
        [
            Append(
                stream_id=question.interaction,
                events=[events.InteractionResponded(response_data={"approved": True}, responded_at=datetime.now(UTC))],
                expected_version=interaction_version,
            ),
            Append(
                stream_id=question.execution,
                events=[
                    events.PauseResumed(
                        pause=question.pause, resumed_at=datetime.now(UTC), resume_trigger="human_response"
                    )
                ],
                expected_version=len(execution),
            ),
        ]
    )


def types_of(store: runfold.Store, stream_id: str) -> list[str]:
    return [event.type for event in store.read_stream(stream_id)]


def counted(connection: Connection, *types: str) -> Counter[str]:
    """Return how often each event type is in the log, in all streams."""
    return Counter(
        dict(
            connection.execute(
                "SELECT type, count(*) FROM runfold.events WHERE type = ANY (%s) GROUP BY type", [list(types)]
            ).fetchall()
        )
    )


def anomalies(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT projection, code, stream_id, detail FROM runfold.anomalies").fetchall()


@dataclass
class Outcome:
    """The ends of the questions."""

    answered: int = 0
    timed_out: int = 0
    both: list[str] = field(default_factory=list)
    neither: list[str] = field(default_factory=list)

    @property
    def is_faultless(self) -> bool:
        return not self.both and not self.neither


def judged(store: runfold.Store, questions: list[Asked]) -> Outcome:
    """Count the ends; each question and its pause must end once, and in the same way."""
    outcome = Outcome()
    for question in questions:
        interaction, execution = types_of(store, question.interaction), store.read_stream(question.execution)
        pauses = [event.type for event in execution if event.data and event.data.get("pause") == question.pause]
        ends = (
            interaction.count("InteractionResponded"),
            pauses.count("PauseResumed"),
            interaction.count("InteractionTimedOut"),
            pauses.count("PauseTimedOut"),
        )
        if ends == (1, 1, 0, 0):
            outcome.answered += 1
        elif ends == (0, 0, 1, 1):
            outcome.timed_out += 1
        elif ends == (0, 0, 0, 0):
            outcome.neither.append(question.interaction)
        else:
            outcome.both.append(f"{question.interaction}: {ends}")
    return outcome


SOON = timedelta(milliseconds=300)
PAST = timedelta(seconds=-1)
LATER = timedelta(hours=1)

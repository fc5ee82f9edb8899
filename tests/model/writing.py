"""A log under construction, for examples computed by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.model import reference
from tests.model.payloads import BASE, DEPLOYMENTS, INTERACTIONS, PLAIN, RESPONSES, WORKFLOWS, payload
from tests.model.tables import Recorded, Row, Table, row_id

TENANT = UUID("00000000-0000-4000-8000-00000000000a")
WORKFLOW = UUID(WORKFLOWS[0])
STREAM = "execution-1"
INTERACTION = f"interaction-{INTERACTIONS[0]}"
RESPONSE = f"response-{RESPONSES[0]}"
DEPLOYMENT = f"deployment-{WORKFLOW}"


class Log:
    """A log under construction: each call records one event, a second after the one before."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []

    def __call__(
        self,
        event_type: str,
        stream_id: str = STREAM,
        /,
        at: datetime | None = None,
        user_id: UUID = TENANT,
        **data: Any,
    ) -> Log:
        position = len(self.events) + 1
        if event_type == "ExecutionCreated":
            data.setdefault("execution_id", stream_id.removeprefix("execution-"))
        self.events.append(
            Recorded(
                position=position,
                stream_id=stream_id,
                stream_version=1 + sum(event.stream_id == stream_id for event in self.events),
                event_id=UUID(int=position),
                type=event_type,
                user_id=user_id,
                data={**payload(event_type, PLAIN), **data},
                occurred_at=at or BASE + timedelta(seconds=position),
            )
        )
        return self

    def started(self, stream_id: str = STREAM, /, **data: Any) -> Log:
        return self("ExecutionCreated", stream_id, **data)("ExecutionStarted", stream_id)

    def asked(self, event_type: str, /, **data: Any) -> Log:
        """Record an event of the interaction."""
        return self(event_type, INTERACTION, **data)

    def answered(self, event_type: str, /, **data: Any) -> Log:
        """Record an event of the response."""
        return self(event_type, RESPONSE, **data)

    def deployed(self, event_type: str, /, stream_id: str = DEPLOYMENT, **data: Any) -> Log:
        """Record an event of the workflow's deployment stream, about its first deployment if it is about one."""
        if event_type.startswith("Deployment"):
            data.setdefault("deployment_id", DEPLOYMENTS[0])
        return self(event_type, stream_id, **data)

    def tables(self) -> dict[str, Table]:
        return reference.fold(self.events)

    def execution(self, stream_id: str = STREAM) -> Row:
        name = stream_id.removeprefix("execution-")
        return self.tables()["workflow_executions"][row_id(stream_id, "execution", name)]

    def node(self, activation: str = "a") -> Row:
        return self.tables()["node_executions"][row_id(STREAM, "node", activation)]

    def pause(self, name: str = "p") -> Row:
        return self.tables()["workflow_execution_pauses"][row_id(STREAM, "pause", name)]

    def interaction(self) -> Row:
        return self.tables()["human_interactions"][UUID(INTERACTIONS[0])]

    def response(self) -> Row:
        return self.tables()["hil_responses"][UUID(RESPONSES[0])]

    def deployment(self, deployment_id: str = DEPLOYMENTS[0]) -> Row:
        return self.tables()["workflow_deployment_history"][row_id(DEPLOYMENT, "deployment", deployment_id.lower())]

    def trigger(self, name: str = "t") -> Row:
        return self.tables()["trigger_index"][row_id(DEPLOYMENT, "trigger", name)]

    def workflow(self) -> Row:
        return self.tables()["workflow_status"][WORKFLOW]

    def anomalies(self) -> list[tuple[int, str, str, Row]]:
        rows = self.tables()["anomalies"].values()
        return [(row["position"], row["projection"], row["code"], row["detail"]) for row in rows]

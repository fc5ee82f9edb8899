"""runfold's aggregates as an application of the eventsourcing library.

Repository, notification log and subscriptions are those of the library. The events are those of the vocabulary, in the
streams to which handles and engines write too, and the worker folds them as it folds theirs.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from eventsourcing.application import Application

from runfold.domain.aggregate import AggregateEvent
from runfold.domain.deployment import Deployment
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.response import Response
from runfold.eventsourcing.vocabulary import VocabularyMapper


class AggregateMapper(VocabularyMapper):
    """Reads events of the vocabulary as events of runfold's aggregates."""

    event_class = AggregateEvent


class Workflows(Application[str]):
    """Executions, interactions, responses and deployments: `repository.get("execution-7")`, change it, then `save`.

    The id of an aggregate is the id of its stream. A save raises the library's IntegrityError if another writer was
    faster. RUNFOLD_DATABASE_URL names the database (by default the embedded one), RUNFOLD_USER_ID the tenant of new
    streams.
    """

    env: ClassVar[dict[str, str]] = {
        "PERSISTENCE_MODULE": "runfold.eventsourcing",
        "MAPPER_TOPIC": "runfold.eventsourcing.workflows:AggregateMapper",
    }

    def execution(self, execution_id: str) -> Execution:
        """Return an execution; raises the library's AggregateNotFoundError."""
        found: Execution = self.repository.get(Execution.named(execution_id).id)
        return found

    def interaction(self, interaction_id: UUID) -> Interaction:
        """Return an interaction; raises the library's AggregateNotFoundError."""
        found: Interaction = self.repository.get(Interaction.named(interaction_id).id)
        return found

    def response(self, response_id: UUID) -> Response:
        """Return a response; raises the library's AggregateNotFoundError."""
        found: Response = self.repository.get(Response.named(response_id).id)
        return found

    def deployment(self, workflow_id: UUID) -> Deployment:
        """Return a workflow's deployments; raises the library's AggregateNotFoundError if there were none."""
        found: Deployment = self.repository.get(Deployment.named(workflow_id).id)
        return found

"""The aggregates as an application of the eventsourcing library.

Its repository, its notification log and its subscriptions are the library's; its events are the vocabulary's, in the
streams that the handles and every other engine write to, and are folded as theirs are.
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
    """Reads the events of the vocabulary as those of our aggregates."""

    event_class = AggregateEvent


class Workflows(Application[str]):
    """Executions, interactions, responses and deployments: `repository.get("execution-7")`, and `save` what it became.

    An aggregate's id is its stream's. A save raises the library's IntegrityError where another writer was faster.
    RUNFOLD_DATABASE_URL names the database, the embedded one without it; RUNFOLD_USER_ID the tenant of new streams.
    """

    env: ClassVar[dict[str, str]] = {
        "PERSISTENCE_MODULE": "runfold.eventsourcing",
        "MAPPER_TOPIC": "runfold.eventsourcing.workflows:AggregateMapper",
    }

    def execution(self, execution_id: str) -> Execution:
        """An execution; raises the library's AggregateNotFoundError."""
        found: Execution = self.repository.get(Execution.named(execution_id).id)
        return found

    def interaction(self, interaction_id: UUID) -> Interaction:
        """An interaction; raises the library's AggregateNotFoundError."""
        found: Interaction = self.repository.get(Interaction.named(interaction_id).id)
        return found

    def response(self, response_id: UUID) -> Response:
        """A response; raises the library's AggregateNotFoundError."""
        found: Response = self.repository.get(Response.named(response_id).id)
        return found

    def deployment(self, workflow_id: UUID) -> Deployment:
        """A workflow's deployments; raises the library's AggregateNotFoundError where there were none."""
        found: Deployment = self.repository.get(Deployment.named(workflow_id).id)
        return found

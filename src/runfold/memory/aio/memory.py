"""The memory of one tenant: `store.as_user(user).memory`, or `store.memory(user)` for a service."""

from __future__ import annotations

from functools import cached_property
from uuid import UUID

from runfold.memory import checks
from runfold.memory.aio.conversation import AsyncConversation
from runfold.memory.aio.documents import AsyncDocuments
from runfold.memory.aio.entities import AsyncEntities
from runfold.memory.aio.episodes import AsyncEpisodes
from runfold.memory.aio.graph import AsyncGraph
from runfold.memory.aio.knowledge import AsyncKnowledge
from runfold.memory.aio.session import AsyncPart, AsyncSession
from runfold.memory.aio.summaries import AsyncSummaries


class AsyncMemory(AsyncPart):
    """What agents remember of one tenant, by kind."""

    def __init__(self, session: AsyncSession, user_id: UUID | str, *, service: bool) -> None:
        super().__init__(session, checks.uuid(user_id, "/user_id"), service=service)

    def conversation(self, session_id: str) -> AsyncConversation:
        """Return the messages of a session, to add to and to read."""
        return AsyncConversation(self._session, self.user_id, session_id, service=self._service)

    def summary(self, session_id: str) -> AsyncSummaries:
        """Return the summaries of a session, to add to and to read."""
        return AsyncSummaries(self._session, self.user_id, session_id, service=self._service)

    @cached_property
    def entity(self) -> AsyncEntities:
        """What agents know by name, and how it is related."""
        return AsyncEntities(self._session, self.user_id, service=self._service)

    @cached_property
    def episodic(self) -> AsyncEpisodes:
        """What happened."""
        return AsyncEpisodes(self._session, self.user_id, service=self._service)

    @cached_property
    def knowledge(self) -> AsyncKnowledge:
        """Facts with their times, and rules."""
        return AsyncKnowledge(self._session, self.user_id, service=self._service)

    @cached_property
    def graph(self) -> AsyncGraph:
        """Nodes and weighted edges."""
        return AsyncGraph(self._session, self.user_id, service=self._service)

    @cached_property
    def document(self) -> AsyncDocuments:
        """Documents in collections, found by their words."""
        return AsyncDocuments(self._session, self.user_id, service=self._service)

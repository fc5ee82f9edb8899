# Generated from ../aio/memory.py by `make sync`: edit that file, never this one.
"""The memory of one tenant: `store.as_user(user).memory`, or `store.memory(user)` for a service."""

from __future__ import annotations

from functools import cached_property
from uuid import UUID

from runfold.memory import checks
from runfold.memory.sync.conversation import Conversation
from runfold.memory.sync.documents import Documents
from runfold.memory.sync.entities import Entities
from runfold.memory.sync.episodes import Episodes
from runfold.memory.sync.graph import Graph
from runfold.memory.sync.knowledge import Knowledge
from runfold.memory.sync.session import Part, Session
from runfold.memory.sync.summaries import Summaries


class Memory(Part):
    """What agents remember of one tenant, by kind."""

    def __init__(self, session: Session, user_id: UUID | str, *, service: bool) -> None:
        super().__init__(session, checks.uuid(user_id, "/user_id"), service=service)

    def conversation(self, session_id: str) -> Conversation:
        """Return the messages of a session, to add to and to read."""
        return Conversation(self._session, self.user_id, session_id, service=self._service)

    def summary(self, session_id: str) -> Summaries:
        """Return the summaries of a session, to add to and to read."""
        return Summaries(self._session, self.user_id, session_id, service=self._service)

    @cached_property
    def entity(self) -> Entities:
        """What agents know by name, and how it is related."""
        return Entities(self._session, self.user_id, service=self._service)

    @cached_property
    def episodic(self) -> Episodes:
        """What happened."""
        return Episodes(self._session, self.user_id, service=self._service)

    @cached_property
    def knowledge(self) -> Knowledge:
        """Facts with their times, and rules."""
        return Knowledge(self._session, self.user_id, service=self._service)

    @cached_property
    def graph(self) -> Graph:
        """Nodes and weighted edges."""
        return Graph(self._session, self.user_id, service=self._service)

    @cached_property
    def document(self) -> Documents:
        """Documents in collections, found by their words."""
        return Documents(self._session, self.user_id, service=self._service)

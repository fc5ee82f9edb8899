# Generated from ../aio/registry_cache.py by `make sync`: edit that file, never this one.
"""What this process knows of the registries, until somebody changes them.

A trigger notifies each change of a registry's table. A connection of its own listens; before each answer what it has
received is taken, which asks the server nothing. Behind a pooler nobody can listen: there what is known is forgotten
after a few seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from runfold.client.sync.log import Log, statement
from runfold.database.connections import mapped_errors
from runfold.database.forks import renew

LISTENING_SECONDS = 60.0
"""So long an answer is used at most: a connection that was cut in silence hears nothing."""
POOLED_SECONDS = 5.0
"""So long an answer is used where nobody can listen."""
_MOST = 10_000

Entry = TypeVar("Entry")
_Connection = psycopg.Connection[Any]


class RegistryCache:
    """Answers by their question; safe to share between threads or tasks."""

    def __init__(self, store: Log) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._answers: dict[tuple[Any, ...], Any] = {}
        self._known_since = 0.0
        self._listener: _Connection | None = None
        self._can_listen = True
        renew(self)

    def _after_fork(self) -> None:
        """Know nothing, and listen again: the parent's connection is its own."""
        self._lock = threading.Lock()
        self._answers = {}
        self._listener = None

    def answer(self, question: tuple[Any, ...], ask: Callable[[], Entry]) -> Entry:
        """Return the answer that is known, or else ask."""
        with self._lock:
            self._forget_what_changed()
            if question not in self._answers:
                answer = ask()
                if len(self._answers) >= _MOST:
                    self._answers.clear()
                self._answers[question] = answer
            found: Entry = self._answers[question]
            return found

    def forget(self) -> None:
        """Ask again from now on: this process has changed a registry itself."""
        with self._lock:
            self._answers.clear()

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            self._stop_listening()

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        self._answers.clear()
        if listener is not None:
            listener.close()

    def _forget_what_changed(self) -> None:
        now = time.monotonic()
        if now - self._known_since > (LISTENING_SECONDS if self._can_listen else POOLED_SECONDS):
            self._answers.clear()
            self._known_since = now
        if self._listener is not None:
            try:
                changed = _has_heard(self._listener)
            except psycopg.Error:  # the connection is lost
                self._stop_listening()
            else:
                if changed:
                    self._answers.clear()
        if self._listener is None and self._can_listen:
            self._listen()

    def _listen(self) -> None:
        """Listen from now on: what was known before may have changed."""
        self._answers.clear()
        with mapped_errors("runfold_engine", url=self._store.url):
            connection = self._store._new_connection()
            if connection.prepare_threshold is None:
                # A pooler gives the session to others: a notification could go to anybody.
                self._can_listen = False
                connection.close()
                return
            try:
                connection.execute(statement("listen_registries"))
            except BaseException:
                connection.close()
                raise
        self._listener = connection


def _has_heard(connection: _Connection) -> bool:
    """Whether the connection has received a notification since it was last looked at; asks the server nothing.

    Raises psycopg.OperationalError where the connection is lost.
    """
    connection.pgconn.consume_input()
    heard = False
    while connection.pgconn.notifies() is not None:
        heard = True
    return heard

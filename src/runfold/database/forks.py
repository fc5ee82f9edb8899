"""Forks: what a child process must not share with its parent.

A child has copies of its parent's sockets and locks. If it wrote to such a socket, each process would read answers to
calls of the other one; a lock that another thread held at the fork stays locked for ever. So in the child, before
anything else runs there, each inherited connection gets a closed socket in place of the server's, and each renewed
object replaces its locks and its pool.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakSet

import psycopg

_Connection = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]


class Renewed(Protocol):
    """An object that replaces in a child what it cannot share with the parent."""

    def _after_fork(self) -> None:
        """Do it: no other thread runs yet, and every lock may be locked for ever."""


_connections: WeakSet[_Connection] = WeakSet()
_renewed: WeakSet[Any] = WeakSet()
_inherited: WeakSet[_Connection] = WeakSet()


def watch(connection: _Connection) -> None:
    """Cut the connection off in each child of this process."""
    _connections.add(connection)


def renew(renewed: Renewed) -> None:
    """Call `_after_fork` of the object in each child of this process."""
    _renewed.add(renewed)


def is_inherited(connection: _Connection) -> bool:
    """Whether the connection belongs to a process that forked this one."""
    return connection in _inherited


def _in_child() -> None:
    inherited = list(_connections)
    _connections.clear()
    _inherited.update(inherited)
    _cut_off(inherited)
    for renewed in list(_renewed):
        renewed._after_fork()


def _cut_off(connections: list[_Connection]) -> None:
    """Put a closed socket in place of each connection's: the number stays taken, and the server hears nothing.

    It does not even hear a goodbye. Nor does this copy keep the session open once the parent has ended.
    """
    here, there = socket.socketpair()
    there.close()
    with here:
        for connection in connections:
            with suppress(psycopg.Error, OSError):  # it is closed already
                os.dup2(here.fileno(), connection.fileno(), inheritable=False)


if hasattr(os, "register_at_fork"):  # a system without it has no fork either
    os.register_at_fork(after_in_child=_in_child)

"""Kill a server, a backend or a client without notice."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from typing import Any

import psutil
import psycopg

from runfold.database.server import EmbeddedServer


def kill_whole_server(server: EmbeddedServer) -> None:
    """Kill the main process and its children by SIGKILL at once, and wait until they have ended."""
    pid = server.postmaster_pid()
    assert pid is not None
    main = psutil.Process(pid)
    everybody = [main, *main.children(recursive=True)]
    for process in everybody:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    while server.postmaster_pid() is not None:
        time.sleep(0.002)


def hang_up(connection: psycopg.Connection[Any]) -> None:
    """End a client's connection as its death does."""
    with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


def kill_backend(pid: int) -> None:
    """Kill a backend by SIGKILL: the server ends all others and recovers."""
    os.kill(pid, signal.SIGKILL)

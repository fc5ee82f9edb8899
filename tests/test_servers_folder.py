"""The servers of a test run have their data in memory where there is room, and a killed run leaves nothing behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from runfold.database.server import EmbeddedServer
from tests.fixtures import memory
from tests.fixtures.servers import QUICK

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def another_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder instead of the system's, so that this test removes only its own files."""
    monkeypatch.setattr(memory, "MEMORY", tmp_path)


def killed_run() -> Path:
    """The folder of a process that was killed while it held its lock."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        folder, _ = memory.make_folder()
        os.write(writing, bytes(folder))
        signal.pause()
        os._exit(0)
    folder = Path(os.fsdecode(os.read(reading, 4096)))
    os.close(reading)
    os.close(writing)
    assert memory.clear_remains() == [], "its process lives"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return folder


def test_the_folder_of_a_run_that_lives_is_kept_and_that_of_a_killed_one_is_not() -> None:
    folder, descriptor = memory.make_folder()
    killed = killed_run()
    assert memory.clear_remains() == [killed]
    assert folder.is_dir()
    assert not killed.exists()
    os.close(descriptor)
    assert memory.clear_remains() == [folder]


def test_the_server_of_a_killed_run_is_stopped(postgres_bin: Path) -> None:
    killed = killed_run()
    server = EmbeddedServer(killed / "server", postgres_bin, settings=QUICK)
    server.start()
    pid = server.postmaster_pid()
    assert pid is not None
    assert memory.clear_remains() == [killed]
    assert not killed.exists()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

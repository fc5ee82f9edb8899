"""Start and kill the demo's workers: `runfold worker` as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


class WorkerProcess:
    """`runfold worker` on the demo's database; its output goes to worker.log in the demo's folder."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._log = (home / "worker.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "runfold", "worker"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            # Ctrl-C must reach only the demo, which ends its workers itself.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The pid of the process, which is also in runfold.leader."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill the process by SIGKILL, in the middle of its work."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Let the process finish its batch and end, or kill it after 10 s."""
        if self.is_alive():
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()


def demo_environment(home: Path) -> dict[str, str]:
    """Return the environment of the demo's workers: its database and runfold's projections, not the user's."""
    theirs = ("RUNFOLD_DATABASE_URL", "RUNFOLD_PROJECTIONS")
    return {**{name: value for name, value in os.environ.items() if name not in theirs}, "RUNFOLD_HOME": str(home)}

"""The demo's workers: `runfold worker` in a process of its own, to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


class WorkerProcess:
    """`runfold worker` on the demo's database; what it says goes to worker.log in the demo's folder."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._log = (home / "worker.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "runfold", "worker"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            # Ctrl-C is for the demo: it ends its workers itself.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process, as runfold.leader names it, too."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL: in the middle of whatever it does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Let it finish its batch and end, or kill it when it takes too long."""
        if self.is_alive():
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()


def demo_environment(home: Path) -> dict[str, str]:
    """The environment of the demo's workers: its own database and runfold's projections, whatever the user's are."""
    theirs = ("RUNFOLD_DATABASE_URL", "RUNFOLD_PROJECTIONS")
    return {**{name: value for name, value in os.environ.items() if name not in theirs}, "RUNFOLD_HOME": str(home)}

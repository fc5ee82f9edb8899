"""The demo, as a newcomer runs it: without a terminal, in an empty home, twice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runfold.database.server import EmbeddedServer
from tests.fixtures.servers import is_running, remove

pytestmark = pytest.mark.slow

MILESTONES = (
    "worker [0-9]+ is started",
    "7 nodes, starts at POST /demo/book-report",
    "count#6 +success",
    "mirror +retrying",
    "compress#3 +success",
    r"Publish the report on [0-9,]+ words\?",
    "is killed .SIGKILL.",
    r"without a worker: the log grew to \d+, the tables are at \d+",
    r"continued at \d+ and caught up",
    "├─ count .*✓ success",
    r"attempts repeated +2 +2 +ok",
    "book-report-1-archive +SUCCESS",
    r"workflow_executions +\d+ +2 +0 +0",
    "the database is stopped",
)


@pytest.fixture
def home(tmp_path: Path, postgres_bin: Path) -> Iterator[Path]:
    """An empty home for the demo; what a failed demo left running is stopped."""
    yield tmp_path
    remove(EmbeddedServer(tmp_path / ".runfold" / "demo", postgres_bin))


def environment(home: Path, postgres_bin: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNFOLD_", "PG", "FORCE_COLOR"))}
    # A user's own database is not the demo's.
    theirs = {"RUNFOLD_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x", "RUNFOLD_POSTGRES_BIN": str(postgres_bin)}
    return {**kept, **theirs, "HOME": str(home)}


def processes_of(home: Path) -> list[str]:
    """Return the command lines of the processes that work in the home, or on its database."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        words = " ".join(process.info["cmdline"] or ())
        where = (process.info["environ"] or {}).get("RUNFOLD_HOME", "")
        if process.info["status"] != psutil.STATUS_ZOMBIE and (str(home) in words or where.startswith(str(home))):
            found.append(words)
    return found


def test_the_demo_shows_what_it_claims_stops_everything_and_can_be_run_again(
    home: Path, postgres_bin: Path, record_property: pytest.RecordProperty
) -> None:
    for run in (1, 2):
        began = time.monotonic()
        demo = subprocess.run(
            [sys.executable, "-m", "runfold.demo"],
            cwd=home,
            env=environment(home, postgres_bin),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        seconds = round(time.monotonic() - began, 1)
        record_property(f"run_{run}_seconds", seconds)
        print(f"\nrun {run}: {seconds} s")
        assert demo.returncode == 0, demo.stdout + demo.stderr
        for milestone in MILESTONES:
            assert re.search(milestone, demo.stdout), f"{milestone!r} is missing in\n{demo.stdout}"
        assert "DIFFERENT" not in demo.stdout
        assert "\x1b" not in demo.stdout
        assert "\r" not in demo.stdout
        assert not is_running(EmbeddedServer(home / ".runfold" / "demo", postgres_bin))
        assert not processes_of(home)
        assert (home / ".runfold" / "demo" / "book" / "report.md").read_text().startswith("# The book")


def test_the_interrupted_demo_leaves_no_process_behind(home: Path, postgres_bin: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "runfold.demo"],
        cwd=home,
        env=environment(home, postgres_bin),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "success" in line:
                break
        assert processes_of(home), "nothing was found while the demo ran: the check below would prove nothing"
        demo.send_signal(signal.SIGINT)
        _, said = demo.communicate(timeout=120)
    assert demo.returncode == 1
    assert "interrupted" in said
    assert "Traceback" not in said
    assert not processes_of(home)

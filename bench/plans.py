"""Folding the real log with no statistics, with old ones, and with true ones: how much the plans depend on them.

Autovacuum is off. The statistics are missing, as after an import; of the time when the tables were empty; of the time
when they held 1,000 events; or true, taken by ANALYZE before each command. In turns each state folds the log into the
live tables by `runfold worker --once`, and again by verify, rebuild, replay and a look at the past. Compared is the CPU
time of the server's processes, for which others on the machine matter least.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import psutil
import psycopg

from bench.memory import write_log
from bench.projection import SQL, warm
from bench.rounds import Ratio, report
from bench.servers import REAL_LOG, Server, command, number, options, run, server

MOST = 1.3
FEW_EVENTS = 1_000
STATES = ("none", "of empty tables", "of 1,000 events", "true")
NAMED = """
    SELECT execution_id, workflow_id::text, (SELECT max(position) FROM runfold.events)
      FROM public.workflow_executions
     ORDER BY execution_id
     LIMIT 1
"""
COMMANDS = {
    "verify": ("projection", "verify"),
    "rebuild": ("projection", "rebuild", "--all", "--jobs", "1"),
    "replay": ("projection", "replay", "--stream", "execution-{execution}"),
    "the past": ("execution", "at", "{execution}", "--position", "{position}"),
    "why": ("why", "workflow_status", "{workflow}", "latest_execution_status"),
}


def imported(on: Server, state: str, log: Path, folder: Path) -> str:
    """The URL of a database that holds the log, with nothing folded but what its statistics have seen."""
    url = on.create(migrated=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((SQL / "no_autovacuum.sql").read_bytes())
        if state == "of 1,000 events":
            few = folder / "few.xes.gz"
            write_log(few, FEW_EVENTS)
            run(url, "import", "xes", str(few))
            run(url, "worker", "--once")
        if state.startswith("of "):
            connection.execute("ANALYZE")
    run(url, "import", "xes", str(log))
    return url


class Processes:
    """The server's processes, as far as they run on this machine."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            self._postmaster = psutil.Process(
                number(connection, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")
            )

    def cpu_seconds(self) -> float:
        """What all of them have used, those that have ended among them."""
        used = self._postmaster.cpu_times()
        total = used.children_user + used.children_system
        for process in self._postmaster.children():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return float(total)

    def of(self, url: str, *words: str) -> float:
        """What a command costs them."""
        before = self.cpu_seconds()
        done = subprocess.run(command(url, *words), check=False, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            sys.exit(f"runfold {' '.join(words)} ended with {done.returncode}")
        return self.cpu_seconds() - before


def measure(on: Server, state: str, template: str, processes: Processes) -> dict[str, float]:
    copy = on.create(template=template)
    warm(copy)
    with psycopg.connect(copy, autocommit=True) as connection:

        def analyze() -> None:
            if state == "true":
                connection.execute("ANALYZE")

        analyze()
        measured = {"worker": processes.of(copy, "worker", "--once")}
        execution, workflow, position = connection.execute(NAMED).fetchone() or ("", "", 0)
        named = {"execution": execution, "workflow": workflow, "position": position}
        for name, words in COMMANDS.items():
            analyze()
            measured[name] = processes.of(copy, *(word.format(**named) for word in words))
    on.drop(copy)
    return measured


def main() -> None:
    arguments = options(__doc__, rounds=3).parse_args()
    if not REAL_LOG.exists():
        print("bench.plans: skipped, ../shared/data/bpic2012.xes.gz is not here")
        return
    with tempfile.TemporaryDirectory() as folder, server(arguments.url) as on:
        log = REAL_LOG
        if arguments.quick:
            log = Path(folder) / "log.xes.gz"
            write_log(log, 20_000)
        processes = Processes(on.url)
        templates = {state: imported(on, state, log, Path(folder)) for state in STATES}
        rounds = [
            {state: measure(on, state, templates[state], processes) for state in STATES}
            for _ in range(arguments.rounds)
        ]
    sides = {
        (what, state): [each[state][what] for each in rounds] for state in STATES for what in ("worker", *COMMANDS)
    }
    report(
        "plans",
        [
            Ratio.of(f"{what}: statistics {state} over true", sides[what, state], sides[what, "true"], expected=MOST,
                     at_most=True)
            for what in ("worker", *COMMANDS)
            for state in STATES[:-1]
        ],
        {f"CPU seconds, {what}, statistics {state}": median(values) for (what, state), values in sides.items()},
    )  # fmt: skip


if __name__ == "__main__":
    main()

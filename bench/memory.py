"""Memory of the importer and of the worker with a backlog of 1,000,000 events, compared with a tenth of it.

Python's figure is the peak resident size of the process; PostgreSQL's is the largest anonymous memory (RssAnon) of any
one of its backends, read every 100 ms. Private_* of smaps_rollup would count the pages of shared_buffers that no other
process has mapped yet, which are most of them when one backend fills them alone.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.rounds import Ratio, report
from bench.servers import REAL_LOG, REPOSITORY, Server, command, options, server

EVENTS = 1_000_000
LIMIT_MB = 200.0
LOOK_EVERY = 0.1

# Where the real log is absent: traces of the same length.
MADE_UP = "<trace>\n<string key='concept:name' value='{name}'/>\n" + "".join(
    f"<event><string key='concept:name' value='step {n % 7}'/><string key='lifecycle:transition' value='{how}'/>"
    f"<string key='org:resource' value='{n}'/><date key='time:timestamp' value='2024-01-01T00:00:{n:02}Z'/></event>\n"
    for n in range(20)
    for how in (("SCHEDULE", "START", "COMPLETE")[n % 3],)
) + "</trace>\n"  # fmt: skip


@dataclass
class Peak:
    python: float = 0.0
    backend: float = 0.0


def write_log(path: Path, events: int) -> None:
    """Write a log whose import appends at least that many events: its traces repeated with new names."""
    if REAL_LOG.exists():
        text = gzip.decompress(REAL_LOG.read_bytes()).decode()
        head, traces = text[: text.index("<trace>")], re.findall(r"<trace>.*?</trace>\n", text, re.DOTALL)
        name = re.compile(r'(<string key="concept:name" value=")([^"]*")')
    else:
        head, traces = '<?xml version="1.0"?>\n<log>\n', [MADE_UP]
        name = re.compile(r"(<string key='concept:name' value=')(\{name\}')")
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        file.write(head)
        written = copy = 0
        while written < events:
            copy += 1
            for trace in traces:
                file.write(name.sub(rf"\g<1>{copy}-\g<2>", trace, count=1))
                written += trace.count("<event>") + 3
                if written >= events:
                    break
        file.write("</log>\n")


def watched(url: str, *arguments: str) -> Peak:
    """Run `runfold` on a database, and measure it and its backends until it ends."""
    peak = Peak()
    process = subprocess.Popen(command(url, *arguments), cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    with psycopg.connect(url, autocommit=True) as connection:
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while process.poll() is None:
            peak.python = max(peak.python, megabytes(f"/proc/{process.pid}/status", "VmHWM"))
            for (pid,) in connection.execute(others):
                peak.backend = max(peak.backend, megabytes(f"/proc/{pid}/status", "RssAnon"))
            time.sleep(LOOK_EVERY)
    if process.returncode != 0:
        sys.exit(f"runfold {' '.join(arguments)} ended with {process.returncode}")
    return peak


def megabytes(file: str, field: str) -> float:
    try:
        lines = Path(file).read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def measure(on: Server, log: Path, events: int) -> tuple[dict[str, Peak], int]:
    write_log(log, events)
    url = on.create(migrated=True)
    peaks = {"importer": watched(url, "import", "xes", str(log)), "worker --once": watched(url, "worker", "--once")}
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM runfold.events").fetchone()
    on.drop(url)
    log.unlink()
    return peaks, row[0] if row else 0


def main() -> None:
    arguments = options(__doc__, rounds=1).parse_args()
    if not Path("/proc/self/status").exists():
        print("bench.memory: skipped, this system has no /proc/<pid>/status")
        return
    events = 50_000 if arguments.quick else EVENTS
    with tempfile.TemporaryDirectory() as folder, server(arguments.url) as on:
        log = Path(folder) / "repeated.xes.gz"
        small, few = measure(on, log, events // 10)
        large, many = measure(on, log, events)
    ratios = []
    facts: dict[str, object] = {"events": many, "events of the small backlog": few}
    for what, peak in large.items():
        for side in ("python", "backend"):
            megabytes_now, megabytes_small = getattr(peak, side), getattr(small[what], side)
            over = megabytes_now / LIMIT_MB
            ratios.append(Ratio(f"{what}, {side}: over {LIMIT_MB:g} MB", over, over, over, 1.0, True))
            growth = megabytes_now / megabytes_small if megabytes_small else float("nan")
            ratios.append(Ratio(f"{what}, {side}: over a tenth of the backlog", growth, growth, growth))
            facts[f"{what}, {side}, MB"] = round(megabytes_now, 1)
    report("memory", ratios, facts)


if __name__ == "__main__":
    main()

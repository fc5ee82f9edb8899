"""Run every bench, one after the other; options are passed on to each."""

from __future__ import annotations

import subprocess
import sys

BENCHES = (
    "projection",
    "plans",
    "folds",
    "rebuild",
    "append",
    "handles",
    "eventsourcing_app",
    "encryption",
    "latency",
    "subscribe",
    "import_",
    "memory",
    "agent_memory",
    "listing",
    "tenants",
    "growth",
    "seals",
    "past",
    "archive",
    "user_projections",
    "vectors",
    "start",
)

if __name__ == "__main__":
    commands = {bench: [sys.executable, "-m", f"bench.{bench}", *sys.argv[1:]] for bench in BENCHES}
    failed = [bench for bench, command in commands.items() if subprocess.run(command, check=False).returncode]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)

"""What a call of `runfold` costs before it does anything: the CPU time of its process.

The version, the help and a completion over 0.2 s; a command, up to its first statement, minus `import psycopg, typer`,
over 0.15 s. The server of these commands is away: a command ends where it would have sent its first statement.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.rounds import Ratio, report
from bench.servers import options

RUNFOLD = Path(sys.executable).with_name("runfold")
AWAY = ("--url", "postgresql://nobody@127.0.0.1:1/nothing")
IMPORTS = (sys.executable, "-c", "import psycopg, typer")
ALONE_SECONDS = 0.2
COMMAND_SECONDS = 0.15
ALONE = {"--version": ("--version",), "--help": ("--help",)}
COMPLETIONS = ("ex", "execution s", "execution list --s")
COMMANDS = ("status", "execution list", "execution at 7 --event 1", "projection verify", "parked list", "migrate")
WRITING = ("interaction withdraw 00000000-0000-0000-0000-000000000000", "worker --once")


def cpu_seconds(command: Sequence[str | Path], **environment: str) -> float:
    """The CPU time of one process, its own and the system's for it."""
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    _, _, used = os.wait4(child.pid, 0)
    child.returncode = 0  # it was waited for, not by Popen
    return used.ru_utime + used.ru_stime


def completing(words: str) -> dict[str, str]:
    """The environment in which bash asks how these words go on."""
    return {
        "_RUNFOLD_COMPLETE": "complete_bash",
        "COMP_WORDS": f"runfold {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }


def main() -> None:
    arguments = options(__doc__, rounds=15).parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what an installation compiled is read, not compiled again
    calls: dict[str, tuple[Sequence[str | Path], dict[str, str]]] = {"imports": (IMPORTS, {})}
    calls |= {name: ((RUNFOLD, *words), {}) for name, words in ALONE.items()}
    calls |= {f"completion of {words!r}": ((RUNFOLD,), completing(words)) for words in COMPLETIONS}
    calls |= {words: ((RUNFOLD, *AWAY, *words.split()), {}) for words in (*COMMANDS, *WRITING)}
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(arguments.rounds + 1):  # in turns; the first one compiles
        for name, (command, environment) in calls.items():
            spent[name].append(cpu_seconds(command, **environment))
    imports = median(spent["imports"][1:])
    ratios: list[Ratio] = []
    for name, (_, *seconds) in spent.items():
        if name == "imports":
            continue
        a_command = name in COMMANDS or name in WRITING
        limit, without = (COMMAND_SECONDS, imports) if a_command else (ALONE_SECONDS, 0.0)
        over = [(each - without) / limit for each in seconds]
        # A command that writes imports the store and the vocabulary: no bound is promised.
        bound = None if name in WRITING else 1.0
        label = f"{name}, {f'beyond the imports, over {limit:g} s' if a_command else f'over {limit:g} s'}"
        ratios.append(Ratio(label, median(over), min(over), max(over), bound, at_most=True))
    report("start", ratios, {"import psycopg, typer": f"{imports * 1000:.0f} ms of CPU"})


if __name__ == "__main__":
    main()

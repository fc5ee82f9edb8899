"""Generates the synchronous client from the asynchronous one, so that neither is kept by hand.

Every module of `client/aio/` and `memory/aio/` has a twin of its name in the `sync/` beside it. `--write` writes the
twins, `--check` fails where one differs. This script imports nothing of runfold and so runs also where a twin is
broken; it needs ruff, and is not part of the wheel.

A source differs from its twin by these substitutions alone, comments and docstrings included. A line that they do not
make synchronous is refused.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent
SOURCES = [PACKAGE / room / "aio" for room in ("client", "memory")]
TWINS = PACKAGE / "client" / "sync"

HEADER = "# Generated from ../aio/{source} by `make sync`: edit that file, never this one.\n"

_SUBSTITUTIONS = [
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in [
        # What is not used of the two is taken away below.
        (r"^import asyncio\n", "import threading\nimport time\n"),
        (r"\brunfold\.(client|memory)\.aio\b", r"runfold.\1.sync"),
        (r"\bconnect_async\b", "connect"),
        (r"\basynccontextmanager\b", "contextmanager"),
        (r"\benter_async_context\b", "enter_context"),
        (r"\bAsync(?=[A-Z])", ""),
        (r"\bAwaitable, ", ""),
        (r"\bAwaitable\[([\w\[\], .]+?)\](?=[:,\]]|$)", r"\1"),
        (r"\b__a(?=(enter|exit|iter|next)__)", "__"),
        (r"\bStopAsyncIteration\b", "StopIteration"),
        (r"\basyncio\.to_thread\((\w+), ", r"\1("),
        (r"\basyncio\.shield\((.*)\)$", r"\1"),
        (r"\basyncio\.sleep\b", "time.sleep"),
        (r"\basyncio\.Lock\b", "threading.Lock"),
        (r"\basync (?=def|with|for)", ""),
        (r"\bawait ", ""),
    ]
]
_LEFT_OVER = re.compile(r".*(async|await|__a(?:enter|exit|iter|next)__).*", re.IGNORECASE)


def sources() -> list[Path]:
    """The asynchronous modules."""
    return sorted(path for folder in SOURCES for path in folder.glob("*.py") if path.name != "__init__.py")


def twin_of(source: Path) -> Path:
    """The synchronous module that is generated from an asynchronous one."""
    return source.parent.with_name("sync") / source.name


def generate(source: str, name: str = "store.py") -> str:
    """The synchronous module of an asynchronous one; raises ValueError with the line that cannot be translated."""
    text = source
    for pattern, replacement in _SUBSTITUTIONS:
        text = pattern.sub(replacement, text)
    if (left_over := _LEFT_OVER.search(text)) is not None:
        raise ValueError(f"no substitution makes this line of {name} synchronous: {left_over[0].strip()}")
    text = HEADER.format(source=name) + text
    # Named, as ruff would look for the package beside the file: the order is to be the same everywhere.
    ours = 'lint.isort.known-first-party = ["runfold"]'
    sorted_imports = _ruff("check", "--select", "I,F401,F811", "--fix", "--quiet", "--config", ours, text=text)
    return _ruff("format", text=sorted_imports)


def _ruff(*arguments: str, text: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--stdin-filename", str(TWINS / "twin.py"), "-"]
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the synchronous modules")
    what.add_argument("--check", action="store_true", help="exit with 1 where one differs")
    writes = parser.parse_args().write
    stale = []
    for source in sources():
        twin = twin_of(source)
        wanted = generate(source.read_text(encoding="utf-8"), source.name)
        if writes:
            twin.write_text(wanted, encoding="utf-8")
        elif not twin.is_file() or twin.read_text(encoding="utf-8") != wanted:
            room = twin.parent.parent.name
            stale.append(f"{room}/sync/{twin.name} is not what {room}/aio/{source.name} makes of it")
    if stale:
        sys.exit(f"error: {'; '.join(stale)}: run `make sync`")


if __name__ == "__main__":
    main()

"""The synchronous modules equal the generator's result from the asynchronous ones."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runfold import generate_sync
from runfold.generate_sync import HEADER, generate, sources, twin_of

pytestmark = pytest.mark.process

PROJECT = Path(__file__).parents[2]


def run(script: Path, argument: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, script, argument], capture_output=True, text=True)


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_a_synchronous_module_is_the_generated_one(source: Path) -> None:
    assert twin_of(source).read_text() == generate(source.read_text(), source.name), "run `make sync`"
    assert twin_of(source).read_text().startswith(HEADER.format(source=source.name))


def test_the_store_and_the_handles_are_generated() -> None:
    assert {"store.py", "log.py", "writer.py", "execution.py", "node.py"} <= {
        twin_of(source).name for source in sources()
    }


@pytest.mark.parametrize("edited", ["aio", "sync"])
def test_an_edit_of_either_side_fails_the_check_until_it_is_generated_again(tmp_path: Path, edited: str) -> None:
    script = tmp_path / "generate_sync.py"
    shutil.copy(generate_sync.__file__, script)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    rooms = {name: tmp_path / "client" / name for name in ("aio", "sync")}
    for name, room in rooms.items():
        room.mkdir(parents=True)
        shutil.copy(PROJECT / "src" / "runfold" / "client" / name / "log.py", room)
    assert run(script, "--check").returncode == 0

    path = rooms[edited] / "log.py"
    path.write_text(path.read_text() + "\n\nASK_ME = 42\n")
    failed = run(script, "--check")
    assert (failed.returncode, failed.stderr.count("\n")) == (1, 1)
    assert "make sync" in failed.stderr

    assert run(script, "--write").returncode == 0
    assert run(script, "--check").returncode == 0
    assert ("ASK_ME" in (rooms["sync"] / "log.py").read_text()) == (edited == "aio")


@pytest.mark.parametrize(
    "line",
    [
        "    await asyncio.gather(first(), second())",
        "    x = asyncio.create_task(first())",
        "    # what an async function does",
        "    def __await__(self): ...",
    ],
)
def test_a_line_that_has_no_synchronous_form_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no substitution"):
        generate(f"async def f():\n{line}\n")


def test_what_is_awaited_is_called() -> None:
    source = """
import asyncio
import time


async def connect_async(url):
    lock: Callable[[str], Awaitable[Lock]] = asyncio.Lock
    async with AsyncPool(url) as pool:
        await asyncio.sleep(await asyncio.to_thread(len, url))
        return [row async for row in await pool.rows()]
"""
    expected = """
import threading
import time


def connect(url):
    lock: Callable[[str], Lock] = threading.Lock
    with Pool(url) as pool:
        time.sleep(len(url))
        return [row for row in pool.rows()]
"""
    assert generate(source, "async_x.py").removeprefix(HEADER.format(source="async_x.py")) == expected

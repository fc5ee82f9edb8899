"""Neither store is kept by hand: the synchronous one is what the generator makes of the asynchronous one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runfold.log.generate_sync import HEADER, SOURCE, TARGET, generate

PROJECT = Path(__file__).parents[2]


def run(script: Path, argument: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, script, argument], capture_output=True, text=True)


def test_the_synchronous_store_is_the_generated_one() -> None:
    assert TARGET.read_text() == generate(SOURCE.read_text()), "run `make sync`"
    assert TARGET.read_text().startswith(HEADER)


@pytest.mark.parametrize("edited", [SOURCE.name, TARGET.name])
def test_an_edit_of_either_side_fails_the_check_until_it_is_generated_again(tmp_path: Path, edited: str) -> None:
    for file in (PROJECT / "pyproject.toml", SOURCE, TARGET, SOURCE.with_name("generate_sync.py")):
        shutil.copy(file, tmp_path)
    script = tmp_path / "generate_sync.py"
    assert run(script, "--check").returncode == 0

    path = tmp_path / edited
    path.write_text(path.read_text() + "\n\nASK_ME = 42\n")
    failed = run(script, "--check")
    assert (failed.returncode, failed.stderr.count("\n")) == (1, 1)
    assert "make sync" in failed.stderr

    assert run(script, "--write").returncode == 0
    assert run(script, "--check").returncode == 0
    assert ("ASK_ME" in (tmp_path / TARGET.name).read_text()) == (edited == SOURCE.name)


@pytest.mark.parametrize(
    "line",
    [
        "    await asyncio.gather(first(), second())",
        "    x = asyncio.create_task(first())",
        "    # what an async function does",
        "    def __aiter__(self): ...",
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
    async with AsyncPool(url) as pool:
        await asyncio.sleep(await asyncio.to_thread(len, url))
        return [row async for row in await pool.rows()]
"""
    expected = """
import time


def connect(url):
    with Pool(url) as pool:
        time.sleep(len(url))
        return [row for row in pool.rows()]
"""
    assert generate(source).removeprefix(HEADER) == expected

"""The program of the page on SQL for Node.js does what the page says, with the package pg."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "how-to" / "emit-from-sql.md"


@pytest.mark.large
@pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is not installed")
def test_the_program_for_node_prints_what_the_page_says(database_url: str, tmp_path: Path) -> None:
    (program,) = blocks(PAGE, "js")
    *_, printed = blocks(PAGE, "text")
    (tmp_path / "program.js").write_text(program.text)
    subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", "pg@8"], cwd=tmp_path, check=True)
    env = {**os.environ, "RUNFOLD_DATABASE_URL": database_url}
    done = subprocess.run(["node", "program.js"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, printed.text), done.stderr

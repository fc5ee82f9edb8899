"""The shapes of events come out of the command line, without a database."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from runfold.events.json_schema import events_schema
from runfold.events.shapes import FILES
from tests.fixtures import commands

pytestmark = pytest.mark.process


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return commands.run_command(*words, environment={"PATH": os.environ["PATH"]})


def test_it_prints_the_json_schema_or_the_typescript() -> None:
    for words in ([], ["--format", "json-schema"]):
        done = run("schema", "export", *words)
        assert (done.returncode, json.loads(done.stdout)) == (0, events_schema())
    done = run("schema", "export", "--format", "typescript")
    assert (done.returncode, done.stdout) == (0, FILES["typescript"].text())


def test_it_writes_both_files_or_the_one_that_is_named(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    done = run("schema", "export", "--out", str(out))
    written = {out / file.name: file.text() for file in FILES.values()}
    assert (done.returncode, done.stdout.split()) == (0, [str(path) for path in written])
    assert {path: path.read_text(encoding="utf-8") for path in out.iterdir()} == written
    done = run("schema", "export", "--out", str(tmp_path / "c"), "--format", "typescript")
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["runfold-events.d.ts"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("schema", "export", "--out", str(tmp_path / "file"))
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert "choose another folder" in done.stderr


def test_an_unknown_format_is_a_mistake() -> None:
    done = run("schema", "export", "--format", "xml")
    assert done.returncode == 2
    assert "json-schema" in done.stderr

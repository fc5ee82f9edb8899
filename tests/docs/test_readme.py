"""The README's engine runs unchanged in an empty folder, and the tables show its work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from tests.docs.pages import README, blocks
from tests.fixtures.processes import assert_nothing_differs, command

PATIENCE = 120.0


def test_the_engine_of_the_readme_runs_in_an_empty_folder(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    (engine,) = blocks(README, "python")
    assert len([line for line in engine.text.splitlines() if line.strip()]) <= 35, "it is said to have thirty lines"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RUNFOLD_DATABASE_URL": database_url}
    with command("worker", RUNFOLD_DATABASE_URL=database_url):
        ran = subprocess.run(
            [sys.executable, "-c", engine.text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert ran.returncode == 0, ran.stderr
    *words, show = ran.stdout.splitlines()
    assert words == ["record", "fold", "verify"]
    assert list(tmp_path.iterdir()) == [], "it left something behind"

    executions = connection.execute(
        "SELECT execution_id, status, mode, duration_ms >= 0 FROM workflow_executions"
    ).fetchall()
    execution_id = show.split()[-1]
    assert executions == [(execution_id, "SUCCESS", "MANUAL", True)]
    nodes = connection.execute(
        "SELECT activation, node_id, node_type, status, attempt, input_data, output_data, execution_id"
        "  FROM node_executions ORDER BY activation"
    ).fetchall()
    assert nodes == [
        (activation, "print", "ACTION", "SUCCESS", attempt, {"word": word}, {"length": len(word)}, execution_id)
        for activation, word, attempt in zip(("print", "print#2", "print#3"), words, (2, 1, 1), strict=True)
    ]
    assert connection.execute("SELECT count(*) FROM runfold.anomalies").fetchone() == (0,)
    assert_nothing_differs(database_url)

    shown = subprocess.run(
        [sys.executable, "-m", *show.split()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert shown.returncode == 0, shown.stderr
    assert "SUCCESS" in shown.stdout

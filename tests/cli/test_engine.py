"""`runfold engine list` shows who runs executions, and who is silent."""

from __future__ import annotations

import runfold
from tests.cli.running import ask, run
from tests.client.engines.leading import Connection, hold_without_an_engine, leader_beats

pytest_plugins = ["tests.fixtures.stores"]


def test_engines_are_listed_with_what_they_hold(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    assert "no engine runs" in run(database_url, "engine", "list").stdout
    hold_without_an_engine(connection, "dead", "1", "2")
    leader_beats(connection, 20)
    with store.engine("alive") as engine:
        engine.hold("3", 0)
        said = run(database_url, "engine", "list").stdout
        rows = ask(database_url, "engine", "list")
    dead, alive = [line.split() for line in said.splitlines() if line.startswith(("dead", "alive"))]
    assert dead[:3] == ["dead", "silent", "2"]
    assert alive[:3] == ["alive", "beats", "1"]
    assert [(row["name"], row["silent"], row["executions"]) for row in rows] == [("dead", True, 2), ("alive", False, 1)]

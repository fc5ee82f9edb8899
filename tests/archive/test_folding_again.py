"""Of random logs that the product archived, a rebuild with the files makes the tables that there were before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.verify import verify
from tests.archive.segments import Segmented
from tests.fixtures.processes import drain
from tests.projections.reconciling.rebuilding import append_everything, damage
from tests.projections.reconciling.test_archived import digests


def differing(url: str, **options: Any) -> dict[str, int]:
    with psycopg.connect(url, autocommit=True) as connection:
        found = verify(connection, load_catalogue(), **options)
    return {item.projection: item.differing for item in found if item.differing}


@pytest.fixture(params=range(3))
def archived(request: pytest.FixtureRequest, log: Segmented, folder: Path, database_url: str) -> dict[str, str]:
    """A random log, folded, of which what may leave has left in several segments; the tables' md5 from before."""
    append_everything(log.log, seed=100 + request.param, appends=25)
    log.runs(12)
    log.log.wander(seed=200 + request.param, appends=25)
    log.fill()
    drain(database_url)
    before = digests(log.connection)
    written = log.archive(folder)
    assert written.streams > 10
    assert len(written.files) > 1
    return before


def test_nothing_differs_with_what_is_archived_or_without(
    archived: dict[str, str], log: Segmented, folder: Path, database_url: str
) -> None:
    assert differing(database_url, archive=folder) == {}
    assert differing(database_url) == {}
    assert digests(log.connection) == archived


def test_what_is_damaged_is_mended_from_the_files(
    archived: dict[str, str], log: Segmented, folder: Path, database_url: str
) -> None:
    assert damage(log.connection) > 5
    assert differing(database_url, archive=folder)
    rebuild(lambda: psycopg.connect(database_url, autocommit=True), load_catalogue(), archive=folder)
    assert digests(log.connection) == archived


def test_control_an_event_that_the_files_lack_is_found(
    archived: dict[str, str], log: Segmented, folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runfold.projections.reconciling import archived_events

    real = archived_events.read_segment

    def without_one_type(path: Path) -> Any:
        return ([each for each in group if each.type != "NodeSucceeded"] for group in real(path))

    monkeypatch.setattr(archived_events, "read_segment", without_one_type)
    assert differing(database_url, archive=folder).keys() >= {"node_executions"}

"""A dry run of an archive policy counts what would leave under it, and under no other one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runfold.database.connections import mapped_errors
from runfold.errors import InvalidInput, UnknownRetention
from runfold.worker.expiry import effect_of_archive_policy, read_archive_policies, set_archive_policy
from tests.archive.segments import Segmented


@pytest.fixture
def old(log: Segmented) -> Segmented:
    """Executions with their log lines, recorded ten days ago, in a segment that is closed."""
    log.runs(5)
    log.fill()
    log.folded()
    log.connection.execute("SET session_replication_role = replica")
    log.connection.execute("UPDATE runfold.events SET recorded_at = recorded_at - interval '10 days'")
    log.connection.execute("SET session_replication_role = origin")
    log.connection.execute("ANALYZE runfold.events")
    return log


def policies(log: Segmented) -> dict[str, timedelta | None]:
    return {each.category: each.keep for each in read_archive_policies(log.connection)}


def test_it_counts_streams_events_and_bytes_and_sets_nothing(old: Segmented) -> None:
    set_archive_policy(old.connection, "log", timedelta(days=9))
    before = policies(old)
    effect = effect_of_archive_policy(old.connection, "execution", timedelta(days=9))
    assert (effect.count, effect.events) == (5, 5 * 7)
    assert (effect.bytes or 0) > 1000
    assert effect_of_archive_policy(old.connection, "execution", timedelta(days=11)).count == 0
    assert effect_of_archive_policy(old.connection, "execution", None).count == 0
    assert policies(old) == before
    assert before["log"] == timedelta(days=9)


def test_limits_are_checked_at_their_edge(old: Segmented) -> None:
    set_archive_policy(old.connection, "execution", timedelta(days=1))
    too_short = timedelta(days=1) - timedelta(microseconds=1)
    for category, keep in (("execution", too_short), ("tenant", timedelta(days=1))):
        with pytest.raises(InvalidInput), mapped_errors():
            set_archive_policy(old.connection, category, keep)
    with pytest.raises(UnknownRetention, match="nothing"):
        set_archive_policy(old.connection, "nothing", timedelta(days=1))
    assert policies(old)["execution"] == timedelta(days=1)

"""A read table is the fold of the log, even if its worker is killed at any moment and any number of times."""

from __future__ import annotations

import signal
import time
from random import Random

import pytest

from tests.fixtures.logs import Log, run
from tests.fixtures.processes import assert_nothing_differs, checkpoint, drain, eventually, folded, leader, worker
from tests.fixtures.slowness import Slowness
from tests.model import reference
from tests.model.compare import differences, read_tables
from tests.worker.dying_worker import NO_STEP, STEPS, dying_worker

KILLED = -signal.SIGKILL
# Small, so that there is much to interrupt: about ten batches of each group.
BATCH_SIZE = 16


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nth", [1, 7])
def test_a_worker_killed_at_a_step_never_applies_a_batch_twice_or_not_at_all(
    log: Log, database_url: str, step: str, nth: int
) -> None:
    log.wander(seed=nth, appends=80)
    with dying_worker(database_url, step, nth, BATCH_SIZE) as killed:
        assert killed.wait() == KILLED, killed.output
    drain(database_url)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_a_worker_killed_in_the_middle_of_a_statement_leaves_nothing_of_it(log: Log, database_url: str) -> None:
    slowness = Slowness(log.connection)
    slowness.set(20)
    log.wander(seed=3, appends=80)
    with dying_worker(database_url, NO_STEP, 0, BATCH_SIZE) as killed:
        eventually(slowness.sleeping)
        killed.send(signal.SIGKILL)
        killed.wait()
    assert slowness.sleeping(), "the statement was over already"
    slowness.set(0)
    # The server notices within client_connection_check_interval that nobody waits for the statement.
    eventually(lambda: not slowness.sleeping(), within=5)
    assert checkpoint(log.connection) == 0
    assert not any(read_tables(log.connection).values())
    drain(database_url)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_workers_killed_at_random_leave_what_the_log_says(log: Log, database_url: str) -> None:
    random = Random(20_261_122)
    kills = 0
    for round_ in range(6):
        log.wander(seed=100 + round_, appends=40, executions=6)
        with dying_worker(database_url, NO_STEP, 0, random.choice((1, 4, 16))) as victim:
            time.sleep(random.uniform(0.05, 0.4))
            if victim.alive:
                victim.send(signal.SIGKILL)
                kills += 1
            victim.wait()
    assert kills >= 2, "nothing was killed: the workers end too early"
    drain(database_url)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_two_workers_at_once_fold_every_batch_once(log: Log, database_url: str) -> None:
    with worker(database_url, batch_size=3), worker(database_url, batch_size=3):
        log.wander(seed=5, appends=80)
        last = log.events[-1].position
        eventually(lambda: folded(log.connection, last))
        epoch, _ = leader(log.connection)
    assert epoch == 1, "the lead changed without need"
    epochs = log.connection.execute("SELECT DISTINCT epoch FROM runfold.checkpoints").fetchall()
    assert epochs == [(1,)], "a batch was folded by a worker that does not lead"
    log.assert_folded()
    assert_nothing_differs(database_url)


@pytest.mark.parametrize("rule", ["checkpoint first", "checkpoint last"])
def test_control_a_checkpoint_in_its_own_transaction_loses_or_doubles_events(
    log: Log, database_url: str, rule: str
) -> None:
    # Nothing tells that a log line was folded before: a second time is refused by the key, and parks.
    for n in range(20):
        log.append(f"execution-{n}", *run(str(n)))
        log.append(f"log-{n}", *[("LogAppended", {"level": "INFO", "event_type": "step_output", "message": "m"})] * 3)
    with dying_worker(database_url, rule, 9, BATCH_SIZE) as killed:
        assert killed.wait() == KILLED, killed.output
    drain(database_url)
    parked = log.connection.execute("SELECT count(*) FROM runfold.parked_streams").fetchone()
    wrong = differences(reference.fold(log.events), read_tables(log.connection))
    assert wrong or parked != (0,), "nothing was lost or doubled: these tests cannot fail"

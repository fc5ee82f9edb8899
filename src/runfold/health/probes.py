"""What `/healthz` and `/readyz` answer: decided from a worker's numbers and the newest sample; nobody is asked."""

from __future__ import annotations

from dataclasses import dataclass

from runfold.health.sampler import Sampler
from runfold.health.thresholds import BATCH_AGE, BEAT_AGE, LOOP_AGE
from runfold.worker.numbers import Numbers, State


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether all is well, and why, or why not."""

    ok: bool
    reason: str


def healthz(numbers: Numbers) -> Answer:
    """Return whether the worker's loop moves: the process is of use, whatever the database does.

    A batch may take longer than a turn of the loop: restarting a worker that catches up would only make it later.
    """
    in_batch = numbers.batch_age
    if in_batch is not None:
        if in_batch > BATCH_AGE.value:
            return Answer(
                ok=False, reason=f"the batch at hand takes {in_batch:.0f} s; {BATCH_AGE.value:.0f} are allowed"
            )
        return Answer(ok=True, reason=f"folds a batch, since {in_batch:.1f} s")
    age = numbers.loop_age
    if age > LOOP_AGE.value:
        return Answer(ok=False, reason=f"the loop has not moved for {age:.0f} s; {LOOP_AGE.value:.0f} are allowed")
    return Answer(ok=True, reason=f"the loop moved {age:.1f} s ago")


def readyz(numbers: Numbers, sampler: Sampler) -> Answer:
    """Return whether the read tables are being folded: the database answers, its schema fits, and somebody leads."""
    sample = sampler.newest
    if numbers.state is State.AWAY:
        return Answer(ok=False, reason=f"does not lead: {numbers.last_loss}")
    if not sampler.up or sample is None:
        return Answer(ok=False, reason=f"the database does not answer: {sampler.error or 'for too long'}")
    if (wrong := sample.wrong_schema) is not None:
        return Answer(ok=False, reason=wrong)
    if numbers.state is State.LEADING:
        return Answer(ok=True, reason=f"leads, epoch {numbers.epoch}")
    if numbers.state is not State.FOLLOWING:
        return Answer(ok=False, reason=f"is {numbers.state}")
    beat = sample.value("leader_beat_age_seconds")
    if beat is None or beat > BEAT_AGE.value:
        since = "ever" if beat is None else f"for {beat:.0f} s"
        return Answer(ok=False, reason=f"follows, and no leader has beaten {since}")
    return Answer(ok=True, reason=f"follows {sample.leader}")

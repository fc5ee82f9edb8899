"""What a worker logs: a line of JSON for each fact where nobody looks, no secret, and one line for many like it."""

from __future__ import annotations

import json
import logging
from typing import Any

import psycopg
import pytest

from runfold.logs import JsonFormatter, Repeats, without_secrets
from runfold.worker.numbers import MinuteLine, Numbers
from tests.fixtures.logs import Log, created, run
from tests.fixtures.processes import command, eventually, folded
from tests.projections.folding.test_parking import smuggle


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_each_line_of_a_worker_is_json_and_says_which_stream_was_parked_and_why(
    database_url: str, connection: psycopg.Connection[Any], log: Log
) -> None:
    log.append("execution-bad", created("bad"))
    position = smuggle(log, "execution-bad", "ExecutionStarted", {"start_time": "soon"})
    last = log.append("execution-good", *run("good"))
    with command("--debug", "--url", database_url, "worker") as worker:
        eventually(lambda: folded(connection, last))
        eventually(lambda: '"event": "batch"' in worker.output)
        eventually(lambda: worker.output.endswith("\n"))
        said = [line for line in lines(worker.output) if line["logger"].startswith("runfold")]
    by_event = {line.get("event"): line for line in said}
    assert {"said", "leading", "parked", "batch"} <= by_event.keys()
    parked = by_event["parked"]
    assert (parked["group"], parked["stream"], parked["position"]) == ("execution", "execution-bad", position)
    assert parked["level"] == "error"
    assert len(parked["sqlstate"]) == 5
    assert by_event["leading"]["epoch"] == parked["epoch"] == 1
    batch = by_event["batch"]
    assert {"group", "position", "events", "seconds", "epoch"} <= batch.keys()
    assert batch["level"] == "debug"
    assert all(line["time"].endswith("Z") for line in said)
    assert psycopg.conninfo.conninfo_to_dict(database_url)["password"] not in json.dumps(said)


def test_text_is_written_where_it_is_asked_for(database_url: str) -> None:
    with command("--url", database_url, "worker", RUNFOLD_LOG="text") as worker:
        eventually(lambda: "leading, epoch 1" in worker.output)
        with pytest.raises(json.JSONDecodeError):
            lines(worker.output)


def test_a_wrong_form_is_refused(database_url: str) -> None:
    with command("--url", database_url, "worker", RUNFOLD_LOG="xml") as worker:
        assert worker.wait() == 1
        assert "RUNFOLD_LOG is not valid" in worker.output


def test_a_minute_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    numbers = Numbers()
    minute = MinuteLine(numbers)
    numbers.folded("execution", 10, 7, 0.1)
    numbers.folded("log", 12, 2, 0.1)
    minute.say()
    assert not caplog.records
    minute._next -= 60
    minute.say()
    minute.say()
    (record,) = caplog.records
    assert (record.__dict__["event"], record.__dict__["events"]) == ("minute", 9)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot reach postgresql://u:hidden@h/d?x=1", "cannot reach postgresql://u:***@h/d?x=1"),
        ("postgresql://u:hid:den@h/d and postgresql://v:hidden@i", "postgresql://u:***@h/d and postgresql://v:***@i"),
        ("host=h password=hidden user=u", "host=h password=*** user=u"),
        ("host=h password='hid den' user=u", "host=h password=*** user=u"),
        ("?user=u&password=hidden&x=1", "?user=u&password=***&x=1"),
        ("Token: hidden", "Token: ***"),
        ("postgresql://u@h:5432/d is fine", "postgresql://u@h:5432/d is fine"),
    ],
)
def test_no_secret_is_written(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    record = logging.makeLogRecord({"msg": "%s", "args": (text,), "stream": text})
    assert "hidden" not in JsonFormatter().format(record)
    failed = ValueError(text)
    record.exc_info = (ValueError, failed, failed.__traceback__)
    assert "hidden" not in JsonFormatter().format(record)


def many(logger: logging.Logger, n: int) -> None:
    for each in range(n):
        logger.warning("error connecting in %r: %s", "pool-1", each)


def test_warnings_of_a_fail_over_are_one_line_and_their_number(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.repeats.folded")
    repeats = Repeats(logger.handle, window=0.2)
    logger.addFilter(repeats)
    many(logger, 50)
    logger.warning("another thing")
    logger.info("and no warning")
    logger.info("and no warning")
    assert [record.getMessage() for record in caplog.records] == ["error connecting in 'pool-1': 0", "another thing"]
    eventually(lambda: len(caplog.records) > 2)
    counted = caplog.records[-1]
    assert counted.getMessage().startswith("error connecting in 'pool-1': 49 (the last of 49 more like it within")
    assert json.loads(JsonFormatter().format(counted))["repeats"] == 49
    eventually(lambda: not repeats._open)
    many(logger, 1)
    assert caplog.records[-1].getMessage() == "error connecting in 'pool-1': 0"


def test_control_without_the_filter_each_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    many(logging.getLogger("tests.repeats.plain"), 50)
    assert len(caplog.records) == 50


def test_the_warnings_of_stores_pools_are_folded() -> None:
    import runfold.client.pools  # noqa: F401 - whoever opens a store does

    assert [type(each) for each in logging.getLogger("psycopg.pool").filters] == [Repeats]

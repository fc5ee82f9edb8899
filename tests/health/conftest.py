"""Fixtures: a log in the test's database, and workers that are watched."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from runfold.health.server import Health
from runfold.projections.definition.catalogue import load_catalogue
from runfold.settings import load_settings
from runfold.worker.worker import Worker
from tests.fixtures.logs import Log

EVERY = 0.1
"""Seconds between two samples: tests do not wait for 15."""


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, to append to."""
    return Log(connection)


def get(port: int, path: str, *, method: str = "GET", timeout: float = 5.0, accept: str = "") -> tuple[int, str]:
    """Ask and return the status and the body."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        asked.request(method, path, headers={"Accept": accept} if accept else {})
        answer = asked.getresponse()
        return answer.status, answer.read().decode()
    finally:
        asked.close()


def probed(port: int, path: str) -> tuple[bool, str]:
    """Return whether a probe says that all is well, and its reason; its status says the same."""
    status, body = get(port, path)
    said = json.loads(body)
    assert (status == 200) == said["ok"], (status, said)
    return said["ok"], said["reason"]


def scraped(port: int) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples of /metrics by name and by the values of their labels."""
    status, body = get(port, "/metrics")
    assert status == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for each in text_string_to_metric_families(body):
        for sample in each.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@dataclass
class Watched:
    """A worker in a thread of this process, and its health."""

    worker: Worker
    health: Health

    @property
    def port(self) -> int:
        return self.health.port


@contextmanager
def watched(url: str, *, run: bool = True, every: float = EVERY, **settings: Any) -> Iterator[Watched]:
    """Run a worker with its health during the block; without `run` its loop never begins."""
    chosen = load_settings(database_url=url, timeout_interval=0, **settings)
    catalogue = load_catalogue()
    worker = Worker(url, chosen, catalogue)
    thread = threading.Thread(target=worker.run, daemon=True)
    with Health(worker, url, chosen, catalogue, every=every) as health:
        if run:
            thread.start()
        try:
            yield Watched(worker, health)
        finally:
            worker.stop()
            if run:
                thread.join(10)

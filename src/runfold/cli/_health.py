"""The options, the logs and the endpoints that `runfold worker` and `runfold up` have in common."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from runfold.cli.invocation import current, override
from runfold.cli.output import print_text
from runfold.logs import JsonFormatter, fold_repeats

if TYPE_CHECKING:
    from runfold.projections.definition.catalogue import Catalogue
    from runfold.settings import Settings
    from runfold.worker.worker import Worker


log = logging.getLogger(__name__)


def _take_port(port: int | None) -> int | None:
    if port is not None:
        override(health_port=port)
    return port


def _take_host(host: str | None) -> str | None:
    if host is not None:
        override(health_host=host)
    return host


HealthPort = Annotated[
    int | None,
    typer.Option(
        "--health-port",
        min=0,
        max=65535,
        help="Answer /healthz, /readyz and /metrics on this port, instead of RUNFOLD_HEALTH_PORT; 0 takes a free one.",
        callback=_take_port,
    ),
]
"""The type of the parameter `health_port`; its callback puts the value into the settings."""

HealthHost = Annotated[
    str | None,
    typer.Option(
        "--health-host",
        help="The address to answer on, instead of RUNFOLD_HEALTH_HOST; 127.0.0.1 without either.",
        callback=_take_host,
    ),
]
"""The type of the parameter `health_host`; its callback puts the value into the settings."""


_REPEATED = ("psycopg.pool", "runfold.worker.worker", "runfold.worker.leadership", "runfold.worker.user_groups")


def say(text: str) -> None:
    """Say what a person at a terminal wants to know, as the log is written; `log_as` was called."""
    if any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers):
        log.info("%s", text, extra={"event": "said"})
    else:
        print_text(text, err=True)


def log_as(chosen: Settings) -> None:
    """Write the log as the settings say, for people on a terminal and as JSON elsewhere without any; repeats folded."""
    logger = logging.getLogger("runfold")
    if not current().debug:
        logger.setLevel(logging.INFO)
    for name in _REPEATED:
        fold_repeats(name)
    if chosen.log == "json" or (chosen.log is None and not sys.stderr.isatty()):
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonFormatter())


@contextmanager
def health(worker: Worker, url: str, chosen: Settings, found: Catalogue) -> Iterator[None]:
    """Answer for the worker's health during the block, where the settings have a port."""
    if chosen.health_port is None:
        yield
        return
    from runfold.health.server import Health
    from runfold.settings import LOOPBACK

    with Health(worker, url, chosen, found, host=chosen.health_host, port=chosen.health_port) as answering:
        say(f"health: {answering.url}/metrics, /healthz, /readyz")
        if chosen.health_host not in LOOPBACK:
            log.warning(
                "%s",
                f"whoever reaches {chosen.health_host}:{answering.port} reads the names of projections,"
                " subscriptions and tables, and their numbers: there is neither a password nor TLS",
            )
        yield

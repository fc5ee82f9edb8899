"""The options, the logs and the endpoints that `runfold worker` and `runfold up` have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from runfold.cli.invocation import override
from runfold.cli.output import print_text

if TYPE_CHECKING:
    from runfold.projections.definition.catalogue import Catalogue
    from runfold.settings import Settings
    from runfold.worker.worker import Worker


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


@contextmanager
def health(worker: Worker, url: str, chosen: Settings, found: Catalogue) -> Iterator[None]:
    """Answer for the worker's health during the block, where the settings have a port."""
    if chosen.health_port is None:
        yield
        return
    from runfold.health.server import LOOPBACK, Health

    with Health(worker, url, chosen, found, host=chosen.health_host, port=chosen.health_port) as answering:
        print_text(f"health: {answering.url}/metrics, /healthz, /readyz", err=True)
        if chosen.health_host not in LOOPBACK:
            print_text(
                f"warning: whoever reaches {chosen.health_host}:{answering.port} reads the names of projections,"
                " subscriptions and tables, and their numbers: there is neither a password nor TLS",
                err=True,
            )
        yield

"""`runfold otlp`: traces that other processes send."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from runfold.cli.invocation import settings
from runfold.cli.output import print_text

if TYPE_CHECKING:
    from runfold.adapters.otlp import Traces
    from runfold.adapters.otlp_server import OtlpServer

app = typer.Typer(help="Traces that other processes send by OpenTelemetry's protocol.", no_args_is_help=True)

_TOKEN = "RUNFOLD_OTLP_TOKEN"


@app.command("serve", epilog="Example: runfold otlp serve --port 4318")
def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 4318,
    settle: Annotated[
        float, typer.Option("--settle", min=0, help="Seconds to wait for more of a trace after its root has come.")
    ] = 2.0,
    hold: Annotated[
        float, typer.Option("--hold", min=0, help="Seconds to wait for the root of a trace after its last span.")
    ] = 60.0,
    most_spans: Annotated[int, typer.Option("--most-spans", min=1, help="Hold at most this many spans.")] = 100_000,
    user: Annotated[UUID | None, typer.Option("--user", help="The tenant of what is recorded.", metavar="UUID")] = None,
) -> None:
    """Receive traces by OTLP/HTTP and record them as executions, until Ctrl-C or SIGTERM, which records what is held.

    With RUNFOLD_OTLP_TOKEN in the environment, only requests with the header `Authorization: Bearer` and that token
    are taken. It is needed to listen on an address that is not this machine's own.
    """
    from runfold.adapters.otlp import Traces
    from runfold.adapters.spans import SpanRecorder
    from runfold.client.sync.store import Store
    from runfold.emitter.emitter import Emitter
    from runfold.settings import LOOPBACK

    token = os.environ.get(_TOKEN) or None
    if host not in LOOPBACK and token is None:
        raise typer.BadParameter(f"set {_TOKEN}: anybody who reaches {host} could write", param_hint="--host")
    chosen = settings()
    with (
        Store.connected(chosen.database_url, settings=chosen) as store,
        Emitter(store) as emitter,
        Traces(
            SpanRecorder(emitter, user_id=user, source="otlp"), settle=settle, hold=hold, most_spans=most_spans
        ) as traces,
        _listening(host, port, traces, token) as server,
    ):
        stop = threading.Event()
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, lambda *_: stop.set())
        threading.Thread(target=server.serve_forever, name="runfold otlp", daemon=True).start()
        print_text(
            f"runfold otlp: receiving at http://{host}:{server.server_port}/v1/traces; stop with Ctrl-C", err=True
        )
        stop.wait()
        server.shutdown()
    if emitter.metrics().refused:
        print_text(f"{emitter.metrics().refused} events were refused: see the log", err=True)


def _listening(host: str, port: int, traces: Traces, token: str | None) -> OtlpServer:
    from runfold.adapters.otlp_server import OtlpServer

    try:
        return OtlpServer((host, port), traces, token=token)
    except OSError as refused:
        raise typer.BadParameter(
            f"nobody can listen on {host}:{port}: {refused.strerror or refused}: choose another one",
            param_hint="--port",
        ) from None


def register(root: typer.Typer) -> None:
    """Add `runfold otlp`."""
    root.add_typer(app, name="otlp")

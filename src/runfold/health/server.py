"""Answers `/healthz`, `/readyz` and `/metrics` of a worker over HTTP, from memory.

A scrape costs the rendering of some hundred lines, once a second at most; no request asks the database. More requests
at once than a few are turned away, so that nobody can keep the worker from folding.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson

from runfold.database.connections import connect
from runfold.errors import InvalidInput
from runfold.health.collector import WorkerCollector, choose_encoder, registry_of
from runfold.health.probes import Answer, healthz, readyz
from runfold.health.sampler import EVERY_SECONDS, Sampler
from runfold.projections.definition.catalogue import Catalogue
from runfold.settings import LOOPBACK, Settings
from runfold.worker.worker import Worker

AT_ONCE = 16
"""The most requests that are answered at the same time."""

_PATIENCE = 5.0
_FRESH = 1.0
_PATHS = "/healthz, /readyz and /metrics"


class Health:
    """The health of one worker, over HTTP while the block of its `with` runs.

    `port` 0 takes a free one; `port` says which. Raises InvalidInput where nobody can listen there, and ExtraMissing.
    """

    def __init__(
        self,
        worker: Worker,
        url: str,
        settings: Settings,
        catalogue: Catalogue,
        *,
        host: str = LOOPBACK[0],
        port: int = 0,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._worker = worker
        self.sampler = Sampler(
            lambda: connect(url, settings, application="runfold worker health", autocommit=True, shared=True),
            catalogue,
            every=every,
        )
        self._registry = registry_of(WorkerCollector(worker.numbers, self.sampler))
        self._rendered: dict[str, tuple[float, bytes, str]] = {}
        self._rendering = threading.Lock()
        self._server = _listening(host, port, self.answer)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="runfold-health", daemon=True
        )
        self.host, self.port = host, self._server.server_address[1]

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def __enter__(self) -> Self:
        self.sampler.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5.0)
        self.sampler.__exit__(kind, error, traceback)

    def answer(self, path: str, accept: str) -> tuple[HTTPStatus, bytes, str]:
        """Return the status, the body and its type for a path."""
        if path == "/metrics":
            body, kind = self._metrics(accept)
            return HTTPStatus.OK, body, kind
        if path == "/healthz":
            return _probed(healthz(self._worker.numbers))
        if path == "/readyz":
            return _probed(readyz(self._worker.numbers, self.sampler))
        return HTTPStatus.NOT_FOUND, orjson.dumps({"ok": False, "reason": f"there are {_PATHS}"}), "application/json"

    def _metrics(self, accept: str) -> tuple[bytes, str]:
        encode, kind = choose_encoder(accept)
        with self._rendering:
            at, body, _ = self._rendered.get(kind, (-_FRESH, b"", kind))
            now = time.monotonic()
            if now - at > _FRESH:
                body = encode(self._registry)
                self._rendered[kind] = (now, body, kind)
        return body, kind


def _probed(answer: Answer) -> tuple[HTTPStatus, bytes, str]:
    status = HTTPStatus.OK if answer.ok else HTTPStatus.SERVICE_UNAVAILABLE
    return status, orjson.dumps({"ok": answer.ok, "reason": answer.reason}), "application/json"


_Answering = Callable[[str, str], tuple[HTTPStatus, bytes, str]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], answering: _Answering) -> None:
        self.answering = answering
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE
    server_version = "runfold"
    sys_version = ""

    def do_GET(self) -> None:
        status, body, kind = self.server.answering(self.path.partition("?")[0], self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_: Any) -> None:
        """Print nothing: a line for each scrape helps nobody."""


def _listening(host: str, port: int, answering: _Answering) -> _Server:
    try:
        return _Server((host, port), answering)
    except OSError as refused:
        raise InvalidInput(
            f"nobody can listen on {host}:{port}: {refused.strerror or refused}",
            hint="choose another port by --health-port or RUNFOLD_HEALTH_PORT, or stop what has it",
            code="invalid_setting",
            pointer="RUNFOLD_HEALTH_PORT",
            found=port,
        ) from None

"""Receives traces by OTLP/HTTP: POST /v1/traces with protobuf or JSON, answered as the protocol says."""

from __future__ import annotations

import hmac
import zlib
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from runfold.adapters.otlp import ExportTraceServiceResponse, NotOtlp, Traces, TracesFull, read_request

MOST_BYTES = 16 * 1024 * 1024
PATH = "/v1/traces"

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_RETRY_AFTER = "5"
_PATIENCE = 30.0
_GZIP = 31
_CODES = {400: 3, 401: 16, 404: 12, 405: 12, 411: 3, 413: 8, 415: 3, 429: 8}
"""The code of google.rpc.Status for each status of HTTP that is answered here."""


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class OtlpServer(ThreadingHTTPServer):
    """Listens on an address and gives the spans that come in to `traces`; with a token, only to who has it.

    A request is answered with success when its spans are held in memory: what is held is lost if this process is
    killed.
    """

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], traces: Traces, *, token: str | None = None, most_bytes: int = MOST_BYTES
    ) -> None:
        self.traces = traces
        self.token = token
        self.most_bytes = most_bytes
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: OtlpServer
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    server_version = "runfold"
    sys_version = ""

    def do_POST(self) -> None:
        is_json = self._content_type() == _JSON
        try:
            self._check()
            spans, refused = read_request(self._body(), is_json=is_json)
            self.server.traces.add(spans)
        except Refused as refusal:
            self._refuse(refusal.status, str(refusal), is_json=is_json)
        except NotOtlp as wrong:
            self._refuse(HTTPStatus.BAD_REQUEST, str(wrong), is_json=is_json)
        except TracesFull as full:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, str(full), is_json=is_json)
        else:
            self._accept(refused, is_json=is_json)

    def do_GET(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"send traces by POST {PATH}", is_json=True)

    do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815 - the names that the library calls

    def _check(self) -> None:
        given = self.headers.get("Authorization", "")
        if self.server.token is not None and not hmac.compare_digest(
            given.encode(), f"Bearer {self.server.token}".encode()
        ):
            raise Refused(HTTPStatus.UNAUTHORIZED, "send the header Authorization: Bearer and the receiver's token")
        if self.path.partition("?")[0] != PATH:
            raise Refused(HTTPStatus.NOT_FOUND, f"only traces are received, by POST {PATH}")
        if self._content_type() not in (_PROTOBUF, _JSON):
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the Content-Type is {_PROTOBUF} or {_JSON}")
        if self.headers.get("Content-Encoding", "identity").lower() not in ("identity", "gzip"):
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Encoding is gzip, or none")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "send the header Content-Length")
        most = self.server.most_bytes
        if int(length) > most:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has at most {most:,} bytes: send fewer spans")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is shorter than its Content-Length")
        if self.headers.get("Content-Encoding", "").lower() != "gzip":
            return body
        reader = zlib.decompressobj(_GZIP)
        try:
            inflated = reader.decompress(body, most + 1)
        except zlib.error:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is not gzip") from None
        if len(inflated) > most:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has at most {most:,} bytes: send fewer spans")
        if not reader.eof:
            raise Refused(HTTPStatus.BAD_REQUEST, "the gzip body ends too early")
        return inflated

    def _content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def _accept(self, refused: list[str], *, is_json: bool) -> None:
        reasons = "; ".join(refused[:10])
        if is_json:
            partial = {"rejectedSpans": str(len(refused)), "errorMessage": reasons}
            self._answer(HTTPStatus.OK, orjson.dumps({"partialSuccess": partial} if refused else {}), is_json=True)
            return
        made = ExportTraceServiceResponse()
        if refused:
            made.partial_success.rejected_spans = len(refused)
            made.partial_success.error_message = reasons
        self._answer(HTTPStatus.OK, made.SerializeToString(), is_json=False)

    def _refuse(self, status: HTTPStatus, message: str, *, is_json: bool) -> None:
        self.close_connection = True  # its body may not have been read
        self._answer(status, _status(_CODES[status], message, is_json=is_json), is_json=is_json)

    def _answer(self, status: HTTPStatus, body: bytes, *, is_json: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", _JSON if is_json else _PROTOBUF)
        self.send_header("Content-Length", str(len(body)))
        if status is HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", _RETRY_AFTER)
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing: a line for each request helps nobody."""


def _status(code: int, message: str, *, is_json: bool) -> bytes:
    """Return a google.rpc.Status, which is all that OTLP's errors have: its fields 1 and 2."""
    if is_json:
        return orjson.dumps({"code": code, "message": message})
    text = message.encode()[:8_000]
    length, size = len(text), bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return bytes([0x08, code, 0x12]) + bytes(size) + text

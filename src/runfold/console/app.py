"""The console as an ASGI application: its pages, the answers to errors, the stream of the trust strip, the assets."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp

from runfold import errors
from runfold.console import api, executions, inbox, one_execution, store_pages
from runfold.console.assets import by_name
from runfold.console.database import Database, Row, statement
from runfold.console.frame import Frame, NoSuchPage, SignInNeeded
from runfold.console.http import Doorkeeper
from runfold.console.links import Links
from runfold.console.options import Options
from runfold.console.signing_in import COOKIE, OPERATOR, Tokens
from runfold.console.trust import RENEWED_SECONDS, TrustKeeper
from runfold.projections.definition.catalogue import Catalogue
from runfold.reading.status import read_status
from runfold.settings import Settings

_log = logging.getLogger("runfold.console")

_NOT_FOUND = (
    NoSuchPage,
    errors.UnknownExecution,
    errors.UnknownId,
    errors.UnknownInteraction,
    errors.UnknownWorkflow,
    errors.UnknownStream,
    errors.UnknownTable,
    errors.UnknownRow,
    errors.UnknownColumn,
    errors.StreamNotParked,
    errors.PositionUnavailable,
)
_AWAY = (errors.DatabaseUnavailable, errors.PoolExhausted, errors.ServerFailed)


def build(url: str, settings: Settings, catalogue: Catalogue, options: Options) -> ASGIApp:
    """Return the console over the database of a URL; it connects when the application starts."""
    database = Database(url, settings, catalogue)

    def read() -> tuple[Row, int]:
        with database.reading(OPERATOR) as reader:
            status = read_status(reader.connection, catalogue)
            questions = reader.row(statement("waiting_counts"), {"most": 1000})
        return status, int(questions["n"]) if questions else 0

    tokens = None if options.tokens is None else Tokens.read(options.tokens)
    frame = Frame(options, Links(options.base_path), database, TrustKeeper(read), tokens)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        database.open()
        yield
        await run_in_threadpool(database.close)

    app = FastAPI(
        title="runfold console",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.frame = frame
    for room in (executions, one_execution, inbox, store_pages, api):
        room.register(app, frame)
    _own_routes(app, frame)
    _errors(app, frame)
    # Of each page little is left when it is compressed; streams of events are not.
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    writes = frozenset({"/sign-in"}) if tokens is not None else frozenset()
    return Doorkeeper(app, hosts=options.hosts, base_path=options.base_path, writes=writes)


def _own_routes(app: FastAPI, frame: Frame) -> None:
    @app.get("/", include_in_schema=False)
    def begin() -> Response:
        return RedirectResponse(frame.links.to("executions"), 303)

    @app.get("/healthz", include_in_schema=False)
    def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str, request: Request) -> Response:
        if (asset := by_name().get(name)) is None:
            raise NoSuchPage
        headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "Accept-Encoding"}
        if asset.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(asset.compressed, media_type=asset.media_type, headers=headers)
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    @app.get("/trust-events", include_in_schema=False)
    async def trust_events(request: Request) -> Response:
        viewer = frame.viewer(request)

        async def events() -> AsyncIterator[str]:
            while True:
                trust = await run_in_threadpool(frame.trust.current)
                text = frame.part("trust.html", trust=trust, viewer=viewer).strip().replace("\n", "")
                yield f"data: {text}\n\n"
                await anyio.sleep(RENEWED_SECONDS)

        return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    @app.get("/sign-in", include_in_schema=False)
    def sign_in(request: Request) -> Response:
        return frame.page(request, "sign_in.html", active="", wrong=False)

    @app.post("/sign-in", include_in_schema=False)
    async def signed_in(request: Request) -> Response:
        if frame.tokens is None or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise NoSuchPage
        body = (await request.body())[:4096].decode("utf-8", "replace")
        from urllib.parse import parse_qs

        token = parse_qs(body).get("token", [""])[0]
        if frame.tokens.viewer_of(token) is None:
            return frame.page(request, "sign_in.html", active="", wrong=True, status_code=403)
        response = RedirectResponse(frame.links.to("executions"), 303)
        secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
        path = frame.options.base_path or "/"
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path=path)
        return response


def _errors(app: FastAPI, frame: Frame) -> None:
    def answer(request: Request, error: errors.RunfoldError, status: int) -> Response:
        correlation = str(request.scope.get("state", {}).get("correlation", ""))
        if status >= 500:
            _log.warning("%s %s: %s (%s)", correlation, request.url.path, error.message, error.code)
        if request.url.path.startswith("/api/"):
            said = {"code": error.code, "message": error.message, "hint": error.hint, "correlation_id": correlation}
            return JSONResponse({"error": said}, status)
        return frame.page(
            request, "error.html", active="", status_code=status, error=error, correlation=correlation, code=status
        )

    @app.exception_handler(errors.RunfoldError)
    async def known(request: Request, error: errors.RunfoldError) -> Response:
        if isinstance(error, SignInNeeded) and not request.url.path.startswith("/api/"):
            return RedirectResponse(frame.links.to("sign-in"), 303)
        return await run_in_threadpool(answer, request, error, _status_of(error))

    @app.exception_handler(HTTPException)
    async def by_number(request: Request, error: HTTPException) -> Response:
        wrapped = NoSuchPage() if error.status_code == 404 else errors.InvalidInput(str(error.detail))
        return await run_in_threadpool(answer, request, wrapped, error.status_code)

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> Response:
        correlation = str(request.scope.get("state", {}).get("correlation", ""))
        _log.error("%s %s failed", correlation, request.url.path, exc_info=error)
        said = errors.RunfoldError("The console failed to answer this request", hint="its log has the reason")
        return await run_in_threadpool(answer, request, said, 500)


def _status_of(error: errors.RunfoldError) -> int:
    if isinstance(error, _NOT_FOUND):
        return 404
    if isinstance(error, SignInNeeded):
        return 401
    if isinstance(error, _AWAY):
        return 503
    if isinstance(error, errors.TimeLimitReached):
        return 504
    if isinstance(error, (errors.InvalidInput, errors.AmbiguousId, errors.IdTooShort)):
        return 400
    if isinstance(error, errors.PermissionDenied):
        return 403
    return 500

"""Runs the console by uvicorn."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from runfold.console.options import Options
from runfold.database.connections import resolve_url
from runfold.errors import ExtraMissing, InvalidInput
from runfold.projections.definition.catalogue import Catalogue
from runfold.settings import Settings

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp


def serve(
    settings: Settings,
    catalogue: Catalogue,
    *,
    host: str,
    port: int,
    base_path: str,
    names: tuple[str, ...],
    auth: str,
    tokens: Path | None,
    say: Callable[[str], None],
) -> None:
    """Serve until a signal; says the address first. Raises InvalidInput, ExtraMissing."""
    if auth not in ("none", "token"):
        raise InvalidInput(
            f"{auth!r} is not a way to sign in",
            hint="choose none or token",
            code="invalid_option",
            pointer="--auth",
            found=auth,
        )
    options = Options(
        host=host,
        port=port,
        base_path=base_path,
        names=names,
        auth="token" if auth == "token" else "none",
        tokens=tokens,
    )
    app = application(settings, catalogue, options)
    with listening(options) as listener:
        say(f"runfold console: {options.address(listener.getsockname()[1])}; stop with Ctrl-C")
        import uvicorn

        uvicorn.Server(_configured(app)).run(sockets=[listener])


@contextmanager
def beside(settings: Settings, catalogue: Catalogue) -> Iterator[str | None]:
    """Serve in a thread during the block, and give the address; None where the extra `console` is not installed.

    Another program may have the port: then it is a free one.
    """
    try:
        app = application(settings, catalogue, Options())
        import uvicorn
    except (ExtraMissing, ImportError):
        yield None
        return
    try:
        listener = listening(Options())
    except InvalidInput:
        listener = listening(Options(port=0))
    server = uvicorn.Server(_configured(app))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="runfold console", daemon=True)
    thread.start()
    try:
        yield Options().address(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(3)
        listener.close()


def _configured(app: ASGIApp) -> uvicorn.Config:
    import uvicorn

    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=2,
    )


def application(settings: Settings, catalogue: Catalogue, options: Options) -> ASGIApp:
    """Return the console's application; raises ExtraMissing without the extra `console`."""
    try:
        from runfold.console.app import build
    except ImportError as exc:
        raise ExtraMissing(
            f"the console needs {exc.name}, which is not installed",
            hint="pip install 'runfold[console]'",
            extra="console",
        ) from exc
    return build(resolve_url(settings, create=False), settings, catalogue, options)


def listening(options: Options) -> socket.socket:
    """Return the socket that the console listens on; raises InvalidInput where another program has the port."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
        listener.listen(128)
    except OSError as exc:
        listener.close()
        raise InvalidInput(
            f"the console cannot listen on {options.host}:{options.port}: {exc.strerror or exc}",
            hint="give another --port; 0 takes a free one",
            code="port_in_use",
            pointer="--port",
            found=options.port,
        ) from exc
    return listener

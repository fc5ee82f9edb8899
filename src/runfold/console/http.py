"""What every answer of the console has: the checks of the request, the headers, and an id to find it by."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote, unquote

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_SLASH = "\ufffe"  # no text of Unicode has it
_SLASH_QUOTED = quote(_SLASH)
_READING = frozenset({"GET", "HEAD"})


class Doorkeeper:
    """Refuses a Host that is not the console's and methods that write; adds the headers; removes the base path."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], base_path: str, writes: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts
        self._base_path = base_path
        self._writes = writes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation = secrets.token_hex(6)
        scope.setdefault("state", {})["correlation"] = correlation

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers["x-correlation-id"] = correlation
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(self._below_base(scope), receive, with_headers)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        host = host_name(Headers(scope=scope).get("host", ""))
        if host not in self._hosts:
            return PlainTextResponse(
                "This Host is not one of the console's: give it to `runfold console --name`, if it is yours.\n", 421
            )
        path = self._below_base(scope)["path"]
        if scope["method"] not in _READING and path not in self._writes:
            return PlainTextResponse("The console only reads: use GET.\n", 405, headers={"allow": "GET, HEAD"})
        return None

    def _below_base(self, scope: Scope) -> Any:
        """Return the scope without the base path, which a proxy may have removed already.

        A slash that is quoted is a part of a name, as of an execution's id, and not of the path.
        """
        path = scope["path"]
        if (raw := scope.get("raw_path")) and b"%2f" in raw.lower():
            # Some servers leave the query behind it.
            quoted = raw.decode("ascii", "replace").partition("?")[0]
            path = unquote(quoted.replace("%2F", _SLASH_QUOTED).replace("%2f", _SLASH_QUOTED))
        if self._base_path and (path == self._base_path or path.startswith(self._base_path + "/")):
            path = path[len(self._base_path) :] or "/"
        return scope if path == scope["path"] else {**scope, "path": path, "raw_path": None}


class NameConvertor(StringConvertor):
    """A part of a path that is a name: `{execution_id:name}`; its quoted slashes are slashes again."""

    def convert(self, value: str) -> str:
        """Return the name."""
        return value.replace(_SLASH, "/")


register_url_convertor("name", NameConvertor())


def host_name(host: str) -> str:
    """Return a Host without its port, in small letters."""
    name = host.lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]

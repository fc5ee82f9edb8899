"""What `runfold console` is started with, and what is refused before it listens."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runfold.errors import InvalidInput

DEFAULT_PORT = 7433
_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")
Auth = Literal["none", "token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the console listens, under which path and names, and how people sign in."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    base_path: str = ""
    names: tuple[str, ...] = ()
    """Names that a request's Host may have besides `host`, localhost and 127.0.0.1."""
    auth: Auth = "none"
    tokens: Path | None = None

    def __post_init__(self) -> None:
        if not _BASE_PATH.fullmatch(self.base_path):
            raise InvalidInput(
                f"{self.base_path!r} is not a base path",
                hint="begin it with a slash and end it without one, for example /runfold",
                code="invalid_option",
                pointer="--base-path",
                found=self.base_path,
            )
        if not 0 <= self.port <= 65_535:
            raise InvalidInput(
                f"{self.port} is not a port",
                hint="give a number from 0 to 65535; 0 takes a free one",
                code="invalid_option",
                pointer="--port",
                limit=65_535,
                found=self.port,
            )
        if self.auth == "token" and self.tokens is None:
            raise InvalidInput(
                "--auth token needs --tokens",
                hint="name the file of tokens: see the page on the console",
                code="invalid_option",
                pointer="--tokens",
            )
        if self.auth == "none" and not is_loopback(self.host):
            raise InvalidInput(
                f"without sign-in the console listens on the loopback address only, not on {self.host}",
                hint="leave --host out, or add --auth token --tokens FILE",
                code="console_needs_sign_in",
                pointer="--host",
                found=self.host,
            )

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a request's Host may have, in small letters and without a port."""
        own = {"localhost", "127.0.0.1", "[::1]"} if is_loopback(self.host) else set()
        return frozenset({_bracketed(self.host), *own, *(name.lower() for name in self.names)})

    def address(self, port: int | None = None) -> str:
        """Return the URL of the first page."""
        return f"http://{_bracketed(self.host)}:{self.port if port is None else port}{self.base_path}/"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host.lower()}]" if ":" in host else host.lower()

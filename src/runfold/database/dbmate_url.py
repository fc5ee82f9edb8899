"""libpq's connection parameters as the URL that dbmate's Go driver reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

# The parameters that the Go driver knows by libpq's names. It would send others (keepalives, gssencmode ...) to the
# server as settings, and the server would refuse them.
_KNOWN = ("application_name", "connect_timeout", "options", "sslcert", "sslkey", "sslrootcert")
_SSL_MODES = ("require", "verify-ca", "verify-full", "disable")


def dbmate_url(parameters: Mapping[str, Any], *, encrypted: bool) -> str:
    """Return the URL. `encrypted` is what libpq negotiated, because the Go driver lacks libpq's default `prefer`."""
    given = {name: str(value) for name, value in parameters.items() if value not in (None, "")}
    query = {name: given[name] for name in _KNOWN if name in given}
    mode = given.get("sslmode")
    query["sslmode"] = mode if mode in _SSL_MODES else "require" if encrypted else "disable"
    user = quote(given.get("user", ""), safe="")
    if "password" in given:
        user += ":" + quote(given["password"], safe="")
    host = given.get("host", "")
    port = given.get("port", "5432")
    database = quote(given.get("dbname", ""), safe="")
    if host == "" or host.startswith(("/", "@")):
        query |= {"host": host or "/var/run/postgresql", "port": port}
        place = ""
    else:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"postgres://{user}@{place}/{database}?" + urlencode(query, quote_via=quote, safe="")

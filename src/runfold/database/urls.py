"""A URL of a database as libpq takes it, or one line that says what is wrong with it, without its password.

libpq's own messages repeat what they cannot read, which may be a part of the password: none of them is passed on.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from runfold.errors import InvalidInput

_FORM = "write postgresql://user:password@host:5432/database"
_ENCODE = "write its special characters as %XX, for example @ as %40, / as %2F, # as %23 and % as %25"
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9.-]*)(?P<driver>\+[A-Za-z0-9_]+)?://")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PAIR = re.compile(r"\s*[a-z_]+\s*=")


def checked_url(url: str, name: str = "the database's URL") -> str:
    """Return the URL as libpq takes it; raises InvalidInput with what is wrong, never with the password.

    SQLAlchemy's names of drivers are left out (`postgresql+psycopg://`), and an `@` in a password is understood. What
    is no URL is libpq's other form, `host=… dbname=…`.
    """
    url = url.strip()
    found = _SCHEME.match(url)
    if found is None:
        return _checked_pairs(url, name)
    if found["scheme"].lower() not in ("postgresql", "postgres"):
        raise _invalid(f"{name} begins with {found['scheme']}://, which is not PostgreSQL's", _FORM, name)
    rest = url[found.end() :]
    place, mark, query = rest.partition("?")
    server, slash, database = place.partition("/")
    if "@" not in server and "@" in place:
        raise _invalid(f"{name} has an @ behind its first /: it may belong to the password", _ENCODE, name)
    if "@" not in server and "@" in query and not re.search(r"(^|&)[a-z_]+=", query):
        raise _invalid(f"{name} has an @ behind its first ?: it may belong to the password", _ENCODE, name)
    login, at, hosts = server.rpartition("@")
    if _PERCENT.search(login):
        raise _invalid(f"{name} has a user or password that cannot be read", _ENCODE, name)
    _check_ports(hosts, name)
    known = {option.keyword.decode() for option in Conninfo.get_defaults()} | {"ssl"}
    for pair in filter(None, query.split("&")):
        key = unquote(pair.partition("=")[0])
        if key not in known:
            raise _invalid(f"{name} has the parameter {key!r}, which PostgreSQL does not know", _near(key, known), name)
    whole = f"postgresql://{_encoded(login)}{at}{hosts}{slash}{database}{mark}{query}"
    return _read(whole, name, "write special characters as %XX")


def shown_url(url: str) -> str:
    """Return where the URL leads, for people: the host, the port and the database, and no login."""
    parts = conninfo_to_dict(url)
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"postgresql://{parts.get('host') or ''}{port}/{parts.get('dbname') or ''}"


def _checked_pairs(text: str, name: str) -> str:
    if not _PAIR.match(text):
        raise _invalid(f"{name} is not a URL of PostgreSQL", _FORM, name)
    return _read(text, name, "put a value with a space into single quotes")


def _check_ports(hosts: str, name: str) -> None:
    for host in hosts.split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            # It may be the password: of a URL whose password has a / the host and the port are its first parts.
            raise _invalid(
                f"{name} has a port that is not a number up to 65535", f"{_FORM}; in a password {_ENCODE}", name
            )


def _encoded(login: str) -> str:
    user, colon, password = login.partition(":")
    # What is encoded already stays as it is.
    return f"{quote(user, safe='%')}{colon}{quote(password, safe='%')}"


def _near(key: str, known: set[str]) -> str:
    import difflib  # only for a mistake

    close = difflib.get_close_matches(key, known, n=1)
    return f"write {close[0]}" if close else "leave it out"


def _read(text: str, name: str, hint: str) -> str:
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise _invalid(f"{name} cannot be read", hint, name) from None
    return text


def _invalid(message: str, hint: str, name: str) -> InvalidInput:
    return InvalidInput(message, hint=hint, code="invalid_url", pointer=name)

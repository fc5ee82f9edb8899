"""A URL with a mistake gets one line that says what is wrong, and nobody ever sees a part of its password."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

import runfold
from runfold.database.urls import checked_url, shown_url
from runfold.errors import InvalidInput

SECRET = "geheim"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("postgresql://me:geheim@h:5432/d", {"user": "me", "password": "geheim", "host": "h", "port": "5432"}),
        ("postgres://me:geheim@h/d", {"user": "me", "password": "geheim", "host": "h"}),
        ("postgresql+psycopg://me:geheim@h/d", {"password": "geheim", "host": "h", "dbname": "d"}),
        ("postgresql+asyncpg://me:geheim@h/d", {"password": "geheim", "host": "h", "dbname": "d"}),
        (" postgresql://me:geheim@h/d\n", {"host": "h", "dbname": "d"}),
        ("postgresql://me:ge@heim@h/d", {"user": "me", "password": "ge@heim", "host": "h"}),
        ("postgresql://me:ge%40heim@h/d", {"password": "ge@heim", "host": "h"}),
        ("postgresql://me:ge:hei#m!@h/d", {"password": "ge:hei#m!", "host": "h"}),
        ("postgresql://me@h1:1,h2:2/d?target_session_attrs=read-write", {"host": "h1,h2", "port": "1,2"}),
        ("postgresql://me:geheim@[::1]:5433/d", {"host": "::1", "port": "5433"}),
        ("postgresql:///d?host=/a%20b&port=1", {"host": "/a b", "port": "1", "dbname": "d"}),
        ("host=h user=me password='ge heim' dbname=d", {"password": "ge heim", "dbname": "d"}),
    ],
)
def test_what_is_meant_is_understood(url: str, parts: dict[str, str]) -> None:
    found = conninfo_to_dict(checked_url(url))
    assert {name: found.get(name) for name in parts} == parts


WRONG = {
    "http://me:geheim@h/d": "begins with http://, which is not PostgreSQL's: write postgresql://user",
    "mysql://me:geheim@h/d": "begins with mysql://",
    "me:geheim@h": "is not a URL of PostgreSQL: write postgresql://user:password@host",
    "geheim": "is not a URL of PostgreSQL",
    "postgresql://me:geheim@h:54x/d": "has a port that is not a number",
    "postgresql://me:geheim@h:99999/d": "has a port that is not a number up to 65535",
    "postgresql://me:ge/geheim@h/d": "has an @ behind its first /",
    "postgresql://me:ge?geheim@h/d": "has an @ behind its first ?",
    "postgresql://me:geheim%@h/d": "has a user or password that cannot be read",
    "postgresql://me:100%geheim@h/d": "write its special characters as %XX",
    "postgresql://me:geheim@h/d?sslmod=require": "PostgreSQL does not know: write sslmode",
    "postgresql://me:geheim@h/d?geh=1": "has the parameter 'geh'",
    "postgresql://me:geheim@[::1/d": "has a port that is not a number",
    "host=h password=ge geheim dbname=d": "put a value with a space into single quotes",
    "host=h password=geheim sslmod=1": "cannot be read",
}


@pytest.mark.parametrize("url", WRONG)
def test_a_mistake_gets_one_line_without_the_password(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_url(url, "RUNFOLD_DATABASE_URL")
    said = str(caught.value)
    assert said.startswith("RUNFOLD_DATABASE_URL ")
    assert WRONG[url] in said
    assert "\n" not in said
    assert caught.value.code == "invalid_url"
    # The parser's own error names what it could not read: no traceback shows it.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert SECRET not in said


@pytest.mark.parametrize("url", ["http://me:geheim@h/d", "me:geheim@h", "postgresql://me:geheim@h/d?sslmod=require"])
def test_a_store_refuses_it_with_the_same_line(url: str) -> None:
    with pytest.raises(InvalidInput, match="the database's URL") as caught:
        runfold.connect(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://me:geheim@h:1/d", "host=h port=1 user=me password=geheim dbname=d"])
def test_a_url_is_shown_without_its_login(url: str) -> None:
    assert shown_url(url) == "postgresql://h:1/d"

"""Runtime SQL lives in files beside the Python that calls it.

A room has one `queries.sql`: each statement under a line `-- name: <name>`, then comments that say what it does and
which parameters it takes. A statement too long for that has a file of its own, `sql/<name>.sql`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import LiteralString

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def parse_queries(text: str) -> Mapping[str, str]:
    """Return the statements of a `queries.sql` by name; raises ValueError if a name occurs twice."""
    _, *parts = _NAME.split(text)
    names, statements = parts[::2], parts[1::2]
    if twice := [name for name in set(names) if names.count(name) > 1]:
        raise ValueError(f"two queries have the name {twice[0]}")
    return dict(zip(names, (statement.strip() for statement in statements), strict=True))


@cache
def runtime_sql(package: str) -> Callable[[str], LiteralString]:
    """Return a function from a name to the package's statement of that name; it raises KeyError for an unknown one."""

    @cache
    def queries() -> Mapping[str, str]:
        short = resources.files(package).joinpath("queries.sql")
        return parse_queries(short.read_text(encoding="utf-8")) if short.is_file() else {}

    @cache
    def statement(name: str) -> LiteralString:
        if (found := queries().get(name)) is None:
            file = resources.files(package).joinpath("sql", f"{name}.sql")
            if not file.is_file():
                raise KeyError(f"{package} has no query {name}")
            found = file.read_text(encoding="utf-8")
        return found

    return statement

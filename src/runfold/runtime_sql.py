"""Runtime SQL lives in files beside the Python that calls it: one statement a file, its parameters in its header."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import LiteralString


def runtime_sql(package: str) -> Callable[[str], LiteralString]:
    """A function that gives the text of `sql/<name>.sql` in the package."""

    @cache
    def statement(name: str) -> LiteralString:
        return resources.files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")

    return statement

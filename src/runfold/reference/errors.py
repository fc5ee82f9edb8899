"""Generate docs/reference/errors.md from the classes of runfold.errors and the catalogue of faults."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getmembers, isclass

from runfold import errors
from runfold.database.connections import _BY_SQLSTATE
from runfold.events.faults import FAULTS
from runfold.reference.markdown import code, page, table

_INTRODUCTION = """
Every error is a `runfold.RunfoldError` with `code`, `message`, `hint`, `retryable` and its facts as attributes. SQL
callers get the same error with the SQLSTATE below and the facts as a JSON object in DETAIL. On the command line it is
one line on stderr and exit code 1; `runfold --debug …` shows the traceback.
"""


def _classes() -> list[type[errors.RunfoldError]]:
    return [kind for _, kind in getmembers(errors, isclass) if issubclass(kind, errors.RunfoldError)]


def _errors() -> Iterator[str]:
    yield from (
        "## Errors",
        "",
        "Retryable means that the same call can succeed later. The client retries by itself for RUNFOLD_RETRY_SECONDS.",
        "",
    )
    yield from table(
        ["error", "code", "SQLSTATE", "retryable", "default message"],
        [
            (
                code(kind.__name__),
                code(kind.code),
                kind.sqlstate or "",
                "yes" if kind.retryable else "",
                (kind.__doc__ or "").strip(),
            )
            for kind in _classes()
        ],
    )


def _faults() -> Iterator[str]:
    yield from (
        "## Codes of refused appends",
        "",
        "The `code` of an `InvalidInput`. `{at}` is the JSON pointer to the wrong value, `{limit}` is what is allowed",
        "and `{found}` is what was given; the error has them as attributes too (`pointer`, `limit`, `found`).",
        "The same rows are in `runfold.faults`.",
        "",
    )
    yield from table(
        ["code", "message", "hint"], [(code(name), fault.message, fault.hint) for name, fault in FAULTS.items()]
    )


def _postgres() -> Iterator[str]:
    yield from ("## PostgreSQL's own errors", "", "Mapped by SQLSTATE; other errors of psycopg pass unchanged.", "")
    yield from table(
        ["SQLSTATE", "error"], [(state, code(kind.__name__)) for state, kind in sorted(_BY_SQLSTATE.items())]
    )


def errors_page() -> str:
    """Return the page."""
    return page("Errors", _INTRODUCTION, _errors(), _faults(), _postgres())

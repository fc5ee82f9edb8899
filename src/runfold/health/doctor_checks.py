"""What a check of the doctor is: its name, its severity, what it says, and how it is made.

Most are statements in `sql/doctor/`. The header of such a file is its description: the first paragraph says what is
wrong where it finds something, the second one what follows, and then there are lines of the form `-- name: value`:

    severity  error, warning or advice; a column `severity` of the result goes before it
    see       the page that helps, below docs/
    where     `primary`: it is not made on a standby
    needs     a predefined role without which PostgreSQL hides what it looks at
    reads     tables whose rows policies may hide
    also      `after-restore`: also one of the checks of a restored database
    only      `after-restore`: one of these alone

A result has the columns `object`, `problem` and `remedy`; all others are facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings

statement = runtime_sql("runfold.health")

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KEYS = frozenset({"severity", "see", "where", "needs", "reads", "also", "only"})


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """Events, rows or their protection are lost or will be, or work has stopped."""
    WARNING = "warning"
    """It works, and will not go on so."""
    ADVICE = "advice"
    """It works, and could be better; the exit code stays 0."""


class NotApplicable(Exception):
    """There is nothing here to look at, for this reason."""


class NotChecked(Exception):
    """It could not be looked at, for this reason."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found once; `severity` where it is another than the check's."""

    object: str
    problem: str
    remedy: str
    severity: Severity | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Patient:
    """What checks look at. `parameters` are the thresholds by name, and what else statements need."""

    connection: psycopg.Connection[Any]
    settings: Settings
    parameters: Mapping[str, Any]
    spools: tuple[Any, ...] = ()
    migrations: Path | None = None
    """The folder of the migrations; None: the installation's."""

    def rows(self, text: LiteralString, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the rows of a statement in the check's transaction."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(text, parameters).fetchall()

    def row(self, text: LiteralString, parameters: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the first row of a statement, None without one."""
        return next(iter(self.rows(text, parameters)), None)


Run = Callable[[Patient], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `when` says for which of `runfold doctor` (False) and `--after-restore` (True) it is made."""

    name: str
    severity: Severity
    title: str
    why: str
    see: str
    run: Run
    when: frozenset[bool] = frozenset({False})
    primary_only: bool = False
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()


WRITTEN: dict[str, Check] = {}
"""The checks that are functions; their modules are imported by `doctor_list`."""


def check(
    name: str, severity: Severity, *, see: str, when: Iterable[bool] = (False,), thresholds: Iterable[str] = ()
) -> Callable[[Run], Run]:
    """Return a decorator that makes a function a check; its docstring has the form of a file's header."""

    def registered(run: Run) -> Run:
        title, _, why = (run.__doc__ or "").strip().partition("\n\n")
        one = Check(
            name, severity, _joined(title), _joined(why), see, run, frozenset(when), thresholds=tuple(thresholds)
        )
        if not _NAME.fullmatch(name) or name in WRITTEN:
            raise ValueError(f"{name} is no name for a check, or is taken")
        WRITTEN[name] = one
        return run

    return registered


def of_file(name: str, text: str) -> Check:
    """Return the check of a file's text; raises ValueError where its header is not one."""
    paragraphs: list[list[str]] = [[]]
    said: dict[str, str] = {}
    for line in _header(text):
        key, colon, value = line.partition(": ")
        if colon and key in _KEYS:
            said[key] = value
        elif line:
            paragraphs[-1].append(line)
        else:
            paragraphs.append([])
    words = [" ".join(each) for each in paragraphs if each]
    if not _NAME.fullmatch(name) or not words or not {"severity", "see"} <= said.keys():
        raise ValueError(f"{name}.sql does not begin with what it finds, its severity and the page that helps")
    when = {"also": {False, True}, "only": {True}}
    return Check(
        name=name,
        severity=Severity(said["severity"]),
        title=words[0],
        why=" ".join(words[1:]),
        see=said["see"],
        run=_runner(name),
        when=frozenset(next((value for key, value in when.items() if key in said), {False})),
        primary_only=said.get("where") == "primary",
        needs=tuple(said.get("needs", "").split()),
        reads=tuple(said.get("reads", "").split()),
        thresholds=tuple(dict.fromkeys(re.findall(r"%\((\w+)\)s", text))),
    )


def _header(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("--"):
            return
        yield line.removeprefix("--").strip()


def _runner(name: str) -> Run:
    def run(found: Patient) -> Iterator[Found]:
        for row in found.rows(statement(f"doctor/{name}"), found.parameters):
            yield found_of(row)

    return run


def found_of(row: dict[str, Any]) -> Found:
    """Return what a row of a statement says."""
    facts = {**row}
    place, problem, remedy = (facts.pop(name) for name in ("object", "problem", "remedy"))
    severity = facts.pop("severity", None)
    return Found(place, problem, remedy, None if severity is None else Severity(severity), facts)


def _joined(text: str) -> str:
    return " ".join(text.split())

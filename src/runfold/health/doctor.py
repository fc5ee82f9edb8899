"""`runfold doctor`: looks at a store and its server, and says what is wrong, where, and what to do.

Each check is a file in `sql/doctor/` or a function of `doctor_code`. It runs by itself: in a transaction that only
reads, under a time limit. One that cannot be made, for a permission, its time or an older schema, is reported as not
checked, and never passes for a good answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors as sqlstates

from runfold.database.migrations import OLDEST_POSTGRES
from runfold.errors import RunfoldError
from runfold.health.doctor_checks import Check, Found, NotApplicable, NotChecked, Patient, Severity
from runfold.health.doctor_list import checks
from runfold.health.thresholds import values
from runfold.runtime_sql import runtime_sql
from runfold.settings import Settings

statement = runtime_sql("runfold.health")

SECONDS_A_CHECK = 10.0
"""How long a statement of a check may take."""

PAGE = "docs/reference/doctor.md"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: where, what is wrong, and what to do. `page` explains it."""

    check: str
    severity: Severity
    object: str
    problem: str
    remedy: str
    page: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `checked` are the checks that gave an answer, the others have a reason."""

    findings: list[Finding]
    checked: list[str]
    not_checked: dict[str, str]
    not_applicable: dict[str, str]

    @property
    def ill(self) -> bool:
        """Whether there is an error or a warning; advice does not count."""
        return any(each.severity is not Severity.ADVICE for each in self.findings)

    @property
    def healthy(self) -> bool:
        """Whether everything was looked at, and nothing is wrong."""
        return not self.ill and not self.not_checked


def patient(
    connection: psycopg.Connection[Any],
    settings: Settings,
    *,
    thresholds: Mapping[str, float] | None = None,
    spools: Sequence[Any] = (),
    migrations: Path | None = None,
) -> Patient:
    """Return what checks look at: the connection in autocommit, the settings, and the contents of engines' spools."""
    return Patient(
        connection=connection,
        settings=settings,
        parameters={
            **values(),
            "oldest_postgres": OLDEST_POSTGRES,
            "embedded": settings.database_url is None,
            **(thresholds or {}),
        },
        spools=tuple(spools),
        migrations=migrations,
    )


def examine(
    found: Patient, *, only: Iterable[str] = (), skip: Iterable[str] = (), after_restore: bool = False
) -> Report:
    """Make the checks and return what they found, errors first; changes nothing.

    `only` and `skip` name checks; `after_restore` makes those of a restored database in place of the others.
    """
    report = Report([], [], {}, {})
    chosen, left_out = set(only), set(skip)
    standby = _is_standby(found.connection)
    for check in checks():
        wanted = check.name in chosen if chosen else after_restore in check.when
        if not wanted or check.name in left_out:
            continue
        if check.primary_only and standby:
            report.not_applicable[check.name] = "this server is a standby: ask its primary"
            continue
        _make(check, found, report)
    order = list(Severity)
    report.findings.sort(key=lambda each: (order.index(each.severity), each.check, each.object))
    return report


def _make(check: Check, found: Patient, report: Report) -> None:
    try:
        rows = _run(check, found)
    except NotApplicable as reason:
        report.not_applicable[check.name] = str(reason)
    except NotChecked as reason:
        report.not_checked[check.name] = str(reason)
    except RunfoldError as error:
        report.not_checked[check.name] = f"{error.message}: {error.hint}" if error.hint else error.message
    except psycopg.Error as error:
        if found.connection.closed:
            raise
        report.not_checked[check.name] = _reason(error, found)
    else:
        report.checked.append(check.name)
        report.findings.extend(
            Finding(
                check.name,
                row.severity or check.severity,
                row.object,
                row.problem,
                row.remedy,
                f"{PAGE}#{check.name}",
                row.facts,
            )
            for row in rows
        )


def _run(check: Check, found: Patient) -> list[Found]:
    """Make one check, in a transaction that reads, under its time limit."""
    with found.connection.transaction():
        found.rows(statement("begin_check"), {"limit": f"{round(SECONDS_A_CHECK * 1000)}ms"})
        for role in check.needs:
            _require_role(found, role)
        if check.reads:
            _require_rows(found, check.reads)
        return list(check.run(found))


def _require_role(found: Patient, role: str) -> None:
    """Raise NotChecked for a session that PostgreSQL shows no more than its own activity, without an error."""
    row = found.row(statement("has_role"), {"role": role})
    if row is None or not row["has"]:
        raise NotChecked(f"it needs {role}: GRANT pg_monitor TO {row['login'] if row else 'this login'}")


def _require_rows(found: Patient, tables: Sequence[str]) -> None:
    """Raise NotChecked where policies may hide rows: an empty table would look healthy."""
    if hidden := found.rows(statement("hidden_tables"), {"tables": list(tables)}):
        raise NotChecked(f"row security hides rows of {hidden[0]['table_name']}: ask as runfold_operator")


def _reason(error: psycopg.Error, found: Patient) -> str:
    """Return why a statement gave no answer, and what to do."""
    said = (str(error).strip().splitlines() or ["no reason given"])[0]
    if isinstance(error, sqlstates.InsufficientPrivilege):
        return f"{said}: this needs runfold_operator: GRANT runfold_operator TO {found.connection.info.user}"
    if isinstance(error, sqlstates.QueryCanceled):
        return f"it took longer than {SECONDS_A_CHECK:g} s: ask again when the server is less busy"
    missing = (sqlstates.UndefinedTable, sqlstates.UndefinedColumn, sqlstates.UndefinedFunction)
    if isinstance(error, (*missing, sqlstates.InvalidSchemaName)):
        return f"{said}: the schema is not this runfold's: run `runfold migrate`, or use the other version"
    return said


def _is_standby(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(statement("is_standby")).fetchone()
    return bool(row and row[0])

"""The doctor changes nothing, is bounded, and never says that it is well where it could not look."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import runfold.health
from runfold.health import doctor, doctor_checks
from runfold.health.doctor import Report, examine, patient
from runfold.health.doctor_checks import Check, Found, Patient, Severity, of_file
from runfold.health.doctor_list import checks
from runfold.settings import load_settings
from tests.cli.test_messages import _IDIOM
from tests.fixtures.databases import create_database, drop_database
from tests.fixtures.doctors import Ill
from tests.fixtures.logs import run
from tests.fixtures.owned import LOGINS, OWNER, Owned
from tests.fixtures.processes import drain, eventually, folded, leader, worker

HEADER = "-- It is wrong.\n--\n-- severity: error\n-- see: concepts.md\n"


def asked(url: str, *only: str, **options: bool) -> Report:
    """What the doctor says to a login."""
    with psycopg.connect(url, autocommit=True) as connection:
        return examine(patient(connection, load_settings(database_url=url)), only=only, **options)


def test_a_store_at_work_is_well(ill: Ill) -> None:
    ill.log.append("execution-e", *run("e"))
    with worker(ill.url):
        eventually(lambda: leader(ill.connection)[0] and folded(ill.connection, 7))
        ill.run("UPDATE runfold.leader SET worker = worker")
        report = ill.report()
    # The tests' workers are superusers.
    assert [each.check for each in report.findings if each.check != "unrestrained-login"] == []
    assert report.not_checked == {}
    assert not report.ill
    assert report.healthy
    assert len(report.checked) + len(report.not_applicable) == sum(False in each.when for each in checks())


def test_nothing_is_changed(ill: Ill) -> None:
    ill.log.append("execution-e", *run("e"))
    drain(ill.url)
    written = (
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables",
        "SELECT pg_current_wal_insert_lsn()",
    )
    ill.run("SELECT pg_stat_force_next_flush()", "CHECKPOINT")
    before = ill.connection.execute(written[0].encode()).fetchone()
    ill.report()
    ill.report(after_restore=True)
    ill.run("SELECT pg_stat_force_next_flush()")
    assert ill.connection.execute(written[0].encode()).fetchone() == before


def a_check(statement: str, **about: object) -> Check:
    """A check with a statement of the test's own."""

    def ask(found: Patient) -> Iterator[Found]:
        for row in found.rows(statement.encode()):  # type: ignore[arg-type]
            yield Found(str(row), "", "")

    made = of_file("a-check", HEADER)
    return dataclasses.replace(made, run=ask, **about)  # type: ignore[arg-type]


def of(ill: Ill, monkeypatch: pytest.MonkeyPatch, one: Check) -> Report:
    """What the doctor says with this check alone."""
    monkeypatch.setattr(doctor, "checks", lambda: (one,))
    return ill.report()


def test_control_a_check_that_writes_is_refused(ill: Ill, monkeypatch: pytest.MonkeyPatch) -> None:
    report = of(ill, monkeypatch, a_check("DELETE FROM runfold.projections RETURNING name"))
    assert "read-only transaction" in report.not_checked["a-check"]


def test_a_check_that_takes_too_long_is_not_checked_and_the_next_goes_on(
    ill: Ill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "SECONDS_A_CHECK", 0.05)
    slow = a_check("SELECT pg_sleep(30)")
    quick = dataclasses.replace(a_check("SELECT 1 WHERE false"), name="quick")
    monkeypatch.setattr(doctor, "checks", lambda: (slow, quick))
    report = ill.report()
    assert report.checked == ["quick"]
    assert "longer than 0.05 s" in report.not_checked["a-check"]
    assert not report.healthy
    assert not report.ill


def test_a_check_that_finds_no_column_of_its_own_is_not_checked(ill: Ill) -> None:
    ill.run("DROP TABLE runfold.subscriptions CASCADE")
    report = ill.report()
    assert {"bookmark-unmoved", "subscription-behind", "subscription-fails"} == set(report.not_checked)
    assert "run `runfold migrate`" in report.not_checked["bookmark-unmoved"]


def test_a_database_that_is_not_migrated_has_one_finding_and_nothing_else_passes_for_well(ill: Ill) -> None:
    url = create_database(ill.url)
    try:
        report = asked(url)
    finally:
        drop_database(ill.url, url)
    assert "schema-outdated" in [each.check for each in report.findings]
    reads_runfold = {
        each.name
        for each in checks()
        if False in each.when and "runfold." in (_text(each.name) or "") and each.name not in _OF_CATALOGS
    }
    assert reads_runfold <= set(report.not_checked)


_OF_CATALOGS = {"function-open-to-everybody"}


def _text(name: str) -> str | None:
    file = Path(runfold.health.__file__).parent / "sql" / "doctor" / f"{name}.sql"
    return re.sub(r"'[^']*'(?!::)", "", file.read_text()) if file.is_file() else None


def test_who_may_not_look_is_told_what_to_grant(owned: Owned) -> None:
    """Nothing is well because a login cannot see it."""
    with psycopg.connect(owned.superuser, autocommit=True) as connection:
        everything = set(asked(owned.superuser).checked)
        for role, login in (*LOGINS.items(), ("owner", OWNER)):
            report = asked(owned.login(login))
            assert everything <= {*report.checked, *report.not_checked, *report.not_applicable}, role
            assert {"idle-in-transaction", "no-synchronous-standby", "standby-behind"} <= set(report.not_checked), role
            assert "GRANT pg_monitor TO" in report.not_checked["standby-behind"]
        connection.execute(f"GRANT pg_monitor TO {LOGINS['runfold_operator']}")
        report = asked(owned.login(LOGINS["runfold_operator"]))
        assert report.not_checked == {}
        gateway = asked(owned.login(LOGINS["runfold_gateway"]))
        assert "GRANT runfold_operator TO" in gateway.not_checked["group-stopped"]


def test_rows_that_policies_hide_are_not_taken_for_none(owned: Owned) -> None:
    with psycopg.connect(owned.superuser, autocommit=True) as connection:
        connection.execute("CREATE ROLE half LOGIN PASSWORD 'change'")
        connection.execute("GRANT USAGE ON SCHEMA runfold TO half; GRANT SELECT ON runfold.events TO half")
        connection.execute("GRANT EXECUTE ON FUNCTION runfold.hidden_tables TO half")
    report = asked(owned.login("half"), "large-events", "clock-went-back")
    assert "row security hides rows of runfold.events" in report.not_checked["large-events"]
    assert report.checked == []


def test_control_a_login_without_the_policy_would_find_the_log_well(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(owned.superuser, autocommit=True) as connection:
        connection.execute("CREATE ROLE blind LOGIN PASSWORD 'change'")
        connection.execute("GRANT USAGE ON SCHEMA runfold TO blind; GRANT SELECT ON runfold.events TO blind")
    monkeypatch.setattr(doctor, "_require_rows", lambda *_: None)
    assert asked(owned.login("blind"), "large-events").checked == ["large-events"]


def test_a_broken_connection_is_an_error_and_no_finding(ill: Ill) -> None:
    other = ill.another(autocommit=True)
    ill.run(f"SELECT pg_terminate_backend({other.info.backend_pid})")
    with pytest.raises(psycopg.OperationalError):
        examine(patient(other, load_settings(database_url=ill.url)))


def test_nothing_is_left_behind_in_the_session(ill: Ill) -> None:
    before = ill.connection.execute("SHOW statement_timeout").fetchone()
    ill.report("fsync-off")
    assert ill.connection.execute("SHOW statement_timeout").fetchone() == before
    assert ill.connection.execute("SHOW transaction_read_only").fetchone() == ("off",)


def test_only_and_skip(ill: Ill) -> None:
    assert ill.report("fsync-off", "no-leader").checked == ["fsync-off", "no-leader"]
    assert "fsync-off" not in ill.report(skip=["fsync-off"]).checked


def test_no_check_reads_the_whole_log() -> None:
    """What it reads of the log is ordered by position and limited, or stops at the first row."""
    for each in checks():
        text = _text(each.name) or ""
        for place in re.finditer(r"FROM runfold\.events\b(?!_)([^;]*)", text):
            behind = place[1]
            before = text[max(0, place.start() - 60) : place.start()]
            bounded = "LIMIT" in behind or "EXISTS" in before or "max(position)" in before
            assert bounded, (each.name, place[0][:80])


def test_the_look_at_the_last_events_is_bounded_in_a_long_log(ill: Ill) -> None:
    for n in range(3):
        ill.log.append(f"execution-{n}", *run(str(n)))
    plan = ill.connection.execute(
        "EXPLAIN (FORMAT JSON) " + doctor_checks.statement("doctor/large-events"),
        patient(ill.connection, load_settings(database_url=ill.url)).parameters,
    ).fetchone()
    assert plan is not None
    assert "'Node Type': 'Limit'" in str(plan)
    assert "Backward" in str(plan)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Name", HEADER),
        ("no-severity", "-- It is wrong.\n--\n-- see: concepts.md\n"),
        ("no-page", "-- It is wrong.\n--\n-- severity: error\n"),
        ("no-words", "-- severity: error\n-- see: concepts.md\n"),
        ("another-severity", HEADER.replace("error", "bad")),
    ],
)
def test_a_file_without_its_header_is_no_check(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"does not begin|is not a valid"):
        of_file(name, text)


def test_every_check_says_what_is_wrong_and_names_a_page_that_exists() -> None:
    root = Path(runfold.__file__).parents[2] / "docs"
    for each in checks():
        assert each.title.endswith("."), each.name
        assert (root / each.see.partition("#")[0]).is_file(), (each.name, each.see)
        assert isinstance(each.severity, Severity)
        assert not _IDIOM.search(f"{each.title} {each.why} {_remedies(each.name)}"), each.name


def _remedies(name: str) -> str:
    """The texts in a check's statement."""
    file = Path(runfold.health.__file__).parent / "sql" / "doctor" / f"{name}.sql"
    return " ".join(re.findall(r"'([^']*)'", file.read_text())) if file.is_file() else ""


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("backups_pkey", "('2026-01-01', 'again', now())"),
        ("backups_were_taken", "('2999-01-01', '', now())"),
        ("backups_label_is_short", "('2026-01-02', repeat('x', 201), now())"),
    ],
)
def test_a_mark_that_breaks_a_constraint_is_refused_by_its_name(ill: Ill, constraint: str, values: str) -> None:
    insert = "INSERT INTO runfold.backups (taken_at, label, noted_at) VALUES "
    ill.run(f"{insert}('2026-01-01', repeat('x', 200), '2026-01-01')")
    with pytest.raises(psycopg.IntegrityError) as refused:
        ill.run(insert + values)
    assert refused.value.diag.constraint_name == constraint

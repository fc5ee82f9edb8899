"""Every settled position is sealed once, in ranges that adjoin, in short steps that hold up nobody."""

from __future__ import annotations

import hashlib
import struct
import threading
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from tests.factories import append, call, line
from tests.fixtures.evidence import Evidence
from tests.seals.conftest import age, fill, go_to, roll_back, seal, tampering

Connection = psycopg.Connection[Any]
WIDTH = 10_000
PARTITION = 5_000_000


def one(connection: Connection, query: str, *parameters: Any) -> Any:
    row = connection.execute(query, parameters).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


def test_a_range_is_full_at_ten_thousand_positions_and_holes_are_sealed_too(connection: Connection) -> None:
    fill(connection, 1)
    roll_back(connection, 25_000)
    fill(connection, 1)
    assert seal(connection) == [(1, 10_000, 1), (10_001, 20_000, 0)]
    assert seal(connection, everything=True) == [(20_001, 25_002, 1)]
    assert one(connection, "SELECT count(*) FROM runfold.seals WHERE seal IS NULL OR range_digest IS NULL") == 0


def test_control_without_coalesce_the_chain_is_null_from_a_range_of_holes_on(connection: Connection) -> None:
    broken = one(connection, "SELECT pg_get_functiondef('runfold.range_digest'::regproc)").replace(
        "sha256(coalesce(string_agg(leaf, ''::bytea ORDER BY position), ''))",
        "sha256(string_agg(leaf, ''::bytea ORDER BY position))",
    )
    connection.execute(broken)
    fill(connection, 1)
    roll_back(connection, 25_000)
    fill(connection, 1)
    with pytest.raises(errors.NotNullViolation):
        seal(connection)


def test_a_range_that_is_not_full_is_sealed_a_minute_after_its_first_event(connection: Connection) -> None:
    fill(connection, 3)
    assert seal(connection) == []
    age(connection, 55)
    assert seal(connection) == []
    age(connection, 6)
    assert seal(connection) == [(1, 3, 3)]


def test_a_clock_that_was_set_back_keeps_no_range_open(connection: Connection) -> None:
    fill(connection, 3)
    age(connection, -3600)
    assert seal(connection) == [(1, 3, 3)]


def test_holes_alone_are_not_sealed_before_their_range_is_full(connection: Connection) -> None:
    go_to(connection, WIDTH)
    assert seal(connection, everything=True) == []
    roll_back(connection, 1)
    assert seal(connection) == [(1, WIDTH, 0)]


@pytest.mark.parametrize(
    ("first", "events", "ends"), [(9_999, 2, 10_000), (9_999, 3, 10_001), (10_000, 1, 10_000), (10_000, 40, 10_039)]
)
def test_a_range_ends_where_an_append_ends(connection: Connection, first: int, events: int, ends: int) -> None:
    go_to(connection, first)
    fill(connection, events)
    roll_back(connection, 5)
    assert seal(connection) == [(1, ends, events)]


def test_no_range_goes_beyond_a_partition_even_where_an_append_does(connection: Connection) -> None:
    go_to(connection, PARTITION - 1)
    fill(connection, 5)
    with tampering(connection):
        connection.execute(
            "INSERT INTO runfold.seals (first_position, last_position, events, range_digest, seal)"
            " VALUES (1, %s, 0, sha256(''), runfold.seal_of(NULL, 1, %s, 0, sha256('')))",
            (PARTITION - 100, PARTITION - 100),
        )
    assert seal(connection) == [(PARTITION - 99, PARTITION, 2)]
    assert seal(connection, everything=True) == [(PARTITION + 1, PARTITION + 3, 3)]


def test_what_is_not_settled_is_not_sealed(connection: Connection, database_url: str) -> None:
    fill(connection, 2)
    with psycopg.connect(database_url) as open_append:
        open_append.execute("SELECT FROM runfold.append_events(%s)", (call(append("log-2", [line()])),))
        fill(connection, 2, stream="log-3")
        assert seal(connection, everything=True) == [(1, 2, 2)]
    assert seal(connection, everything=True) == [(3, 5, 3)]


def test_a_stopped_group_and_one_that_is_behind_hold_no_seal_back(connection: Connection) -> None:
    fill(connection, 2)
    connection.execute(
        "INSERT INTO runfold.checkpoints (group_name, position) VALUES ('execution', 0)"
        " ON CONFLICT (group_name) DO UPDATE SET position = 0"
    )
    assert seal(connection, everything=True) == [(1, 2, 2)]


def test_two_that_seal_at_once_make_one_chain(connection: Connection, database_url: str) -> None:
    fill(connection, 1)
    roll_back(connection, 30 * WIDTH)
    together = threading.Barrier(4)

    def run() -> None:
        with psycopg.connect(database_url, autocommit=True) as own:
            together.wait()
            seal(own)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one(connection, "SELECT count(*) FROM runfold.seals") == 30
    assert chain_holds(connection)


def chain_holds(connection: Connection) -> bool:
    """Whether the ranges adjoin and each seal follows, computed without the product."""
    previous, position = b"", 0
    for first, last, events, digest, sealed in connection.execute(
        "SELECT first_position, last_position, events, range_digest, seal FROM runfold.seals ORDER BY first_position"
    ):
        expected = hashlib.sha256(previous + struct.pack(">qqq", first, last, events) + digest).digest()
        if first != position + 1 or sealed != expected:
            return False
        previous, position = sealed, last
    return True


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 40)),
        st.tuples(st.just("holes"), st.integers(1, 15_000)),
        st.tuples(st.just("seal"), st.booleans()),
    ),
    max_size=12,
)


def due(log: list[tuple[int, int]], head: int, position: int, *, everything: bool) -> tuple[int, int, int] | None:
    """The range that the rules say is next, by positions and the ends of their appends; none where none is due."""
    upto = position + WIDTH
    inside = [end for at, end in log if position < at <= min(upto, head)]
    if head < upto:
        if not (everything and inside):
            return None
        last = head
    else:
        last = max(upto, inside[-1]) if inside else upto
    return position + 1, last, sum(1 for at, _ in log if position < at <= last)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_ranges_are_those_of_the_rules_whatever_came_before(connection: Connection, steps: list[Any]) -> None:
    with tampering(connection):
        connection.execute(
            "TRUNCATE runfold.seals, runfold.seal_marks, runfold.events, runfold.streams, runfold.event_ids CASCADE"
        )
    connection.execute("SELECT setval('runfold.events_position', 1, false)")
    log: list[tuple[int, int]] = []
    head = sealed = 0
    for step, value in [*steps, ("seal", True)]:
        if step == "append":
            fill(connection, value)
            log += [(at, head + value) for at in range(head + 1, head + value + 1)]
            head += value
        elif step == "holes":
            go_to(connection, head + value + 1)
            head += value
        else:
            expected = []
            while (found := due(log, head, sealed, everything=value)) is not None:
                expected.append(found)
                sealed = found[1]
            assert seal(connection, everything=value) == expected
    assert chain_holds(connection)


def test_a_step_reads_one_range_however_long_the_log_is(connection: Connection, evidence: Evidence) -> None:
    for _ in range(3):
        fill(connection, 5_000)
    connection.execute("ANALYZE runfold.events")

    def touched() -> int:
        connection.execute("SELECT pg_stat_force_next_flush()")
        return int(
            one(
                connection,
                "SELECT sum(heap_blks_hit + heap_blks_read)::bigint FROM pg_statio_user_tables"
                " WHERE schemaname = 'runfold_partitions' AND relname LIKE 'events\\_%%'",
            )
        )

    blocks = int(
        one(
            connection,
            "SELECT sum(pg_relation_size(inhrelid)) / 8192 FROM pg_inherits"
            " WHERE inhparent = 'runfold.events'::regclass",
        )
    )
    before = touched()
    connection.execute("SELECT FROM runfold.seal_range(false)")
    read = touched() - before
    evidence.note(blocks=blocks, read=read)
    assert 0 < read < blocks


def test_no_link_is_added_to_a_broken_chain(connection: Connection) -> None:
    fill(connection, 1)
    seal(connection, everything=True)
    with tampering(connection):
        connection.execute("UPDATE runfold.seals SET events = 0")
    fill(connection, 1)
    with pytest.raises(psycopg.Error) as refused:
        seal(connection, everything=True)
    assert refused.value.sqlstate == "RF076"


SEALS = "INSERT INTO runfold.seals (first_position, last_position, events, range_digest, seal, format) VALUES "
BROKEN = {
    "seals_begin_at_one": SEALS + "(0, 1, 0, sha256(''), sha256(''), 1)",
    "seals_count_what_fits": SEALS + "(1, 1, 2, sha256(''), sha256(''), 1)",
    "digests_are_sha256": SEALS + "(1, 1, 1, '', sha256(''), 1)",
    "the_format_is_known": SEALS + "(1, 1, 1, sha256(''), sha256(''), 2)",
    "seals_pkey": SEALS + "(1, 1, 0, sha256(''), sha256(''), 1), (1, 2, 0, sha256(''), sha256(''), 1)",
    "seals_end_once": SEALS + "(1, 2, 0, sha256(''), sha256(''), 1), (2, 2, 0, sha256(''), sha256(''), 1)",
    "marks_belong_to_a_seal": "INSERT INTO runfold.seal_marks VALUES (7, '')",
    "marks_have_twelve_bytes": "INSERT INTO runfold.seal_marks VALUES (1, 'x')",
    "seal_marks_pkey": SEALS + "(1, 1, 0, sha256(''), sha256(''), 1);"
    " INSERT INTO runfold.seal_marks VALUES (1, ''), (1, '')",
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_constraint_is_met_by_name(connection: Connection, name: str) -> None:
    with pytest.raises(errors.IntegrityError) as refused, connection.transaction():
        connection.execute(BROKEN[name])  # type: ignore[call-overload]
    assert refused.value.diag.constraint_name == name


@pytest.mark.parametrize(
    "verb", ["UPDATE runfold.seals SET events = 0", "DELETE FROM runfold.seals", "TRUNCATE runfold.seals CASCADE"]
)
def test_seals_are_immutable_for_their_owner_too(connection: Connection, verb: str) -> None:
    fill(connection, 1)
    seal(connection, everything=True)
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(verb)  # type: ignore[call-overload]
    assert refused.value.sqlstate == "RF008"


@pytest.mark.parametrize(
    "role",
    [
        "runfold_engine",
        "runfold_projector",
        "runfold_operator",
        "runfold_reader",
        "service_role",
        "authenticated",
        "anon",
    ],
)
@pytest.mark.parametrize(
    "verb",
    [
        "INSERT INTO runfold.seals SELECT * FROM runfold.seals",
        "UPDATE runfold.seals SET events = 0",
        "DELETE FROM runfold.seals",
        "TRUNCATE runfold.seals",
        "DELETE FROM runfold.seal_marks",
        "UPDATE runfold.seal_marks SET marks = ''",
    ],
)
def test_no_role_writes_seals(connection: Connection, role: str, verb: str) -> None:
    fill(connection, 1)
    seal(connection, everything=True)
    connection.execute(f"SET ROLE {role}")  # type: ignore[call-overload]
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute(verb)  # type: ignore[call-overload]

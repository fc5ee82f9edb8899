"""Each constraint of the archive's tables refuses by its name."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

ROW = "('events-1-9.parquet', 1, 9, sha256('a'), 1, 9, sha256('b'), '1', {rest})"
INSERT = (
    "INSERT INTO runfold.archives (file, from_position, to_position, sha256, bytes, events, digest, schema_version,"
    " state, left_events, left_streams) VALUES "
)
POLICY = "INSERT INTO runfold.retention (kind, category, table_name, column_name) VALUES "
GOOD = INSERT + ROW.format(rest="'archived', 5, 2")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        (GOOD.replace("events-1-9", "other"), "archives_pkey"),
        (GOOD.replace(", 1, 9, sha", ", 11, 19, sha", 1), "archives_file_is_of_one_segment"),
        ("UPDATE runfold.archives SET file = 'a/b'", "archives_file_is_a_name"),
        ("UPDATE runfold.archives SET file = ''", "archives_file_is_a_name"),
        ("UPDATE runfold.archives SET from_position = 0", "archives_end_after_their_start"),
        ("UPDATE runfold.archives SET to_position = 0, events = 0, left_events = 0, left_streams = 0, state = ''",
         "archives_end_after_their_start"),
        ("UPDATE runfold.archives SET sha256 = '\\x00'", "archives_sha256_has_32_bytes"),
        ("UPDATE runfold.archives SET digest = '\\x00'", "archives_digest_has_32_bytes"),
        ("UPDATE runfold.archives SET bytes = 0", "archives_bytes_are_counted"),
        ("UPDATE runfold.archives SET events = 10", "archives_events_fit"),
        ("UPDATE runfold.archives SET state = 'gone', left_events = 0, left_streams = 0", "archives_state_is_known"),
        ("UPDATE runfold.archives SET left_events = 10", "archives_left_events_fit"),
        ("UPDATE runfold.archives SET left_streams = 6", "archives_left_streams_fit"),
        ("UPDATE runfold.archives SET state = 'restored'", "archives_say_what_left"),
        ("UPDATE runfold.archives SET left_events = 0, left_streams = 0", "archives_say_what_left"),
        ("UPDATE runfold.archives SET erased = '{}'", "archives_erased_is_an_array"),
        ("UPDATE runfold.streams SET archived_version = 1", "archived_streams_have_a_version"),
        ("UPDATE runfold.streams SET archived_at = now(), archived_version = 1", "archived_streams_have_a_digest"),
        (POLICY + "('archive', 'log', NULL, 'x')", "retention_pkey"),
        (POLICY + "('other', NULL, 'a', 'x')", "kind_is_known"),
        (POLICY + "('archive', 'b', 'a', 'x')", "tables_are_named"),
        (POLICY + "('table', 'log', 'a', 'x')", "archives_are_of_a_category"),
        (POLICY + "('archive', 'tenant', NULL, 'x')", "barriers_are_never_archived"),
        (POLICY + "('archive', 'deployment', NULL, 'x')", "barriers_are_never_archived"),
        (POLICY + "('archive', 'definition', NULL, 'x')", "barriers_are_never_archived"),
    ],
)  # fmt: skip
def test_each_constraint_refuses(connection: psycopg.Connection[Any], change: str, constraint: str) -> None:
    connection.execute(GOOD)  # type: ignore[arg-type]
    connection.execute("INSERT INTO runfold.streams (stream_id, version) VALUES ('log-1', 1)")
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        connection.execute(change.encode())
    assert refused.value.diag.constraint_name == constraint

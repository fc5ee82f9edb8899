"""A projection file keeps its contract or is refused by name; versions are never mixed in one table."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import pytest

import runfold
from runfold.errors import ProjectionInvalid, UnknownProjection
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.definition.contract import parse_projection
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import drain

HEADER = {
    "name": "mine",
    "version": "1",
    "group": "own",
    "table": "projections.mine",
    "key": "id",
    "stream_key": "id",
    "events": "ExecutionCreated",
}
BODY = "INSERT INTO mine (id) SELECT b.stream_id FROM batch b WHERE b.stream_id NOT IN (SELECT id FROM mine);"
TABLE = "CREATE TABLE projections.mine (id text PRIMARY KEY)"


def text(body: str = BODY, **changes: str | None) -> str:
    """Return a projection file; a field that is None is left out."""
    header = {**HEADER, **changes}
    return "".join(f"-- {name}: {value}\n" for name, value in header.items() if value is not None) + "\n" + body


def write(folder: Path, name: str, **changes: str | None) -> None:
    header = {"name": name, "table": f"projections.{name}", **changes}
    table = str(header["table"]).rpartition(".")[2]
    (folder / f"{name}.sql").write_text(text(BODY.replace("mine", table), **header))


def test_a_file_that_keeps_the_contract_is_read() -> None:
    found = parse_projection(
        text(
            f"-- a comment; with a semicolon\n{BODY}\n\n/* and */ delete FROM mine WHERE id = 'a;b';\n",
            key="id, name",
            events="ExecutionCreated,\n--   ExecutionStarted",
            reads="other",
        ),
        expected_name="mine",
    )
    assert (found.name, found.version, found.group, found.schema, found.table) == (
        "mine",
        1,
        "own",
        "projections",
        "mine",
    )
    assert found.key == ("id", "name")
    assert found.events == ("ExecutionCreated", "ExecutionStarted")
    assert found.reads == ("other",)
    assert not found.cross_stream
    assert len(found.statements) == 2
    assert "'a;b'" in found.statements[1].text


def test_a_statement_may_name_the_events_it_folds() -> None:
    found = parse_projection(
        text(f"-- events: ExecutionStarted\n{BODY}\n{BODY}", events="ExecutionCreated, ExecutionStarted"),
        expected_name="mine",
    )
    assert [statement.events for statement in found.statements] == [
        ("ExecutionStarted",),
        ("ExecutionCreated", "ExecutionStarted"),
    ]


REFUSED: dict[str, tuple[str, str]] = {
    "no header": (BODY, "the header lacks name, version, group, table, key, events"),
    **{f"no {name}": (text(**{name: None}), f"the header lacks {name}") for name in HEADER if name != "stream_key"},
    "an empty field": (text(events=""), "the header lacks events"),
    "an unknown field": (text(tabel="projections.mine"), "the header has no field 'tabel'"),
    "a field said twice": ("-- name: mine\n" + text(), "the header says name twice"),
    "another name than the file's": (text(name="yours"), "the header's name is 'yours', the file's 'mine'"),
    "a version that is no number": (text(version="one"), "version is a whole number from 1, not 'one'"),
    "version 0": (text(version="0"), "version is a whole number from 1, not '0'"),
    "a negative version": (text(version="-1"), "version is a whole number from 1, not '-1'"),
    "a table without its schema": (text(table="mine"), "table is schema.table in lower-case letters, not 'mine'"),
    "a table in capitals": (
        text(table="projections.Mine"),
        "table is schema.table in lower-case letters, not 'projections.Mine'",
    ),
    "a quoted table": (text(table='projections."mine"'), "table is schema.table in lower-case letters"),
    "a key that is no name": (text(key="id; DROP TABLE x"), "'id; DROP TABLE x' is not a name"),
    "a group that is no name": (text(group="My Group"), "'My Group' is not a name"),
    "an event that is no name": (text(events="Execution'Created"), '"Execution\'Created" is not an event type'),
    "the moves of what is no machine": (text(events="moves of table"), "'moves of table' names no events"),
    "another part of a machine": (text(events="starts of node"), "'starts of node' names no events: write `moves of`"),
    "neither stream_key nor cross_stream": (text(stream_key=None), "either a stream_key or cross_stream: true"),
    "both": (text(cross_stream="true"), "either a stream_key or cross_stream: true"),
    "cross_stream that is neither": (text(cross_stream="yes"), "cross_stream is true or false"),
    "a stream_key that is no name": (text(stream_key="id id"), "'id id' is not a name"),
    "a stream_column beside a stream_key": (text(stream_column="id"), "stream_column is for cross_stream: true"),
    "a stream_column that is no name": (
        text(stream_key=None, cross_stream="true", stream_column="id, x"),
        "'id, x' is not a name",
    ),
    "a query that there is not": (
        text(affected_by="everything"),
        "affected_by names the query everything",
    ),
    "a query for another field": (
        text(depends_on="workflows_of_executions"),
        "depends_on names the query workflows",
    ),
    "a repairing query": (text(copies="repair_workflow_copies"), "copies names the query repair_workflow_copies"),
    "two queries where there is one": (
        text(streams_of_row="streams_of_workflow, streams_of_response"),
        "streams_of_row names one query",
    ),
    "no statement": (text(""), "there is no statement below the header"),
    "only comments": (text("-- nothing\n/* at all */"), "there is no statement below the header"),
    "an event that the header lacks": (
        text(f"-- events: ExecutionStarted\n{BODY}"),
        "a statement folds ExecutionStarted, which is not one of the header's events",
    ),
    "an event that no statement folds": (
        text(f"-- events: ExecutionStarted\n{BODY}", events="ExecutionCreated, ExecutionStarted"),
        "no statement folds ExecutionCreated",
    ),
    "a COMMIT in one line": (text(f"DELETE FROM mine;COMMIT;{BODY}"), "a statement begins with COMMIT"),
    "a nameless parenthesis": (text("(SELECT 1);"), "a statement begins with ("),
    "a SELECT": (text("SELECT 1;"), "a statement begins with SELECT"),
    "a WITH in front": (text("WITH x AS (SELECT 1) INSERT INTO mine SELECT 1;"), "a statement begins with WITH"),
    "a COMMIT after": (text(f"{BODY} COMMIT;"), "a statement begins with COMMIT"),
    "a SET": (text("SET search_path = public;"), "a statement begins with SET"),
    "a COPY": (text("COPY mine TO PROGRAM 'x';"), "a statement begins with COPY"),
    "a TRUNCATE behind a comment": (text(f"{BODY}\n/* ; */ TRUNCATE mine;"), "a statement begins with TRUNCATE"),
}


def test_a_header_says_what_rows_depend_on() -> None:
    found = parse_projection(
        text(
            stream_key=None,
            cross_stream="true",
            stream_column="id",
            barriers_affect="executions_of_deleted_workflows, logs_of_deleted_workflows",
            affected_by="workflows_of_executions",
            depends_on="latest_executions",
            streams_of_row="streams_of_workflow",
        ),
        expected_name="mine",
    )
    assert (found.stream_key, found.stream_column) == (None, "id")
    assert found.barriers_affect == ("executions_of_deleted_workflows", "logs_of_deleted_workflows")
    assert (found.affected_by, found.depends_on) == (("workflows_of_executions",), ("latest_executions",))
    assert (found.streams_of_row, found.part_of, found.copies) == ("streams_of_workflow", None, None)
    assert parse_projection(text(), expected_name="mine").stream_column == "id"


def _constants(source: str) -> set[str]:
    return {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant) and node.value != ""}


def test_the_generic_code_names_no_table_and_no_group() -> None:
    catalogue = load_catalogue()
    named = {name for item in catalogue.projections for name in (item.name, item.table)} | set(catalogue.groups)
    package = Path(runfold.__file__).parent
    past = [package / "reading" / "past" / f"{name}.py" for name in ("affected", "reader", "search", "why")]
    for path in (*(package / "projections").rglob("*.py"), *(package / "worker").rglob("*.py"), *past):
        assert named.isdisjoint(_constants(path.read_text())), path
    # Control: where a table is named, it is found.
    assert _constants('if projection.name == "workflow_status": pass') & named == {"workflow_status"}


def test_a_header_may_name_the_moves_and_the_ends_of_a_machine() -> None:
    found = parse_projection(
        text(
            f"-- events: ends of execution\n{BODY}\n-- events: moves of pause\n{BODY}",
            events="ends of execution, moves of pause",
        ),
        expected_name="mine",
    )
    ends = (
        "ExecutionSucceeded",
        "ExecutionFailed",
        "ExecutionCanceled",
        "ExecutionTimedOut",
        "ExecutionDeclaredLost",
    )
    pauses = ("PauseOpened", "PauseResumed", "PauseTimedOut", "PauseCanceled")
    assert found.events == ends + pauses
    assert [statement.events for statement in found.statements] == [ends, pauses]


@pytest.mark.parametrize("why", REFUSED)
def test_a_file_that_breaks_the_contract_is_refused(why: str) -> None:
    broken, message = REFUSED[why]
    with pytest.raises(ProjectionInvalid) as refusal:
        parse_projection(broken, expected_name="mine")
    assert message in str(refusal.value)


def test_a_refusal_names_the_file_and_where_the_contract_is(tmp_path: Path) -> None:
    write(tmp_path, "mine", version="one")
    with pytest.raises(ProjectionInvalid, match=r"mine\.sql: version .*: see projections/README\.md"):
        load_catalogue(tmp_path)


def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_bytes(b"-- name: \xff\xfe")
    with pytest.raises(ProjectionInvalid, match=r"mine\.sql"):
        load_catalogue(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectionInvalid, match="no folder"):
        load_catalogue(tmp_path / "absent")


def test_who_reads_a_table_is_folded_after_it_and_who_reads_it_as_it_stood_before(tmp_path: Path) -> None:
    write(tmp_path, "a_last", reads="m_middle")
    write(tmp_path, "m_middle")
    write(tmp_path, "z_first", reads_before="m_middle")
    (group,) = [group for name, group in load_catalogue(tmp_path).groups.items() if name == "own"]
    assert [projection.name for projection in group.projections] == ["z_first", "m_middle", "a_last"]


def test_the_product_s_own_folds_are_in_an_order_that_keeps_foreign_keys() -> None:
    names = [projection.name for projection in load_catalogue().groups["execution"].projections]
    assert names.index("workflow_executions") < names.index("node_executions")
    assert names.index("workflow_executions") < names.index("workflow_execution_pauses")
    assert names.index("workflow_executions") < names.index("workflow_status")


def test_projections_that_read_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", reads="b")
    write(tmp_path, "b", reads="a")
    with pytest.raises(ProjectionInvalid, match="in a circle"):
        load_catalogue(tmp_path)


def test_a_table_of_another_group_can_not_be_read(tmp_path: Path) -> None:
    write(tmp_path, "mine", reads="workflow_executions")
    with pytest.raises(ProjectionInvalid, match="which is not a table of the group own"):
        load_catalogue(tmp_path)


def test_two_projections_can_not_have_one_name_or_one_table(tmp_path: Path) -> None:
    write(tmp_path, "workflow_executions")
    with pytest.raises(ProjectionInvalid, match="another projection 'workflow_executions'"):
        load_catalogue(tmp_path)
    (tmp_path / "workflow_executions.sql").unlink()
    write(tmp_path, "mine")
    write(tmp_path, "yours", table="projections.mine")
    with pytest.raises(ProjectionInvalid, match=r"projections\.mine"):
        load_catalogue(tmp_path)


def test_an_unknown_projection_is_told_what_there_is() -> None:
    with pytest.raises(UnknownProjection, match=r"choose one of .*workflow_executions"):
        load_catalogue().projection("executions")


# Versions


def test_a_new_version_waits_for_a_rebuild_and_the_others_go_on(log: Log, database_url: str, tmp_path: Path) -> None:
    log.connection.execute(TABLE)
    write(tmp_path, "mine")
    log.append("execution-a", *run("a"))
    assert drain(database_url, tmp_path) == {}
    write(tmp_path, "mine", version="2")
    log.append("execution-b", *run("b"))
    waiting = drain(database_url, tmp_path)
    assert waiting == {"own": "mine was built with version 1, its file is version 2: rebuild it"}
    assert log.connection.execute("SELECT id FROM projections.mine").fetchall() == [("execution-a",)]
    log.assert_folded()
    # The version it was built with folds on from where it stood.
    write(tmp_path, "mine", version="1")
    assert drain(database_url, tmp_path) == {}
    assert log.connection.execute("SELECT id FROM projections.mine ORDER BY 1").fetchall() == [
        ("execution-a",),
        ("execution-b",),
    ]


def test_a_table_that_is_new_in_a_group_that_stands_elsewhere_waits_for_a_rebuild(
    log: Log, database_url: str, tmp_path: Path
) -> None:
    log.connection.execute(TABLE)
    log.connection.execute("CREATE TABLE projections.yours (id text PRIMARY KEY)")
    write(tmp_path, "yours")
    log.append("execution-a", *run("a"))
    drain(database_url, tmp_path)
    write(tmp_path, "mine")
    waiting = drain(database_url, tmp_path)
    assert waiting == {"own": f"mine is new and the group is at position {log.events[-1].position}: rebuild it"}


def test_another_text_under_the_same_version_is_only_warned_of(
    log: Log, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log.connection.execute(TABLE)
    write(tmp_path, "mine")
    log.append("execution-a", *run("a"))
    drain(database_url, tmp_path)
    (tmp_path / "mine.sql").write_text(text() + "-- a remark\n")
    with caplog.at_level(logging.WARNING):
        assert drain(database_url, tmp_path) == {}
    assert "mine changed under the same version 1" in caplog.text

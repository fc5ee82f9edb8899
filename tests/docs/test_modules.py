"""The classes of SQLAlchemy and pydantic are the tables of a migrated database, and read and write them."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pydantic
import pytest
from sqlalchemy import Engine, create_engine, inspect, select
from sqlalchemy.orm import Session as Unit
from sqlalchemy.orm import configure_mappers

import runfold
from runfold import models, rows
from runfold.reference.catalog import read_catalog
from runfold.reference.modules import FOLDER, class_name, modules
from runfold.reference.pages import stale
from tests.cli.running import run as run_command

MAPPED = {mapper.local_table.fullname: mapper for mapper in models.Base.registry.mappers}  # type: ignore[attr-defined]


@pytest.fixture
def engine(database_url: str) -> Any:
    """An engine of SQLAlchemy on the test's database."""
    made = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    yield made
    made.dispose()


def folded(database_url: str) -> str:
    """Run one execution, fold it, and return its id."""
    with runfold.connect(database_url) as store:
        with store.executions.create(workflow_id=uuid4(), mode="MANUAL") as run:
            with run.node("fetch", node_type="ACTION") as node:
                node.succeed({"rows": 3})
            run.succeed()
        assert run_command(database_url, "worker", "--once").returncode == 0
        return run.execution_id


def test_the_modules_are_not_stale(connection: psycopg.Connection[Any]) -> None:
    assert not stale(modules(read_catalog(connection)), FOLDER), "run `python -m runfold.reference --write`"


def test_control_a_stale_module_is_noticed(connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    for name, text in modules(read_catalog(connection)).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    connection.execute("ALTER TABLE public.sessions ADD COLUMN more integer")
    assert stale(modules(read_catalog(connection)), tmp_path) == ["models.py", "rows.py"]


def test_a_type_without_a_class_is_refused(connection: psycopg.Connection[Any]) -> None:
    connection.execute("ALTER TABLE public.sessions ADD COLUMN place point")
    with pytest.raises(KeyError, match="point"):
        modules(read_catalog(connection))


def test_every_mapper_is_complete_and_nothing_is_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configure_mappers()


def test_the_classes_have_the_columns_types_and_keys_that_sqlalchemy_finds_itself(engine: Engine) -> None:
    found = inspect(engine)
    partitions = partitions_of(engine)
    assert {f"public.{name}" for name in found.get_table_names("public")} - partitions == MAPPED.keys()
    for name, mapper in MAPPED.items():
        table = mapper.local_table
        reflected = {one["name"]: one for one in found.get_columns(table.name, "public")}
        assert list(reflected) == [one.name for one in table.columns], name
        for column in table.columns:
            there = reflected[column.name]
            assert (column.nullable, type_name(column.type, engine)) == (
                there["nullable"],
                type_name(there["type"], engine),
            ), column
        key = found.get_pk_constraint(table.name, "public")["constrained_columns"]
        assert {one.name for one in table.primary_key} == set(key), name


def partitions_of(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        statement = (
            "SELECT 'public.' || relname FROM pg_class WHERE relispartition AND relnamespace = 'public'::regnamespace"
        )
        return {row[0] for row in connection.exec_driver_sql(statement)}


def type_name(kind: Any, engine: Engine) -> str:
    """The type without the order of its texts, which decides how they are sorted and not what they are."""
    return str(kind.compile(engine.dialect)).partition(" COLLATE")[0]


def test_a_user_reads_what_the_worker_folded_and_follows_its_keys(database_url: str, engine: Engine) -> None:
    execution_id = folded(database_url)
    with Unit(engine) as unit:
        node_row = unit.scalars(select(models.NodeExecution)).one()
        assert (node_row.execution.execution_id, node_row.execution.status) == (execution_id, "SUCCESS")
        assert node_row.output_data == {"rows": 3}


def test_a_user_writes_a_workflow_and_gets_the_values_that_the_database_gave(engine: Engine) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    with Unit(engine) as unit, unit.begin():
        made = models.Workflow(name="nightly", workflow_data={"nodes": []}, created_at=now, updated_at=now)
        unit.add(made)
        unit.flush()
        assert (made.version, made.active, made.tags) == ("1.0.0", True, None)
        unit.add(
            models.Node(workflow_id=made.id, node_id="a", name="A", node_type="ACTION", node_subtype="HTTP_REQUEST")
        )
    with Unit(engine) as unit:
        node = unit.scalars(select(models.Node)).one()
        assert node.workflow is not None
        assert node.workflow.name == "nightly"


def test_every_table_and_view_has_a_row_that_takes_what_the_database_returns(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    folded(database_url)
    seen = set()
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        for relation in read_catalog(connection).relations:
            if relation.schema == "public":
                row = getattr(rows, f"{class_name(relation.name)}Row")
                for found in cursor.execute(f"SELECT * FROM public.{relation.name}").fetchall():  # type: ignore[call-overload]
                    assert row.model_validate(found).model_dump() == found
                    seen.add(relation.name)
    assert {"workflow_executions", "node_executions", "execution_outputs"} <= seen


def test_a_row_says_which_column_is_missing_or_wrong() -> None:
    with pytest.raises(pydantic.ValidationError, match="user_id"):
        rows.SessionRow.model_validate({"id": uuid4(), "user_id": "not a uuid"})

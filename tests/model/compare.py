"""Compare read tables of the model and of the database, value by value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from runfold.reading.past.reader import Past
from tests.model.tables import COLUMNS, JSON_COLUMNS, Row, Table

MOST_LINES = 40

_WHERE: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "workflow_executions": ("public", ("id",), "last_event_position"),
    "node_executions": ("public", ("id",), "last_event_position"),
    "workflow_execution_pauses": ("public", ("id",), "last_event_position"),
    "workflow_execution_logs": ("public", ("id",), "last_event_position"),
    "model_calls": ("public", ("id",), "last_event_position"),
    "workflow_status": ("public", ("workflow_id",), "last_event_position"),
    "human_interactions": ("public", ("id",), "last_event_position"),
    "hil_responses": ("public", ("id",), "last_event_position"),
    "workflow_deployment_history": ("public", ("id",), "last_event_position"),
    "trigger_index": ("public", ("id",), "last_event_position"),
    "anomalies": ("runfold", ("position", "projection"), "position"),
}
"""Each table's schema, key, and the column that says which event wrote the row last."""


class _JsonNull:
    """A JSON null where SQL's NULL is expected."""

    def __repr__(self) -> str:
        return "the JSON value null, not NULL"


_JSON_NULL = _JsonNull()


def assert_tables_equal(expected: Mapping[str, Table], actual: Mapping[str, Table]) -> None:
    """Fail naming each table, row and column that differs, with both values.

    JSON is compared by its jsonb image: 1 differs from 1.0, 1e2 equals 100, and the order of keys does not count.
    """
    lines = differences(expected, actual)
    if lines:
        shown = lines[:MOST_LINES]
        if len(lines) > MOST_LINES:
            shown.append(f"… and {len(lines) - MOST_LINES} more")
        raise AssertionError("the tables differ:\n" + "\n".join(shown))


def differences(expected: Mapping[str, Table], actual: Mapping[str, Table]) -> list[str]:
    """Return the differences, one line each: a table, a row, or a column."""
    lines = [f"{name}: expected a table" for name in expected if name not in actual]
    lines += [f"{name}: expected no such table" for name in actual if name not in expected]
    for name in expected:
        if name not in actual:
            continue
        for key in sorted(expected[name].keys() | actual[name].keys(), key=str):
            where = f"{name}[{_key(key)}]"
            if key not in actual[name]:
                lines.append(f"{where}: expected {_row(expected[name][key])}, there is no such row")
            elif key not in expected[name]:
                lines.append(f"{where}: expected no such row, there is {_row(actual[name][key])}")
            else:
                lines += _columns(where, expected[name][key], actual[name][key])
    return lines


def read_tables(connection: psycopg.Connection[Any], after: int = 0) -> dict[str, dict[Any, Row]]:
    """Return the rows that events after this position wrote, in the model's shape, with any settings of the session."""
    tables: dict[str, dict[Any, Row]] = {}
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        cursor.execute("SET LOCAL DateStyle = 'ISO'")
        set_json_loads(_loads, cursor)
        for name, (schema, key, position) in _WHERE.items():
            cursor.execute(
                sql.SQL("SELECT {} FROM {} WHERE {} > %s").format(
                    sql.SQL(", ").join(map(sql.Identifier, COLUMNS[name])),
                    sql.Identifier(schema, name),
                    sql.Identifier(position),
                ),
                (after,),
            )
            tables[name] = {_key_of(row, key): row for row in cursor}
    return tables


def read_past(
    connection: psycopg.Connection[Any], past: Past, names: Iterable[str] = tuple(_WHERE)
) -> dict[str, dict[Any, Row]]:
    """Return tables as a reader of the past on this connection shows them, in the model's shape."""
    set_json_loads(_loads, connection)
    tables: dict[str, dict[Any, Row]] = {}
    for name in names:
        key = _WHERE[name][1]
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, COLUMNS[name])), sql.Identifier(name)
        )
        tables[name] = {_key_of(row, key): row for row in past.execute(query, row_factory=dict_row)}
    return tables


def jsonb_image(value: Any) -> str:
    """Return the text of the value in jsonb, which is equal exactly if jsonb prints the same (keys sorted by us)."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {jsonb_image(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(jsonb_image(item) for item in value) + "]"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return format(number if number else abs(number), "f")  # numeric has no exponent and no negative zero


def _columns(where: str, expected: Row, actual: Row) -> list[str]:
    lines = []
    for column in sorted(expected.keys() | actual.keys()):
        if column not in actual or column not in expected:
            lines.append(f"{where}.{column}: only {'expected' if column in expected else 'there'}")
        elif not _same(column, expected[column], actual[column]):
            lines.append(f"{where}.{column}: expected {_show(expected[column])}, there is {_show(actual[column])}")
    return lines


def _same(column: str, expected: Any, actual: Any) -> bool:
    if expected is None or actual is None or _JSON_NULL in (expected, actual):
        return expected is actual
    if column in JSON_COLUMNS:
        return jsonb_image(expected) == jsonb_image(actual)
    return type(expected) is type(actual) and bool(expected == actual)


def _loads(text: str | bytes) -> Any:
    value = json.loads(text, parse_float=Decimal)
    return _JSON_NULL if value is None else value


def _key_of(row: Row, key: tuple[str, ...]) -> Any:
    return row[key[0]] if len(key) == 1 else tuple(row[column] for column in key)


def _key(key: Any) -> str:
    return ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _row(row: Row) -> str:
    return "{" + ", ".join(f"{column}: {_show(value)}" for column, value in row.items() if value is not None) + "}"


def _show(value: Any) -> str:
    return jsonb_image(value) if isinstance(value, dict | list) else repr(value)

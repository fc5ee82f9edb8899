"""Every table, column and index that the specification names is in a migrated database, or has a reason not to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from runfold.reference.catalog import Catalog, read_catalog
from runfold.reference.specification import DIFFERENT, SPECIFIED, Named


def missing(catalog: Catalog, specified: Mapping[str, Named] = SPECIFIED) -> list[str]:
    """Return what the specification names and the public schema does not have."""
    tables = {one.name: one for one in catalog.relations if one.schema == "public"}
    found = []
    for name, named in specified.items():
        if name not in tables:
            found.append(name)
            continue
        columns = {one.name for one in catalog.columns_of(tables[name])}
        indexes = {one.name for one in catalog.rules_of(tables[name], "index")}
        found += [f"{name}.{column}" for column in sorted(named.columns - columns)]
        found += sorted(named.indexes - indexes - DIFFERENT.keys())
    return found


def test_nothing_that_the_specification_names_is_missing(connection: psycopg.Connection[Any]) -> None:
    assert len(SPECIFIED) == 28
    assert missing(read_catalog(connection)) == []


def test_control_a_table_a_column_and_an_index_that_are_missing_are_found(connection: psycopg.Connection[Any]) -> None:
    connection.execute("ALTER TABLE public.graph_nodes RENAME TO nodes_of_graphs")
    connection.execute("ALTER TABLE public.workflows RENAME COLUMN icon_url TO icon")
    connection.execute("DROP INDEX public.idx_nodes_type")
    assert missing(read_catalog(connection)) == ["workflows.icon_url", "idx_nodes_type", "graph_nodes"]


def test_no_reason_is_given_for_an_index_that_exists(connection: psycopg.Connection[Any]) -> None:
    catalog = read_catalog(connection)
    assert {one.name for one in catalog.rules if one.kind == "index"}.isdisjoint(DIFFERENT)
    assert DIFFERENT.keys() <= {index for named in SPECIFIED.values() for index in named.indexes}

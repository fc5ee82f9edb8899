"""Generate docs/reference/read-tables.md from the catalogue of a migrated database and the projections' headers."""

from __future__ import annotations

from collections.abc import Iterator

from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.definition.contract import Projection
from runfold.reference.catalog import Catalog, Relation
from runfold.reference.markdown import code, expression, page, table
from runfold.reference.specification import SPECIFIED

_INTRODUCTION = """
The tables into which runfold folds the log, by group; the tables of a group advance together, in one transaction. Only
the worker writes them. `ours` marks the columns and indexes that runfold adds to the specification of these tables; the
others have the specification's names. Times in `bigint` are epoch milliseconds.

Every read table has `user_id`, the tenant of its stream, and `last_event_position`, the last event that changed the
row.
"""


def tables_page(catalog: Catalog, projections: Catalogue) -> str:
    """Return the page."""
    lines: list[str] = []
    by_name = {(one.schema, one.name): one for one in catalog.relations}
    folded: set[tuple[str, str]] = set()
    for group in projections.groups.values():
        lines += [f"## Group {group.name}", ""]
        for projection in sorted(group.projections, key=lambda one: one.table):
            found = by_name.get((projection.schema, projection.table))
            if projection.schema == "public" and found is not None:
                folded.add((found.schema, found.name))
                lines += _read_table(catalog, found, projection, group)
    rest = [one for one in catalog.relations if (one.schema, one.name) not in folded]
    for title, about, chosen in (
        ("Views", "", [one for one in rest if one.schema == "public" and one.kind == "view"]),
        (
            "What users edit",
            "Users edit these tables. Columns that `workflows` shares with `workflow_status` are kept equal to it.",
            [one for one in rest if one.schema == "public" and one.kind == "table"],
        ),
        ("The log and runfold's own tables", "The schema runfold.", [one for one in rest if one.schema == "runfold"]),
    ):
        lines += [f"## {title}", ""]
        if about:
            lines += [about, ""]
        for relation in chosen:
            lines += _other(catalog, relation)
    return page("Read tables", _INTRODUCTION, lines)


def _described(relation: Relation) -> Iterator[str]:
    yield from (relation.comment or "", "")


def _read_table(catalog: Catalog, relation: Relation, projection: Projection, group: Group) -> Iterator[str]:
    yield from (f"### {relation.name}", "")
    yield from _described(relation)
    reads = ", ".join((*projection.reads, *projection.reads_before))
    yield f"Projection {code(projection.name)}, version {projection.version}, group {group.name}."
    yield f"Key: {', '.join(map(code, projection.key))}." + (f" Reads {reads}." if reads else "")
    yield from (f"Read by {', '.join(map(code, relation.select_grants))}.", "")
    specified = SPECIFIED.get(relation.name)
    yield from table(
        ["column", "type", "null", "default", "ours", ""],
        [
            (
                code(one.name),
                one.type,
                "yes" if one.nullable else "",
                code(expression(one.default)) if one.default is not None else "",
                "" if specified and one.name in specified.columns else "ours",
                one.comment or "",
            )
            for one in catalog.columns_of(relation)
        ],
    )
    yield from table(
        ["index", "on", "ours"],
        [
            (
                code(one.name),
                code(expression(one.definition)),
                "" if specified and one.name in specified.indexes else "ours",
            )
            for one in catalog.rules_of(relation, "index")
        ],
    )
    yield from table(
        ["constraint", "condition"],
        [(code(one.name), code(expression(one.definition))) for one in catalog.rules_of(relation, "constraint")],
    )


def _other(catalog: Catalog, relation: Relation) -> Iterator[str]:
    name = relation.name if relation.schema == "public" else f"{relation.schema}.{relation.name}"
    yield from (f"### {name}", "")
    yield from _described(relation)
    yield from table(
        ["column", "type", "null", ""],
        [
            (code(one.name), one.type, "yes" if one.nullable and relation.kind == "table" else "", one.comment or "")
            for one in catalog.columns_of(relation)
        ],
    )

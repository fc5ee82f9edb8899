"""Reconcile: compare a read table with its shadow, whole rows, and make it the same by writing only what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection, header_query
from runfold.projections.reconciling.archived import archived_head, rows_in_log
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

_SIDES = ("live", "shadow")


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not what the log says.

    `columns` maps each differing column to (in the table, in the log), as text.
    """

    key: dict[str, Any]
    kind: str
    columns: dict[str, tuple[str | None, str | None]]


@dataclass(slots=True)
class Reconciled:
    """What was done to one table, or would be, and what differed."""

    projection: str
    group: str
    position: int
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass(slots=True)
class Written:
    """How many rows were written to make a table what the log says."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.inserted + self.updated + self.deleted


class Pair:
    """A live table and its shadow, the table of the same name in another schema.

    `suspects` are keys of rows that may differ, in a temporary table of the session, made by `make_suspects`. Rows of
    archived streams are on neither side, unless `archived` says that the shadow is folded with what is archived.
    """

    def __init__(
        self, cursor: psycopg.Cursor[Any], projection: Projection, shadow_schema: str, *, archived: bool = False
    ) -> None:
        self.projection = projection
        self.leaves_out_archived = not archived and archived_head(cursor) > 0
        within = rows_in_log(projection) if self.leaves_out_archived else None
        live = sql.Identifier(projection.schema, projection.table)
        name = {"table": live.as_string(cursor)}
        described = cursor.execute(statement("table_columns"), name).fetchall()
        self.columns = [column for column, _, _ in described]
        self._types = {column: kind for column, kind, _ in described}
        self._written = [column for column, _, computed in described if not computed]
        uniques = cursor.execute(statement("table_uniques"), name).fetchall()
        self._uniques = sorted({tuple(columns) for (columns,) in uniques if set(columns) != set(projection.key)})
        self._key = projection.key
        self._missing = self._surplus = self._different = 0
        self.suspects = f"suspects {projection.name}"[:63]
        keys = range(len(self._key))
        self._names: dict[str, sql.Composable] = {
            "live": live,
            "shadow": (shadow := sql.Identifier(shadow_schema, projection.table)),
            "live_seen": _seen(projection, live, within),
            "shadow_seen": _seen(projection, shadow, within),
            "shadow_in_order": _seen(projection, shadow, within, "ctid, t.*"),
            "suspects": sql.Identifier("pg_temp", self.suspects),
            "found": sql.Identifier("pg_temp", f"found {projection.name}"[:63]),
            "renamed": sql.Identifier("pg_temp", f"renamed {projection.name}"[:63]),
            "numbered": sql.Identifier("pg_temp", f"numbered {projection.name}"[:63]),
            "compared": sql.Identifier("pg_temp", f"compared {projection.name}"[:63]),
            "one": sql.Identifier(self._key[0]),
            "key_columns": _listed(sql.SQL("live.{} AS {}").format(_id(self._key[n]), _k(n)) for n in keys),
            "either_key": _listed(
                sql.SQL("coalesce(live.{}, folded.{}) AS {}").format(_id(name), _id(name), _k(n))
                for n, name in enumerate(self._key)
            ),
            "key_pairs": _listed(
                sql.SQL("{}, coalesce(live.{}, folded.{})").format(sql.Literal(name), _id(name), _id(name))
                for name in self._key
            ),
            "same_key": _and(sql.SQL("live.{} = folded.{}").format(_id(name), _id(name)) for name in self._key),
            "live_is_suspect": self._key_is("live", "s"),
            "shadow_is_suspect": self._key_is("folded", "s"),
            "live_is_surplus": self._key_is("live", "x"),
            "surplus_keys": _listed(sql.SQL("x.{} AS {}").format(_k(n), _k(n)) for n in keys),
            "missing_keys": _listed(sql.SQL("s.{} AS {}").format(_k(n), _m(n)) for n in keys),
            "live_is_renamed": self._key_is("live", "s"),
            "shadow_is_renamed": _and(
                sql.SQL("folded.{} = s.{}").format(_id(name), _m(n)) for n, name in enumerate(self._key)
            ),
            "found_is_surplus": _and(sql.SQL("s.{} = r.{}").format(_k(n), _k(n)) for n in keys),
            "found_is_missing": _and(sql.SQL("s.{} = r.{}").format(_k(n), _m(n)) for n in keys),
            "assignments": _listed(sql.SQL("{} = folded.{}").format(_id(name), _id(name)) for name in self._written),
            "written": _listed(map(_id, self._written)),
            "folded_columns": _listed(sql.SQL("folded.{}").format(_id(name)) for name in self._written),
            "differing_columns": _listed(
                sql.SQL("CASE WHEN ROW(live.{})::record *<> ROW(folded.{})::record THEN {} END").format(
                    _id(name), _id(name), sql.Literal(name)
                )
                for name in self.columns
            ),
        }

    @property
    def temporary(self) -> list[str]:
        """The names of the session's temporary tables that it makes."""
        return [self.suspects, f"found {self.projection.name}"[:63], f"renamed {self.projection.name}"[:63]]

    @property
    def key_list(self) -> str:
        """The key's columns as SQL, for the trigger that notes what is touched."""
        return ", ".join('"' + name.replace('"', '""') + '"' for name in self._key)

    def copy_rows(self, cursor: psycopg.Cursor[Any], source_schema: str) -> None:
        """Append the rows of the table of that name in another schema to the shadow."""
        cursor.execute(
            sql.SQL("INSERT INTO {} ({written}) SELECT {written} FROM {}").format(
                self._names["shadow"],
                sql.Identifier(source_schema, self.projection.table),
                written=self._names["written"],
            )
        )

    def index_shadow(self, cursor: psycopg.Cursor[Any]) -> None:
        """Give the shadow the table's key and unique indexes, and statistics."""
        for columns in (self._key, *self._uniques):
            cursor.execute(
                sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(self._names["shadow"], _listed(map(_id, columns)))
            )
        cursor.execute(sql.SQL("ANALYZE {}").format(self._names["shadow"]))

    def make_suspects(self, cursor: psycopg.Cursor[Any]) -> None:
        """Make the session's empty table of suspects."""
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self._names["suspects"]))
        cursor.execute(self._query("make_suspects"))

    def suspect_all(self, cursor: psycopg.Cursor[Any]) -> None:
        """Suspect every row that differs now; in a transaction, for whose rest joins are not planned as merges.

        A merge would read both tables in the order of their keys, row by row at random places.
        """
        cursor.execute("SET LOCAL enable_mergejoin = off")
        cursor.execute(self._query("compare_all"))
        cursor.execute(self._query("suspect_all"))

    def suspect_written(self, cursor: psycopg.Cursor[Any], xmin: int) -> None:
        """Suspect every live row that a transaction from this one on wrote."""
        cursor.execute(self._query("suspect_written"), {"xmin": xmin % 2**32})

    def suspect_streams(
        self, cursor: psycopg.Cursor[Any], column: str, values: Sequence[str], *, sides: Sequence[str] = _SIDES
    ) -> None:
        """Suspect every row, live or shadow, whose column that names the stream holds one of these values."""
        if not (typed := self._typed(column, values)):
            return
        for rows in sides:
            query = self._query("suspect_streams", rows=self._names[rows], of_streams=self._of_streams("live", column))
            cursor.execute(query, {"values": typed})

    def number_missing(self, cursor: psycopg.Cursor[Any]) -> int:
        """Number the suspects that the table lacks, in a temporary table of the session; returns how many there are."""
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self._names["numbered"]))
        cursor.execute(self._query("number_missing"))
        missing = cursor.rowcount
        cursor.execute(sql.SQL("CREATE INDEX ON {} (number)").format(self._names["numbered"]))
        return missing

    def insert_numbered(self, cursor: psycopg.Cursor[Any], after: int, upto: int) -> int:
        """Insert the rows of these numbers that can be inserted as they are; returns how many."""
        cursor.execute(self._query("insert_numbered"), {"after": after, "upto": upto})
        return cursor.rowcount

    def find(self, cursor: psycopg.Cursor[Any]) -> int:
        """Keep, to the end of the transaction, the suspects that differ now; returns how many."""
        # Few suspects are looked up by their key, and not whole tables hashed for them, where it is known how few.
        cursor.execute(sql.SQL("ANALYZE {}").format(self._names["suspects"]))
        cursor.execute(self._query("found"))
        cursor.execute(sql.SQL("ANALYZE {}").format(self._names["found"]))
        cursor.execute(self._query("found_kinds"))
        self._missing, self._surplus, self._different = cursor.fetchone() or (0, 0, 0)
        return self._missing + self._surplus + self._different

    def delete(self, cursor: psycopg.Cursor[Any]) -> Written:
        """Delete what `find` found to be surplus; but a row that only has another's key gets its own back."""
        written = Written()
        if not self._surplus:
            return written
        for columns in self._uniques if self._missing else ():
            same = _and(sql.SQL("live.{} = folded.{}").format(_id(name), _id(name)) for name in columns)
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self._names["renamed"]))
            cursor.execute(self._query("renamed", same_unique=same))
            if cursor.rowcount:
                cursor.execute(self._query("write_renamed"))
                written.updated += cursor.rowcount
                cursor.execute(self._query("forget_renamed"))
        cursor.execute(self._query("delete_surplus"))
        written.deleted = cursor.rowcount
        return written

    def write(self, cursor: psycopg.Cursor[Any]) -> Written:
        """Update what `find` found to be different, and insert what is missing."""
        written = Written()
        if self._different:
            cursor.execute(self._query("update_different"))
            written.updated = cursor.rowcount
        if self._missing:
            cursor.execute(self._query("insert_missing"))
            written.inserted = cursor.rowcount
        return written

    def differences(
        self,
        cursor: psycopg.Cursor[Any],
        *,
        limit: int | None,
        found: bool = False,
        column: str | None = None,
        values: Sequence[str] = (),
        by_key: bool = False,
    ) -> Iterator[tuple[Difference, int]]:
        """Each row that differs, by key, and how many there are (0 without a limit: then they are not counted).

        All rows are looked at, or those that `find` found, or those whose `column` that names the stream holds one of
        `values`; with `by_key` also live rows with the key of such a row, whatever their column holds.
        """
        rows: dict[str, sql.Composable] = {}
        parameters: dict[str, Any] = {}
        for side in ("live", "shadow"):
            if found:
                restricted = "SELECT t.* FROM {} AS t JOIN {} AS s ON {}"
                rows[f"{side}_rows"] = sql.SQL(f"({restricted})").format(
                    self._names[f"{side}_seen"], self._names["found"], self._key_is("t", "s")
                )
            elif column is not None:
                named = sql.SQL("SELECT t.* FROM {} AS t WHERE {}").format(
                    self._names[f"{side}_seen"], self._of_streams("t", column)
                )
                if by_key and side == "live":
                    named += sql.SQL(
                        " UNION ALL SELECT live.* FROM {live_seen} AS live JOIN {shadow} AS folded ON {same_key}"
                        " WHERE {folded} AND ({held}) IS NOT TRUE"
                    ).format(
                        **self._names, folded=self._of_streams("folded", column), held=self._of_streams("live", column)
                    )
                rows[f"{side}_rows"] = sql.SQL("({})").format(named)
                parameters["values"] = self._typed(column, values)
            else:
                rows[f"{side}_rows"] = self._names[f"{side}_seen"]
        query = self._query("differences", counted=sql.SQL("0" if limit is None else "count(*) OVER ()"), **rows)
        if limit is not None:
            query += sql.SQL(" LIMIT {}").format(sql.Literal(limit))
        if limit is None:
            # All of them may be many: they are fetched in parts.
            rows_of = _in_parts(cursor, query, parameters)
        else:
            rows_of = iter(cursor.execute(query, parameters or None).fetchall())
        for key, kind, pairs, count in rows_of:
            columns = {name: tuple(pair) for name, pair in (pairs or {}).items()} if kind == "different" else {}
            yield Difference(key, kind, columns), count

    def count(self, cursor: psycopg.Cursor[Any], column: str | None = None, values: Sequence[str] = ()) -> int:
        """How many rows the live table has, or those whose `column` that names the stream holds one of `values`."""
        query = sql.SQL("SELECT count(*) FROM {} AS live").format(self._names["live_seen"])
        if column is None:
            cursor.execute(query)
        else:
            query += sql.SQL(" WHERE ") + self._of_streams("live", column)
            cursor.execute(query, {"values": self._typed(column, values)})
        (count,) = cursor.fetchone() or (0,)
        return int(count)

    def count_archived(self, cursor: psycopg.Cursor[Any]) -> int:
        """How many rows of the live table belong to archived streams, and are left out."""
        if not self.leaves_out_archived or self.projection.stream_column is None:
            return 0
        query = sql.SQL("SELECT count(*) FROM {} AS t WHERE NOT ({})").format(
            self._names["live"], rows_in_log(self.projection)
        )
        (count,) = cursor.execute(query).fetchone() or (0,)
        return int(count)

    def _query(self, name: str, **more: sql.Composable) -> sql.Composed:
        return sql.SQL(statement(name)).format(**{**self._names, **more})

    def _key_is(self, table: str, suspects: str) -> sql.Composable:
        return _and(
            sql.SQL("{}.{} = {}.{}").format(_id(table), _id(name), _id(suspects), _k(n))
            for n, name in enumerate(self._key)
        )

    def _of_streams(self, table: str, column: str) -> sql.Composable:
        kind = self._types[column]
        if kind == "uuid":
            return sql.SQL("{}.{} = ANY (%(values)s::uuid[])").format(_id(table), _id(column))
        if kind in ("text", "character varying"):
            return sql.SQL("{}.{} = ANY (%(values)s::text[])").format(_id(table), _id(column))
        return sql.SQL("{}.{}::text = ANY (%(values)s::text[])").format(_id(table), _id(column))

    def _typed(self, column: str, values: Iterable[str]) -> list[str]:
        return list(filter(is_uuid, values)) if self._types[column] == "uuid" else list(values)


def write_differences(cursor: psycopg.Cursor[Any], pairs: Sequence[Pair]) -> dict[str, Written]:
    """Write what `find` found: delete children first, insert parents first. The pairs are ordered parents first."""
    written = {pair.projection.name: pair.delete(cursor) for pair in reversed(pairs)}
    for pair in pairs:
        more, done = pair.write(cursor), written[pair.projection.name]
        done.inserted += more.inserted
        done.updated += more.updated
    return written


def repair_copies(cursor: psycopg.Cursor[Any], projections: Iterable[Projection]) -> None:
    """Note what other tables copy from these, where it differs: it is copied after this transaction."""
    for query in dict.fromkeys(projection.copies for projection in projections):
        if query is None:
            continue
        stale = sorted({row[0] for row in cursor.execute(header_query(query)).fetchall()})
        if stale:
            cursor.execute(header_query(f"repair_{query}"), {"keys": stale})


def repair_counts(cursor: psycopg.Cursor[Any], projections: Iterable[Projection]) -> None:
    """Count the rows of these again where their counts differ; folds wait while that is done."""
    for query in dict.fromkeys(projection.counts for projection in projections):
        if query is not None and cursor.execute(header_query(query)).fetchone() is not None:
            cursor.execute(header_query(f"repair_{query}"))


def stream_values(stream_ids: Iterable[str]) -> list[str]:
    """What the column that names the stream holds for these: the id, the name in it, or the id of its row."""
    from runfold.events.row_id import row_id  # and with it every model of an event, which a fold in SQL does without

    found: list[str] = []
    for stream_id in stream_ids:
        category, _, name = stream_id.partition("-")
        found += [stream_id, name, str(row_id(stream_id, category, name))]
    return found


def parents_first(cursor: psycopg.Cursor[Any], projections: Sequence[Projection]) -> list[Projection]:
    """The projections so ordered that a table comes after those that its foreign keys refer to."""
    order: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(len(projections)), ()))
    for child, parent in foreign_keys(cursor, projections):
        order.add(child, parent)
    try:
        return [projections[n] for n in order.static_order()]
    except CycleError:
        return list(projections)


def tied_together(cursor: psycopg.Cursor[Any], group: Group, names: Iterable[str]) -> list[Projection]:
    """The named projections of a group and those that foreign keys tie to them, either way, in fold order."""
    found = {n for n, projection in enumerate(group.projections) if projection.name in set(names)}
    keys = foreign_keys(cursor, group.projections)
    while more := {n for pair in keys if not found.isdisjoint(pair) for n in pair} - found:
        found |= more
    return [projection for n, projection in enumerate(group.projections) if n in found]


def foreign_keys(cursor: psycopg.Cursor[Any], projections: Sequence[Projection]) -> set[tuple[int, int]]:
    """Which of the tables refer to which, by their places in the list."""
    tables = [sql.Identifier(item.schema, item.table).as_string(cursor) for item in projections]
    rows = cursor.execute(statement("foreign_keys"), {"tables": tables}).fetchall()
    return {(child - 1, parent - 1) for child, parent in rows}


def _in_parts(
    cursor: psycopg.Cursor[Any], query: sql.Composed, parameters: Mapping[str, Any]
) -> Iterator[tuple[Any, ...]]:
    with cursor.connection.cursor("runfold_differences") as parts:
        yield from parts.execute(query, parameters or None)


def is_uuid(value: str) -> bool:
    """Whether a text is a UUID."""
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def _seen(
    projection: Projection, table: sql.Identifier, within: sql.Composable | None, columns: LiteralString = "t.*"
) -> sql.Composable:
    """The rows of a table that are `within` the log and have not expired, by the cutoff at the moment of the statement.

    A landing executes its statements under the lock of the checkpoint, which whoever moves the cutoff takes: it sees
    the last one. What lies below is neither missing nor surplus, on either side, and nothing writes it again.
    """
    conditions = [within] if within is not None else []
    if projection.expires is not None:
        conditions.append(
            sql.SQL("t.{} >= (SELECT runfold.cutoff_of({}))").format(
                _id(projection.expires), sql.Literal(f"{projection.schema}.{projection.table}")
            )
        )
    if not conditions:
        return table
    return sql.SQL("(SELECT {} FROM {} AS t WHERE {})").format(sql.SQL(columns), table, _and(conditions))


def _id(name: str) -> sql.Identifier:
    return sql.Identifier(name)


def _k(n: int) -> sql.Identifier:
    return sql.Identifier(f"k{n}")


def _m(n: int) -> sql.Identifier:
    return sql.Identifier(f"m{n}")


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _and(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(" AND ").join(parts)

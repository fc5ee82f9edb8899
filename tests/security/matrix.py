"""Every table × verb × stranger: what each says to somebody whose rows these are not. Generated from the catalogue.

Each check returns what is wrong, as text; a new table is in all of them without a line of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import errors, sql

from tests.security.samples import Maker, Row, inserting, named

ALICE, BOB = UUID(int=0xA11CE, version=4), UUID(int=0xB0B, version=4)

TABLES = """
    SELECT CASE WHEN c.relnamespace = 'public'::regnamespace THEN c.relname::text
                ELSE format('%I.%I', c.relnamespace::regnamespace::text, c.relname) END,
           EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped),
           EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid
                      AND (0::oid = ANY (p.polroles) OR 'authenticated'::regrole = ANY (p.polroles)))
      FROM pg_class c
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND c.relnamespace::regnamespace::text !~ '^pg_|^information_schema$|^auth$|^supabase'
     ORDER BY 1
"""

KEYS = """
    SELECT i.indexrelid::regclass::text,
           ARRAY(SELECT a.attname::text FROM unnest(i.indkey::smallint[]) AS k (n)
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n)
      FROM pg_index i
     WHERE i.indrelid = %s::regclass AND i.indisunique AND 0 <> ALL (i.indkey::smallint[])
    UNION ALL
    SELECT c.conname::text, ARRAY(SELECT a.attname::text FROM unnest(c.conkey) AS k (n)
                              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n)
      FROM pg_constraint c
     WHERE c.contype = 'f' AND c.conrelid = %s::regclass AND c.conparentid = 0
     ORDER BY 1
"""

COLUMNS_FOR = """
    SELECT a.attname::text FROM pg_attribute a
     WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
       AND a.attgenerated = '' AND a.attidentity = ''
       AND has_column_privilege('authenticated', a.attrelid, a.attnum, %s)
     ORDER BY a.attnum
"""


@dataclass(frozen=True)
class Stranger:
    """Somebody who asks: a role, with the claims of a user or without any."""

    role: str
    user: UUID | None

    def enter(self, connection: psycopg.Connection[Any]) -> None:
        claims = json.dumps({"sub": str(self.user), "role": self.role}) if self.user else ""
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims,))
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(self.role)))


STRANGERS = {
    "another tenant": Stranger("authenticated", BOB),
    "anon": Stranger("anon", None),
    "anon with claims": Stranger("anon", BOB),
    "no claims": Stranger("authenticated", None),
}


@dataclass(frozen=True)
class Table:
    """A table of the database; `tenants` have rows of their own in it, `shown` is whether a policy names them."""

    name: str
    tenants: bool
    shown: bool


class Matrix:
    """A database with rows of two tenants, and of nobody where there may be, in every table that tenants could see."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.maker = Maker(connection)
        self.tables = [Table(*row) for row in connection.execute(TABLES).fetchall()]
        self.guarded = [table for table in self.tables if table.shown]
        for user in (ALICE, BOB):
            connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (user,))
        self.nobodys: set[str] = set()
        for table in self.guarded:
            for user in (ALICE, BOB) if table.tenants else (None,):
                self.maker.row_of(table.name, user)
            if table.tenants:
                try:
                    with connection.transaction():
                        self.maker.row_of(table.name, None)
                    self.nobodys.add(table.name)
                except errors.NotNullViolation:
                    pass

    # -- as somebody -------------------------------------------------------------------------------------------------

    @contextmanager
    def as_(self, stranger: Stranger) -> Iterator[psycopg.Connection[Any]]:
        """Be somebody until the end of the block, whose changes are undone."""
        with self.connection.transaction(force_rollback=True):
            stranger.enter(self.connection)
            yield self.connection

    def outcome(self, stranger: Stranger, statement: sql.Composed, values: Any = ()) -> tuple[str, str, int]:
        """Run a statement; return SQLSTATE, message and number of rows. Nothing of it stays."""
        try:
            with self.as_(stranger) as connection:
                if statement.as_string(connection).endswith(" FROM STDIN"):
                    with connection.cursor().copy(statement):
                        return "00000", "", 0
                return "00000", "", connection.execute(statement, values).rowcount
        except psycopg.Error as error:
            return error.sqlstate or "?", str(error.diag.message_primary), 0

    def columns(self, table: str, privilege: str) -> list[str]:
        return [name for (name,) in self.connection.execute(COLUMNS_FOR, (table, privilege)).fetchall()]

    def others(self, table: Table, user: UUID | None) -> list[Any]:
        """The rows that are not the user's, each with its version: any change of them shows."""
        rows = sql.SQL("SELECT tableoid, ctid, xmin, t::text FROM {} t {} ORDER BY 1, 2").format(
            named(table.name),
            sql.SQL("WHERE user_id IS DISTINCT FROM %s" if table.tenants else "WHERE %s::text IS DISTINCT FROM ''"),
        )
        return self.connection.execute(rows, (user,)).fetchall()

    # -- reading -------------------------------------------------------------------------------------------------------

    def reading(self, stranger: Stranger) -> list[str]:
        """SELECT and COPY TO show a tenant its own rows, and nobody else's; who is no tenant sees nothing."""
        wrong = []
        for table in self.tables:
            seen = self._seen(stranger, table)
            if not table.shown or stranger.role == "anon":
                expected: Any = None
            elif not table.tenants:
                expected = seen or []  # a registry: everybody reads it
            else:
                own = [] if stranger.user is None else [stranger.user]
                expected = [row for row in self._all_users(table) if row in own]
            if seen != expected:
                wrong.append(f"{table.name}: sees {seen}, not {expected}")
        return wrong

    def _all_users(self, table: Table) -> list[Any]:
        return [
            user for (user,) in self.connection.execute(sql.SQL("SELECT user_id FROM {}").format(named(table.name)))
        ]

    def _seen(self, stranger: Stranger, table: Table) -> list[Any] | None:
        """The users of the rows that somebody sees, by both ways of reading; None where it may not look."""
        column = "user_id" if table.tenants else (self.columns(table.name, "SELECT") or ["ctid"])[0]
        query = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), named(table.name))
        found: list[Any] = []
        for way in (query, sql.SQL("COPY ({}) TO STDOUT").format(query)):
            try:
                with self.as_(stranger) as connection:
                    if way is query:
                        found.append([value for (value,) in connection.execute(way)])
                    else:
                        with connection.cursor().copy(way) as copied:
                            found.append(len(list(copied)))
            except errors.InsufficientPrivilege:
                found.append(None)
        rows, copied_rows = found
        assert (None if rows is None else len(rows)) == copied_rows, f"{table.name}: COPY shows {copied_rows}"
        return rows if rows is None or isinstance(rows, list) else None

    # -- writing -------------------------------------------------------------------------------------------------------

    def writing(self, stranger: Stranger, verb: str) -> list[str]:
        """No statement of a stranger's changes a row that is not its own, or makes one."""
        wrong = []
        for table in self.tables:
            for label, statement, values in WRITES[verb](self, table):
                before = self.others(table, stranger.user)
                said = "00000"
                try:
                    with self.as_(stranger) as connection:
                        if statement.as_string(connection).endswith(" FROM STDIN"):
                            with connection.cursor().copy(statement) as copy:
                                copy.write_row(values)
                        else:
                            connection.execute(statement, values)
                        connection.execute("RESET ROLE")
                        if self.others(table, stranger.user) != before:
                            wrong.append(f"{table.name}: {label} changes rows of others")
                except (errors.InsufficientPrivilege, *ALLOWED.get(verb, ())) as error:
                    said = error.sqlstate or "?"
                except psycopg.Error as error:
                    wrong.append(f"{table.name}: {label} says {error.sqlstate} {error}")
                    continue
                if said == "00000" and (verb in ("INSERT", "TRUNCATE") or stranger.role == "anon" or not table.shown):
                    wrong.append(f"{table.name}: {label} is allowed")
        return wrong

    # -- existence -----------------------------------------------------------------------------------------------------

    def existence(self) -> list[str]:
        """A value that another tenant's row has, and one that no row has, get the same answer in every key."""
        bob, wrong = STRANGERS["another tenant"], []
        for table in self.guarded:
            if not table.tenants:
                continue
            taken, free = self.maker.row_of(table.name, ALICE), self._unheard_of(table.name)
            for key, columns in self.connection.execute(KEYS, (table.name, table.name)).fetchall():
                own = [column for column in columns if column != "user_id"]
                if not own:
                    continue
                for way in (self._insert, self._update):
                    answers = [way(bob, table, {name: row[name] for name in own}) for row in (taken, free)]
                    if answers[0] != answers[1]:
                        wrong.append(f"{table.name}: {way.__name__} by {key} says {answers[0]} or {answers[1]}")
        return wrong

    def _unheard_of(self, table: str) -> Row:
        """Values of every column that no row has."""
        new = {**self.maker.row_of(table, ALICE)}
        for name, value in new.items():
            match value:
                case UUID():
                    new[name] = uuid4()
                case str():
                    new[name] = uuid4().hex[: max(len(value), 8)]
                case int() if not isinstance(value, bool):
                    new[name] = value + 1000
                case _:
                    pass
        return new

    def _insert(self, stranger: Stranger, table: Table, key: Row) -> tuple[str, str]:
        """What an INSERT of a row of its own says, but with this key."""
        may = self.columns(table.name, "INSERT")
        new = self.maker.new(table.name, stranger.user) | key
        given = {name: value for name, value in new.items() if name in may or name in key}
        return self._said(stranger, inserting(table.name, list(given)), list(given.values()), key)

    def _update(self, stranger: Stranger, table: Table, key: Row) -> tuple[str, str]:
        """What an UPDATE of its own row to this key says."""
        changes = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in key)
        statement = sql.SQL("UPDATE {} SET {}").format(named(table.name), changes)
        return self._said(stranger, statement, list(key.values()), key)

    def _said(self, stranger: Stranger, statement: sql.Composed, values: list[Any], key: Row) -> tuple[str, str]:
        state, message, _ = self.outcome(stranger, statement, values)
        for value in key.values():
            message = message.replace(str(value), "…")
        return state, message


Tried = Iterator[tuple[str, sql.Composed, Any]]


def _of(matrix: Matrix, table: Table, user: UUID | None) -> Row:
    """The values of a new row of a user's, as far as tenants may give them."""
    may = matrix.columns(table.name, "INSERT")
    return {name: value for name, value in matrix.maker.new(table.name, user).items() if name in may}


def _inserts(matrix: Matrix, table: Table) -> Tried:
    if not table.shown:
        yield "INSERT", inserting(table.name, []), None
        return
    for user in (ALICE, None) if table.name in matrix.nobodys else (ALICE if table.tenants else None,):
        values = _of(matrix, table, user)
        yield f"INSERT for {user}", inserting(table.name, list(values)), list(values.values()) or None


def _first(matrix: Matrix, table: Table) -> sql.Identifier:
    names = (
        matrix.columns(table.name, "UPDATE")
        or matrix.connection.execute(
            "SELECT min(attname::text) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND attidentity = '' AND attgenerated = '' AND NOT attisdropped",
            (table.name,),
        ).fetchone()
    )
    assert names
    return sql.Identifier(names[0])


def _updates(matrix: Matrix, table: Table) -> Tried:
    column = _first(matrix, table)
    yield "UPDATE", sql.SQL("UPDATE {} SET {} = {}").format(named(table.name), column, column), None
    if table.tenants and table.shown and (may := matrix.columns(table.name, "UPDATE")) and "user_id" in may:
        # A row of its own is given to another: that one did not ask for it.
        yield "UPDATE of user_id", sql.SQL("UPDATE {} SET user_id = %s").format(named(table.name)), (ALICE,)


def _deletes(_matrix: Matrix, table: Table) -> Tried:
    yield "DELETE", sql.SQL("DELETE FROM {}").format(named(table.name)), None


def _truncates(_matrix: Matrix, table: Table) -> Tried:
    # Without the privilege the foreign keys to the table are not looked at.
    for way in ("TRUNCATE {}", "TRUNCATE {} CASCADE"):
        yield way, sql.SQL(way).format(named(table.name)), None


def _merges(matrix: Matrix, table: Table) -> Tried:
    into = sql.SQL("MERGE INTO {} AS t USING (SELECT 1) AS s ON {} ")
    column = _first(matrix, table)
    yield (
        "MERGE that updates",
        into.format(named(table.name), sql.SQL("true"))
        + sql.SQL("WHEN MATCHED THEN UPDATE SET {} = t.{}").format(column, column),
        None,
    )
    yield (
        "MERGE that deletes",
        into.format(named(table.name), sql.SQL("true")) + sql.SQL("WHEN MATCHED THEN DELETE"),
        None,
    )
    values = _of(matrix, table, ALICE) if table.shown and table.tenants else {}
    if values:
        yield (
            "MERGE that inserts",
            into.format(named(table.name), sql.SQL("false"))
            + sql.SQL("WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})").format(
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(sql.Placeholder() * len(values)),
            ),
            list(values.values()),
        )


def _copies(matrix: Matrix, table: Table) -> Tried:
    values = _of(matrix, table, ALICE) if table.shown and table.tenants else {}
    columns = sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, values))) if values else sql.SQL("")
    yield "COPY", sql.SQL("COPY {}{} FROM STDIN").format(named(table.name), columns), list(values.values())


WRITES: dict[str, Callable[[Matrix, Table], Tried]] = {
    "INSERT": _inserts,
    "UPDATE": _updates,
    "DELETE": _deletes,
    "MERGE": _merges,
    "COPY": _copies,
    "TRUNCATE": _truncates,
}
# Besides 42501. COPY FROM is not there under row security at all.
ALLOWED: dict[str, tuple[type[psycopg.Error], ...]] = {"COPY": (errors.FeatureNotSupported,)}

"""Write a migration from the differences between a migrated database and one that was made from the sources.

Functions, indexes, triggers, comments, grants, generated rows and new columns that may be NULL are written completely.
A person has to decide about other changes of a table with a user's rows: the file names them, with a statement to start
from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runfold.database.compatibility import declaration
from runfold.database.sources.catalogue import Catalogue, DatabaseObject, Key, SeededTable
from runfold.database.sources.files import Sources, literal

_FUNCTIONS = ("function", "aggregate")
# The kinds of objects that PostgreSQL can create again without changing a row.
_RECREATED = ("index", "trigger", "policy")
# A migration that waits for a lock holds up everybody behind it: it fails instead, and is tried again.
LIMITS = "SET LOCAL lock_timeout = '2s';\nSET LOCAL statement_timeout = '10min';"
_TAKES_AWAY = re.compile(r"DROP (FUNCTION|ROUTINE|AGGREGATE|TABLE|VIEW|TYPE)\b|REVOKE|DELETE")
_SAY_SINCE = (
    "-- by hand: it takes away or changes something; if engines of the release before do without it, name its version\n"
    "-- in the line `compatible from`"
)
_GRANTED = ("table", "view", "column", "sequence", "schema", "type")


@dataclass(frozen=True, slots=True)
class Migration:
    """The statements that make a migrated database equal to the sources, as far as they are known."""

    statements: tuple[str, ...]
    by_hand: tuple[str, ...]

    @property
    def only_adds(self) -> bool:
        """Whether processes of the release before find everything that they call and write as they know it."""
        return not self.by_hand and not any(_TAKES_AWAY.match(each) for each in self.statements)

    def text(self, version: str, compatible_from: str) -> str:
        """Return the text of the file with this version, without its stamp.

        `compatible_from` is that of the migration before: one that only adds hands it on.
        """
        since = declaration(compatible_from if self.only_adds else version)
        notes = [f"-- by hand: {note}" for note in self.by_hand]
        if not self.only_adds:
            notes.insert(0, _SAY_SINCE)
        return "\n\n".join(["-- migrate:up", since, LIMITS, *notes, *self.statements, "-- migrate:down"]) + "\n"

    def __bool__(self) -> bool:
        return bool(self.statements or self.by_hand)


def migration_between(migrated: Catalogue, made: Catalogue, sources: Sources) -> Migration:
    """Return the migration from a migrated database to the one that was made from these sources."""
    return _Difference(migrated.objects, made.objects, sources).migration(migrated.tables, made.tables)


class _Difference:
    """The objects of two databases, and the sources of the second one."""

    def __init__(self, old: Mapping[Key, DatabaseObject], new: Mapping[Key, DatabaseObject], sources: Sources) -> None:
        self._old, self._new, self._sources = old, new, sources
        relations = {each.name for key, each in new.items() if key not in old and each.relation == each.name}
        self._new_tables = [table for table in sources.tables if table.creates and table.creates <= relations]
        self._new_relations = {name for table in self._new_tables for name in table.creates}
        self._by_hand: list[str] = []

    def migration(self, old: Mapping[str, SeededTable], new: Mapping[str, SeededTable]) -> Migration:
        statements = [*self._relations(), *self._new_columns(), *self._recreated(drop=True)]
        statements += [
            line for name in sorted(old.keys() | new.keys()) for line in self._rows(old.get(name), new.get(name))
        ]
        statements += [*self._functions(), *self._recreated(drop=False), *self._after_functions()]
        statements += [*self._gone_functions(), *self._comments_and_grants()]
        self._name_the_rest()
        return Migration(tuple(statements), tuple(self._by_hand))

    def _is_written_whole(self, each: DatabaseObject) -> bool:
        return each.relation in self._new_relations or each.kind in _FUNCTIONS

    def _relations(self) -> Iterator[str]:
        for table in self._new_tables:
            yield table.text.strip()

    def _new_columns(self) -> Iterator[str]:
        for key, each in self._new.items():
            if self._is_new_column(key, each):
                table, _, name = each.name.rpartition(".")
                yield f"ALTER TABLE {table} ADD COLUMN {name} {each.definition};"
                if each.comment is not None:
                    yield f"COMMENT ON COLUMN {each.name} IS {literal(each.comment)};"

    def _is_new_column(self, key: Key, each: DatabaseObject) -> bool:
        """Return whether a column is new and every row can have NULL in it, so that no row is rewritten."""
        is_new = each.kind == "column" and key not in self._old and not each.copied and not self._is_written_whole(each)
        return is_new and not re.search(r"\b(NOT NULL|DEFAULT|GENERATED)\b", each.definition)

    def _after_functions(self) -> Iterator[str]:
        for table in self._new_tables:
            if text := table.after_functions.strip():
                yield text

    def _recreated(self, *, drop: bool) -> Iterator[str]:
        for key in sorted(self._old.keys() | self._new.keys()):
            before, after = self._old.get(key), self._new.get(key)
            each = after or before
            assert each is not None
            if each.kind not in _RECREATED or each.copied or self._is_written_whole(each):
                continue
            if before and after and before.definition == after.definition:
                continue
            if drop and before:
                yield f"DROP {each.kind.upper()} {each.name};"
            elif not drop and after:
                yield self._sources.table_of(after.relation).statement(after.kind, after.name)

    def _functions(self) -> Iterator[str]:
        for function in self._sources.functions:
            key = (function.kind.lower(), f"{function.schema}.{function.name}")
            before, after = self._old.get(key), self._new[key]
            if before is None:
                yield function.statements()
            elif before.definition != after.definition:
                if _signature(before) == _signature(after) and after.kind == "function":
                    yield function.statements(replace=True)
                else:
                    yield function.drop_statement()
                    yield function.statements()
            else:
                if before.comment != after.comment:
                    yield function.comment_statement()
                if before.grants != after.grants:
                    yield "\n".join(function.grant_statements())

    def _gone_functions(self) -> Iterator[str]:
        for key, each in self._old.items():
            if each.kind in _FUNCTIONS and key not in self._new:
                yield f"DROP ROUTINE {each.name};"

    def _rows(self, old: SeededTable | None, new: SeededTable | None) -> Iterator[str]:
        table = new or old
        assert table is not None
        generated = self._sources.rows.get(table.name)
        if table.name in self._new_relations:
            if generated is not None:
                yield generated.strip()
            return
        before, after = old.rows if old else {}, new.rows if new else {}
        if generated is None:
            if before != after:  # an operator may have changed them
                self._by_hand.append(f"rows of {table.name} are {list(before.values())}, become {list(after.values())}")
            return
        for key, row in before.items():
            if key not in after:
                yield f"DELETE FROM {table.name} WHERE {_condition(table, row)};"
            elif row != after[key]:
                changed = {name: value for name, value in after[key].items() if row.get(name) != value}
                values = ", ".join(f"{name} = {_constant(value)}" for name, value in changed.items())
                yield f"UPDATE {table.name} SET {values} WHERE {_condition(table, row)};"
        yield from (_insert(table, row) for key, row in after.items() if key not in before)

    def _comments_and_grants(self) -> Iterator[str]:
        for key, after in self._new.items():
            before = self._old.get(key)
            if self._is_written_whole(after) or (before is None and after.kind not in _RECREATED):
                continue
            if before is not None and after.kind not in _GRANTED:
                if before.grants != after.grants:
                    self._by_hand.append(f"{after.kind} {after.name} for {before.grants} becomes for {after.grants}")
                before = replace(before, grants=after.grants)
            if after.comment != (before.comment if before else None):
                yield f"COMMENT ON {after.kind.upper()} {after.name} IS {literal(after.comment)};"
            if before is not None:
                yield from _grants(before, after)

    def _name_the_rest(self) -> None:
        for key in sorted(self._old.keys() | self._new.keys()):
            before, after = self._old.get(key), self._new.get(key)
            each = after or before
            assert each is not None
            if each.copied or self._is_written_whole(each) or each.kind in _RECREATED or self._is_new_column(key, each):
                continue
            if before is None or after is None or before.definition != after.definition:
                self._by_hand.append(self._note(before, after))

    def _note(self, before: DatabaseObject | None, after: DatabaseObject | None) -> str:
        each = after or before
        assert each is not None
        said = [repr(one.definition) if one else "absent" for one in (before, after)]
        note = f"{each.kind} {each.name} is {said[0]}, becomes {said[1]}"
        if each.kind == "column":
            table, _, name = each.name.rpartition(".")
            if before is None:
                return f"{note}\n-- ALTER TABLE {table} ADD COLUMN {name} {each.definition};"
            if after is None:
                return f"{note}\n-- ALTER TABLE {table} DROP COLUMN {name};"
        if each.kind == "constraint":
            name, _, table = each.name.partition(" on ")
            parts = [f"DROP CONSTRAINT {name}"] if before else []
            parts += [f"ADD {self._sources.table_of(each.relation).constraint(name)}"] if after else []
            return f"{note}\n-- ALTER TABLE {table} {', '.join(parts)};"
        return note


def _signature(each: DatabaseObject) -> str:
    """Return the part of a definition that CREATE OR REPLACE cannot change: arguments and result."""
    return each.definition.partition("\n LANGUAGE ")[0]


def _grants(before: DatabaseObject, after: DatabaseObject) -> Iterator[str]:
    for role in sorted(before.grants.keys() | after.grants.keys()):
        had, has = set(before.grants.get(role, [])), set(after.grants.get(role, []))
        target = f"{after.kind.upper()} {after.name}"
        columns = ""
        if after.kind == "column":
            table, _, column = after.name.rpartition(".")
            target, columns = table, f" ({column})"
        elif after.kind == "view":
            target = after.name
        if withdrawn := sorted(had - has):
            yield f"REVOKE {', '.join(may + columns for may in withdrawn)} ON {target} FROM {role};"
        if granted := sorted(has - had):
            yield f"GRANT {', '.join(may + columns for may in granted)} ON {target} TO {role};"


def _constant(value: Any) -> str:
    if isinstance(value, dict):
        return literal(json.dumps(value))
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]::text[]"
    return literal(value)


def _condition(table: SeededTable, row: Mapping[str, Any]) -> str:
    return " AND ".join(f"{name} = {_constant(row[name])}" for name in table.key)


def _insert(table: SeededTable, row: Mapping[str, Any]) -> str:
    given = {name: value for name, value in row.items() if value is not None}
    values = ", ".join(map(_constant, given.values()))
    return f"INSERT INTO {table.name} ({', '.join(given)}) VALUES ({values});"

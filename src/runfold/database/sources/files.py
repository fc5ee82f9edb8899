"""Read the files of `schema/` as statements, in an order in which each comes after those that it needs.

`schema/vectors/` is a schema of its own in the same form: what only a database with pgvector gets.

A table's file may have a line `-- after the functions`: triggers and calls follow it, because they need functions.

A function's file has one `CREATE FUNCTION` under a header. The first paragraph of the header is the function's comment
in the catalogue, and its line `-- grant: engine, operator` names the roles that may call it (`nobody` for the owner
only). Names are not overloaded, so the name alone identifies a function, and its signature is written once.

What a file of `tables/` makes in `public` is withdrawn, before the file grants it, from those to whom a platform grants
new tables there by default: `_closed`.

A line `-- step: name` in a function's body is replaced with `schema/steps/name.sql`, which two functions share where a
call would cost too much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import TypeVar

from runfold.errors import MigrationFailed
from runfold.settings import migrations_dir

_AFTER_FUNCTIONS = "\n-- after the functions\n"
_CREATED = re.compile(r"^CREATE (?:UNLOGGED )?(?:TABLE|TYPE|VIEW|SEQUENCE) (\w+\.\w+)", re.MULTILINE)
_PUBLIC = re.compile(r"^CREATE (?:UNLOGGED )?(?:TABLE|VIEW) (public\.\w+)", re.MULTILINE)
_NEEDED = re.compile(r"\b(?:REFERENCES|PARTITION OF|FROM|JOIN)\s+((?:public|runfold)\.\w+)")
_FUNCTION = re.compile(r"^CREATE (FUNCTION|AGGREGATE) (runfold|public)\.(\w+)", re.MULTILINE)
_CALLED = re.compile(r"\brunfold\.(\w+)\(")
_REMARK = re.compile(r"--[^\n]*")
_STEP = re.compile(r"^( *)-- step: (\w+)$", re.MULTILINE)
_GRANT = re.compile(r"^-- grant: (.+)$", re.MULTILINE)
_ROLES = {
    "engine": "runfold_engine",
    "projector": "runfold_projector",
    "operator": "runfold_operator",
    "projections": "runfold_projections",
    "scheduler": "runfold_scheduler",
    "agent": "runfold_agent",
    "reader": "runfold_reader",
    "gateway": "runfold_gateway",
    "anon": "anon",
    "authenticated": "authenticated",
    "service_role": "service_role",
}


def literal(value: object) -> str:
    """Write a constant as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Table:
    """A file of `schema/tables/`: a table or a type, with its indexes, comments, grants and triggers."""

    name: str
    text: str
    after_functions: str

    @property
    def creates(self) -> frozenset[str]:
        """The relations and types that the file creates, with their schemas."""
        return frozenset(_CREATED.findall(self.text))

    @property
    def needs(self) -> frozenset[str]:
        """The relations that must exist before."""
        return frozenset(_NEEDED.findall(_REMARK.sub("", self.text))) - self.creates

    def statement(self, kind: str, name: str) -> str:
        """Return the statement that creates an index, a trigger or a policy, as in the file.

        The name is the catalogue's: `public.idx_nodes_type`, `deletion_is_appended on public.workflows`.
        """
        own, _, relation = name.rpartition(" on ")
        own = re.escape(own or relation.rpartition(".")[2])
        # Policies have the same name on each table of a file; a trigger names its table after its events.
        on = rf" ON {re.escape(relation)}" if kind == "policy" else ""
        found = re.search(
            rf"^CREATE (?:\w+ )?{kind.upper()} {own}{on}(?!\w)[^;]*;", self.text + self.after_functions, re.MULTILINE
        )
        if found is None:
            raise MigrationFailed(f"tables/{self.name}.sql has no {kind} {name}", hint="write its statement there")
        return found[0]

    def constraint(self, name: str) -> str:
        """Return a constraint's text in the statement that creates the table; empty if it has no name there."""
        _, found, rest = self.text.partition(f"CONSTRAINT {name} ")
        depth = 0
        for end, character in enumerate(rest):
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth < 0 or (depth == 0 and character == ","):
                return found + " ".join(rest[:end].split())
        return ""


@dataclass(frozen=True, slots=True)
class Function:
    """A file with a function or an aggregate of the schema runfold, or with a function of public."""

    name: str
    schema: str
    kind: str
    create: str
    comment: str
    roles: tuple[str, ...]

    @property
    def calls(self) -> frozenset[str]:
        """The names of the functions of runfold that its text calls."""
        return frozenset(_CALLED.findall(_REMARK.sub("", self.create))) - {self.name}

    def statements(self, *, replace: bool = False) -> str:
        """Return the statements that create, or `replace`, the function with its comment and its grants."""
        create = self.create.replace("CREATE ", "CREATE OR REPLACE ", 1) if replace else self.create
        return "\n".join([create, self.comment_statement(), *self.grant_statements(withdraw=replace)])

    def comment_statement(self) -> str:
        """Return the statement of its comment."""
        return f"COMMENT ON {self._routine} IS\n    {literal(self.comment)};"

    def grant_statements(self, *, withdraw: bool = True) -> Iterator[str]:
        """Return the statements of its grants; `withdraw` first revokes all grants."""
        withdrawn = [role for role in _ROLES.values() if withdraw and role not in self.roles]
        yield f"REVOKE ALL ON {self._routine} FROM {', '.join(['PUBLIC', *withdrawn])};"
        if self.roles:
            yield f"GRANT EXECUTE ON {self._routine} TO {', '.join(self.roles)};"

    def drop_statement(self) -> str:
        """Return the statement that drops it."""
        return f"DROP {self._routine};"

    @property
    def _routine(self) -> str:
        # Without arguments: the name is unique. Only ROUTINE finds an aggregate so.
        return f"{'FUNCTION' if self.kind == 'FUNCTION' else 'ROUTINE'} {self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources, each kind in an order in which it can be created."""

    roles: str
    tables: tuple[Table, ...]
    rows: Mapping[str, str]  # table -> the statement that fills it
    functions: tuple[Function, ...]
    publications: str

    def table_of(self, relation: str | None) -> Table:
        """Return the file that creates a relation."""
        for table in self.tables:
            if relation in table.creates:
                return table
        raise MigrationFailed(f"no file of tables/ creates {relation}", hint="write one")

    def statements(self) -> str:
        """Return the statements that make the schema in an empty database."""
        parts = [self.roles, *(table.text for table in self.tables), *self.rows.values()]
        parts += [function.statements() for function in self.functions]
        parts += [*(table.after_functions for table in self.tables), self.publications]
        return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def sources_dir() -> Path:
    """Return the folder of the sources, which only a source tree has."""
    return migrations_dir().parent


def read_sources(folder: Path | None = None) -> Sources:
    """Read the sources; raises MigrationFailed for a file of a function that breaks its form."""
    folder = folder or sources_dir()
    tables = [_table(path) for path in sorted((folder / "tables").glob("*.sql"))]
    makers = {name: table for table in tables for name in table.creates}
    steps = {path.stem: path.read_text(encoding="utf-8") for path in (folder / "steps").glob("*.sql")}
    functions: dict[str, Function] = {}
    for path in sorted([*(folder / "functions").rglob("*.sql"), *(folder / "generated" / "functions").rglob("*.sql")]):
        function = _function(path, steps)
        if function.name in functions:
            raise MigrationFailed(f"two files hold runfold.{function.name}", hint="remove one of them")
        functions[function.name] = function
    first = folder / "extension.sql"
    publications = folder / "publications.sql"
    return Sources(
        roles=(first if first.is_file() else folder / "roles.sql").read_text(encoding="utf-8"),
        tables=tuple(_ordered(tables, lambda table: (makers[need] for need in sorted(table.needs) if need in makers))),
        rows={
            f"runfold.{path.stem}": path.read_text(encoding="utf-8")
            for path in sorted((folder / "generated" / "rows").glob("*.sql"))
        },
        functions=tuple(_ordered(functions.values(), lambda function: _known(functions, function.calls))),
        publications=publications.read_text(encoding="utf-8") if publications.is_file() else "",
    )


def _known(functions: Mapping[str, Function], names: Iterable[str]) -> Iterator[Function]:
    return (functions[name] for name in sorted(names) if name in functions)


def _table(path: Path) -> Table:
    before, _, after = path.read_text(encoding="utf-8").partition(_AFTER_FUNCTIONS)
    return Table(path.stem, _closed(before), after)


def _closed(text: str) -> str:
    """Return the text in which what it makes in `public` is withdrawn from everybody before its grants."""
    for made in reversed(list(_PUBLIC.finditer(text))):
        grant = text.find("\nGRANT ", made.end())
        before, after = (text[:grant], text[grant:]) if grant >= 0 else (text.rstrip(), "\n")
        text = f"{before}\nREVOKE ALL ON {made[1]} FROM PUBLIC, anon, authenticated, service_role;{after}"
    return text


def _function(path: Path, steps: Mapping[str, str]) -> Function:
    def step(found: re.Match[str]) -> str:
        if found[2] not in steps:
            raise MigrationFailed(f"{path.name} has a step {found[2]} that is not in steps/", hint="write it there")
        return indent(steps[found[2]].rstrip(), found[1])

    text = _STEP.sub(step, path.read_text(encoding="utf-8"))
    found = _FUNCTION.findall(text)
    if len(found) != 1 or found[0][2] != path.stem:
        raise MigrationFailed(
            f"{path.name} must create runfold.{path.stem} and nothing else", hint="put each function into its own file"
        )
    kind, schema, name = found[0]
    start = text.index(f"CREATE {kind}")
    header = text[:start]
    paragraph = header.partition("\n--\n")[0]
    comment = " ".join(line.removeprefix("--").strip() for line in paragraph.splitlines())
    grants = _GRANT.findall(header)
    if len(grants) != 1 or not comment or comment.startswith("grant:"):
        raise MigrationFailed(
            f"{path.name} has no header of a comment and a grant",
            hint="begin with `-- what it does`, a line `--`, and `-- grant: engine, operator` (or nobody)",
        )
    return Function(name, schema, kind, text[start:].rstrip(), comment, tuple(_roles(path, grants[0])))


def _roles(path: Path, names: str) -> Iterator[str]:
    if names == "nobody":
        return
    for name in names.split(", "):
        if name not in _ROLES:
            raise MigrationFailed(f"{path.name} grants to {name!r}", hint=f"use {', '.join(_ROLES)}, or nobody")
        yield _ROLES[name]


Source = TypeVar("Source", Table, Function)


def _ordered(sources: Iterable[Source], needs: Callable[[Source], Iterable[Source]]) -> list[Source]:
    """Return the files, each after those that it needs, else by name; a circle of functions is in order of names."""
    done: dict[str, Source] = {}
    under_way: set[str] = set()

    def add(source: Source) -> None:
        if source.name in done or source.name in under_way:
            return
        under_way.add(source.name)
        for need in needs(source):
            add(need)
        done[source.name] = source

    for source in sources:
        add(source)
    return list(done.values())

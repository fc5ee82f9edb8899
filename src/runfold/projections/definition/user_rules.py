"""What a projection of a user may not say, beyond the contract that all keep.

This refuses mistakes where they are read, by name. It is no wall: what slips through meets the login that folds it,
which may write its own tables and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from runfold.errors import ProjectionInvalid, ProjectionReserved
from runfold.projections.definition.contract import Projection, Statement

_RESERVED_SCHEMAS = frozenset({"runfold", "auth", "information_schema", "supabase_migrations"})
# Of the schema runfold a statement may name the log and the functions that it may call.
_OPEN = frozenset({"events", "row_id", "merge", "given", "drop_nulls", "value_of", "from_epoch_ms", "upcast"})
_HARMFUL = re.compile(
    r"set_config|pg_(sleep|terminate|cancel|notify|advisory|try_advisory|read|ls_|stat_file|logical|export|reload)\w*"
    r"|lo_\w+|dblink\w*|\w+_to_xml\w*|ts_stat|nextval|setval|(begin|end)_(batch|slice)|move_checkpoint"
    r"|(un)?park_stream|leave_out_stream|discard_event|note_(built|folded)|land_rebuild"
)
_UNSTEADY = re.compile(
    r"now|random\w*|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|gen_random_uuid|uuidv[47]"
    r"|current_setting|txid_\w+|pg_current_\w+|current_(date|time|timestamp|user|role|catalog|schema)"
    r"|localtime(stamp)?|session_user"
)
_CHANGES = frozenset({"INSERT", "MERGE", "UPDATE", "DELETE", "TRUNCATE"})
# The words that may come before a second verb of a statement: MERGE's THEN, ON CONFLICT DO, and row locks.
_BEFORE_A_SECOND_VERB = frozenset({"THEN", "DO", "FOR", "KEY"})

Words = list[tuple[bool, str]]
"""The words of a statement, without comments and strings: whether it is a word (else a sign), and its text."""


def check_user_projection(projection: Projection, groups: Collection[str], tables: Collection[tuple[str, str]]) -> None:
    """Raise ProjectionReserved or ProjectionInvalid unless a user may have this projection.

    `groups` and `tables` (schema, name) are runfold's.
    """
    if projection.group in groups:
        raise ProjectionReserved(
            f"{projection.name}: the group {projection.group} is runfold's", hint="choose another name for the group"
        )
    if (
        (projection.schema, projection.table) in tables
        or projection.schema in _RESERVED_SCHEMAS
        or projection.schema.startswith("pg_")
    ):
        raise ProjectionReserved(
            f"{projection.name}: the table {projection.schema}.{projection.table} is not a user's",
            hint="create another table, for example in the schema projections",
        )
    for field in ("part_of", "copies", "counts"):
        if getattr(projection, field) is not None:
            raise ProjectionReserved(f"{projection.name}: {field} is for runfold's projections", hint="leave it out")
    for statement in projection.statements:
        _check_statement(projection, statement)


def _check_statement(projection: Projection, statement: Statement) -> None:
    words = _words(statement.text)
    target = _target(words)
    if target != projection.table:
        raise ProjectionInvalid(
            f"{projection.name}: a statement changes {target}, not the table of the header, {projection.table}",
            hint="name the header's table, without its schema: a file has one table",
        )
    before = ""
    for number, (is_word, text) in enumerate(words):
        upper = text.upper()
        if number and is_word and upper in _CHANGES and before not in _BEFORE_A_SECOND_VERB:
            raise ProjectionInvalid(
                f"{projection.name}: a statement holds a second {upper}",
                hint="write two statements: each changes its table only",
            )
        if is_word and _follows(words, number, ".") and not (number and words[number - 1][1] == "."):
            _check_qualified(projection, text.lower(), words[number + 2][1] if number + 2 < len(words) else "")
        called = is_word and _follows(words, number, "(")
        if called and _HARMFUL.fullmatch(text.lower()):
            raise ProjectionInvalid(
                f"{projection.name}: {text} is not for projections",
                hint="remove it: a fold writes its table and nothing else",
            )
        bare = is_word and upper.startswith(("CURRENT_", "LOCALTIME", "SESSION_USER"))
        if (called or bare) and _UNSTEADY.fullmatch(text.lower()):
            raise ProjectionInvalid(
                f"{projection.name}: {text} gives another answer each time", hint="take the value from the events"
            )
        before = upper


def _check_qualified(projection: Projection, schema: str, name: str) -> None:
    if (schema == "runfold" and name.lower() not in _OPEN) or schema in ("public", "pg_temp", projection.schema):
        raise ProjectionInvalid(
            f"{projection.name}: {schema}.{name} is named with its schema",
            hint="name tables without a schema; only the log is runfold.events",
        )


def _target(words: Words) -> str:
    """The table that a statement changes, with its schema if it has one."""
    texts = [text for _, text in words[1:6]]
    while texts and texts[0].upper() in ("INTO", "FROM", "ONLY"):
        texts = texts[1:]
    return "".join(texts[:3]) if texts[1:2] == ["."] else "".join(texts[:1])


def _follows(words: Words, number: int, sign: str) -> bool:
    return number + 1 < len(words) and words[number + 1] == (False, sign)


def _words(text: str) -> Words:
    from sqlparse import lexer, tokens  # only for projections of users: to import it takes as long as a command does

    found: Words = []
    for kind, piece in lexer.tokenize(text):  # type: ignore[no-untyped-call]
        is_literal = kind in tokens.Literal and kind is not tokens.String.Symbol
        if kind in tokens.Comment or kind in tokens.Whitespace or is_literal:
            continue
        # A keyword of two words, as `NOT NULL`, is one token of the lexer's.
        for part in re.findall(r'"[^"]*"|[\w$]+|\S', piece):
            is_word = re.fullmatch(r'"[^"]*"|[\w$]+', part) is not None
            found.append((is_word, part.strip('"') if is_word else part))
    return found

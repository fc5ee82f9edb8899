"""The lists of words in CHECKs of read tables, kept equal to the vocabulary by `make generated`.

A line `-- words: execution` above a constraint says that its list holds the statuses of that machine; `-- words: Mode`,
that it holds the values of that type of `runfold.events.fields`. A further word is written before the list:
`status = 'IDLE' OR status IN (`.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Literal, get_args, get_origin

from runfold.events import fields
from runfold.events.machines import MACHINES

_LIST = re.compile(
    r"^( *)-- words: (\w+)\n( *CONSTRAINT \w+ CHECK \()\s*((?:\w+ = '\w+' OR )?\w+ IN \()[^)]*(\)\))", re.MULTILINE
)
_WIDTH = 120


def words_of(name: str) -> tuple[str, ...]:
    """Return the statuses of a machine, or the values that a type of fields allows; raises ValueError."""
    if name in MACHINES:
        return MACHINES[name].statuses
    if get_origin(kind := vars(fields).get(name)) is Literal:
        return get_args(kind)
    raise ValueError(
        f"`-- words: {name}` names neither a machine nor a type of runfold.events.fields with fixed values"
    )


def with_words(text: str) -> str:
    """Return the text of a table's file with the lists of words that its marks ask for."""

    def written(found: re.Match[str]) -> str:
        indent, name, head, column, tail = found.groups()
        listed = ", ".join(f"'{word}'" for word in words_of(name))
        line = f"{head}{column}{listed}{tail}"
        if len(line) >= _WIDTH:
            wrapped = textwrap.wrap(f"{column}{listed}{tail}", _WIDTH - len(indent) - 4)
            line = "\n".join([head, *(f"{indent}    {part}" for part in wrapped)])
        return f"{indent}-- words: {name}\n{line}"

    return _LIST.sub(written, text)


def table_files(folder: Path) -> dict[Path, str]:
    """Return the files of `schema/tables/` whose marks ask for words, each with its text."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    return {path: with_words(text) for path, text in texts.items() if "-- words: " in text}

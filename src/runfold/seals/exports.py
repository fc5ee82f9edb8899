"""Exports of seals: kept elsewhere, they prove later that nobody made the chain anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple

import orjson
import psycopg
from psycopg.rows import dict_row

from runfold.errors import InvalidInput, SealExportBelongsElsewhere
from runfold.runtime_sql import runtime_sql
from runfold.seals.sealing import read_sealed_position

statement = runtime_sql("runfold.seals")

Answer = Literal["same", "export_is_older", "log_is_older", "differs"]

_AT_ONCE = 1_000
LONGEST_LINE = 1_000
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class SealCheck:
    """How an export compares with the seals of the log.

    `answer`: `same`; `export_is_older`, the log was sealed further since then, and every seal of the export is in it;
    `log_is_older`, it ends before the export, so it was restored, and what it has is as exported; `differs`.
    `last_same` is the last position at which both have the same seal, `first_different` the first at which they have
    not; `exported` and `sealed` are the last positions of both. `seals` were compared, `beyond` lie behind the log.
    """

    answer: Answer = "same"
    seals: int = 0
    beyond: int = 0
    exported: int = 0
    sealed: int = 0
    last_same: int = 0
    first_different: int | None = None


class _Line(NamedTuple):
    number: int
    log: str
    last: int
    seal: str


def export_seals(connection: psycopg.Connection[Any], *, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield each seal behind a position in order: `log`, the identity of the log, `last` position and `seal`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        while rows := cursor.execute(statement("seals"), {"after": after, "most": _AT_ONCE}).fetchall():
            yield from rows
            after = rows[-1]["last"]


def check_seals(connection: psycopg.Connection[Any], lines: Iterable[bytes], *, file: str) -> SealCheck:
    """Return how the lines of an export compare with the seals of the log.

    Lines may repeat, as in a file to which exports are appended. Raises InvalidInput for a line that is none of an
    export and for a file without one, and SealExportBelongsElsewhere for another log's.
    """
    row = connection.execute(statement("log_identity")).fetchone()
    identity = None if row is None else row[0]
    found = SealCheck(sealed=read_sealed_position(connection))
    parsed = _parse(lines, file)
    while part := list(islice(parsed, _AT_ONCE)):
        for line in part:
            if line.log != identity:
                raise SealExportBelongsElsewhere(
                    f"{file} holds seals of the log {line.log} in line {line.number}, and this is {identity}",
                    hint="connect to the log that it was made of",
                    file=file,
                    log=line.log,
                    found=identity,
                )
        rows = connection.execute(statement("seals_at"), {"positions": [line.last for line in part]}).fetchall()
        _compare(part, dict(rows), found)
    if not found.seals + found.beyond:
        raise InvalidInput(
            f"{file} holds no seal",
            hint="give a file that `runfold log seal export` has written",
            code="invalid_seal_export",
            file=file,
        )
    if found.first_different is not None:
        found.answer = "differs"
    elif found.beyond:
        found.answer = "log_is_older"
    elif found.exported < found.sealed:
        found.answer = "export_is_older"
    return found


def _compare(part: list[_Line], seals: dict[int, str], into: SealCheck) -> None:
    for line in part:
        into.exported = max(into.exported, line.last)
        if line.last > into.sealed:
            into.beyond += 1
            continue
        into.seals += 1
        if seals.get(line.last) == line.seal:
            if into.first_different is None or line.last < into.first_different:
                into.last_same = max(into.last_same, line.last)
        elif into.first_different is None or line.last < into.first_different:
            into.first_different = line.last


def _parse(lines: Iterable[bytes], file: str) -> Iterator[_Line]:
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = orjson.loads(text) if len(text) <= LONGEST_LINE else None
        except orjson.JSONDecodeError:
            line = None
        if not (
            isinstance(line, dict)
            and isinstance(line.get("log"), str)
            and type(line.get("last")) is int
            and 0 < line["last"] < 2**63
            and isinstance(line.get("seal"), str)
            and _HEX.fullmatch(line["seal"])
        ):
            raise InvalidInput(
                f"{file}, line {number}, is no seal",
                hint='`runfold log seal export` writes {"log": id, "last": position, "seal": 64 hexadecimal digits}',
                code="invalid_seal_export",
                file=file,
                line=number,
            )
        yield _Line(number, line["log"], line["last"], line["seal"])

"""Folding a range in parts, where all of it at once exceeds a limit of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, LiteralString, Required, TypedDict, Unpack

import psycopg

from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import fold_batch
from runfold.projections.folding.poison import is_too_large


class Folding(TypedDict, total=False):
    """What a range is folded with, as `fold_batch` takes it."""

    types: Required[frozenset[str]]
    streams: LiteralString
    stream: str | None
    barriers: LiteralString | None
    given: Mapping[str, Any]
    small: bool
    expected: int | None
    events: LiteralString


def fold_in_parts(
    cursor: psycopg.Cursor[Any], group: Group, *, after: int, upto: int, **folding: Unpack[Folding]
) -> None:
    """As `fold_batch`, in halves where all of the range at once is too large for PostgreSQL."""

    def fold(after: int, upto: int) -> None:
        fold_batch(cursor, group, after=after, upto=upto, **folding)

    in_parts(cursor, fold, after=after, upto=upto)


def in_parts(cursor: psycopg.Cursor[Any], fold: Callable[[int, int], None], *, after: int, upto: int) -> None:
    """Call `fold(after, upto)`, and where that is too large for PostgreSQL, call it for halves of the range, in order.

    The rows are the same however a log is cut. A cut may fall inside an append, so nobody may read the rows before all
    is folded: in a transaction. Raises what a single position fails with.
    """
    try:
        with cursor.connection.transaction():
            fold(after, upto)
    except psycopg.Error as exc:
        if not is_too_large(exc) or upto - after <= 1:
            raise
    else:
        return
    middle = (after + upto) // 2
    in_parts(cursor, fold, after=after, upto=middle)
    in_parts(cursor, fold, after=middle, upto=upto)

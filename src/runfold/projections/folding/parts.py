"""Folding a range in parts, where all of it at once exceeds a limit of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from runfold.projections.folding.poison import is_too_large


def fold_in_parts(cursor: psycopg.Cursor[Any], fold: Callable[[int, int], None], *, after: int, upto: int) -> None:
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
    fold_in_parts(cursor, fold, after=after, upto=middle)
    fold_in_parts(cursor, fold, after=middle, upto=upto)

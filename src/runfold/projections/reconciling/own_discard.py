"""Discarding in a user's group: the same steps, in a session of its own login.

The record is an operator's: that login may write it only where an operator has allowed it, for one stream, in one
session, with the reason and the name that the operator gave.
"""

from __future__ import annotations

from typing import Any

import psycopg

from runfold.errors import DiscardFailed
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.own_checkpoint import hold_own, open_own
from runfold.projections.folding.poison import Bad, check_constraints_of, one_line, parking, sqlstate_of
from runfold.projections.folding.user_session import OwnConnection, one_transaction
from runfold.projections.reconciling.discarding import Discarded, Discarding
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")


def discard_own(
    connection: psycopg.Connection[Any], group: Group, stream_id: str, *, reason: str, by: str, dry_run: bool
) -> Discarded:
    """As `discard`, of a user's group; `connection` allows it, and the folds never see it."""
    with open_own(connection, group) as own:
        named = {"group": group.name, "pid": own.info.backend_pid}
        connection.execute(statement("allow_own_discard"), {**named, "stream": stream_id, "reason": reason, "by": by})
        try:
            with one_transaction(own):
                return _OwnDiscarding(own, group, stream_id, reason=reason, by=by).run(dry_run=dry_run)
        finally:
            connection.execute(statement("forbid_own_discard"), named)


class _OwnDiscarding(Discarding):
    connection: OwnConnection

    def _parked(self, cursor: psycopg.Cursor[Any]) -> tuple[int, int] | None:
        checkpoint = hold_own(cursor, self.group)
        cursor.execute(statement("own_parked_position"), {"group": self.group.name, "stream": self.stream_id})
        (first,) = cursor.fetchone() or (None,)
        return None if first is None else (first, checkpoint)

    def _record(self, cursor: psycopg.Cursor[Any], bad: Bad) -> tuple[int, str]:
        self._require_an_event_to_blame(bad)
        cursor.execute(
            statement("discard_own_event"),
            {
                "group": self.group.name,
                "position": bad.position,
                "sqlstate": sqlstate_of(bad.error),
                "error": one_line(bad.error),
            },
        )
        return cursor.fetchone() or (0, "")

    def _leave_parked(self, cursor: psycopg.Cursor[Any], bad: Bad | None) -> None:
        cursor.execute(statement("unpark_own_stream"), {"group": self.group.name, "stream": self.stream_id})
        if bad is not None:
            self._require_an_event_to_blame(bad)
            parked = parking(self.group, self.stream_id, bad.position, bad.error)
            cursor.execute(statement("park_own_stream"), parked)

    def _require_an_event_to_blame(self, bad: Bad) -> None:
        """What the login may not do is no event's fault."""
        if sqlstate_of(bad.error) == "42501":
            raise DiscardFailed(
                f"no event of the group {self.group.name} is to blame: {one_line(bad.error)}",
                hint=f"grant {self.connection.info.user} what it needs",
            )

    def _check(self, cursor: psycopg.Cursor[Any]) -> None:
        check_constraints_of(cursor, self.group)

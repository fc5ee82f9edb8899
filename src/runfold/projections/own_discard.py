"""Discarding in a user's group: the same steps, in a session of its own login.

The record is an operator's: that login may write it only where an operator has allowed it, for one stream, in one
session, with the reason and the name that the operator gave.
"""

from __future__ import annotations

from typing import Any

import psycopg

from runfold.errors import DiscardFailed
from runfold.projections.bad_event import Bad, one_line, parking, sqlstate_of
from runfold.projections.catalogue import Group
from runfold.projections.discarding import Discarded, Discarding
from runfold.projections.fold import FOLD_SESSION
from runfold.projections.own_projector import check_constraints_of
from runfold.projections.own_session import OwnConnection, one_transaction
from runfold.projections.statements import statement


def discard_own(
    connection: psycopg.Connection[Any], group: Group, stream_id: str, *, reason: str, by: str, dry_run: bool
) -> Discarded:
    """As `discard`, of a user's group; `connection` allows it, and the folds never see it."""
    assert group.own_login is not None
    with group.own_login.open() as own:
        own.execute(FOLD_SESSION)
        named = {"group": group.name, "pid": own.info.backend_pid}
        connection.execute(statement("register_group"), {"group": group.name})
        connection.execute(statement("register_own_group"), {"group": group.name, "role": own.info.user})
        connection.execute(statement("allow_own_discard"), {**named, "stream": stream_id, "reason": reason, "by": by})
        try:
            with one_transaction(own):
                return _OwnDiscarding(own, group, stream_id, reason=reason, by=by).run(dry_run=dry_run)
        finally:
            connection.execute(statement("forbid_own_discard"), named)


class _OwnDiscarding(Discarding):
    connection: OwnConnection

    def _parked(self, cursor: psycopg.Cursor[Any]) -> tuple[int, int] | None:
        named = {"group": self.group.name}
        (checkpoint, _, _) = cursor.execute(statement("begin_own_batch"), named).fetchone() or (0, False, {})
        cursor.execute(statement("end_own_batch"), named)
        cursor.execute(statement("own_parked_position"), {**named, "stream": self.stream_id})
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

"""The ledger of folds: what is noted of a group in the transaction that folds it.

A group has a checkpoint, parked streams, discarded events, and the versions that its tables were built with. They
change only together with the rows of its tables: in one transaction, which holds the checkpoint from `begin` or `hold`
on, so that nobody else folds the group meanwhile.

The same SQL functions serve every session, and ask who is logged in: the projector and the operator may fold any group,
the login of users' projections only its groups. `folding/user_session.py` says what else that login's session needs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import psycopg

from runfold.errors import LeadershipLost, PermissionDenied, ProjectionInvalid
from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)


class Begun(NamedTuple):
    """What `begin` found of a group."""

    position: int
    parked: bool
    """Whether a stream is parked or an event discarded in it."""
    built: Mapping[str, int]
    """The version of the file that each of its tables was built with."""


def require_folding_role(connection: psycopg.Connection[Any]) -> None:
    """Raise PermissionDenied unless the login may fold: half of it would leave tables behind, or stop a group."""
    login, may = connection.execute(statement("may_fold_read_tables")).fetchone() or ("", False)
    if not may:
        raise PermissionDenied(
            f"{login} may not write the read tables",
            hint=f"this needs runfold_projector: GRANT runfold_projector TO {login}",
            role="runfold_projector",
        )


class Ledger:
    """The ledger in one session: runfold's connection, in autocommit. Each method runs in the caller's transaction."""

    def __init__(self, connection: psycopg.Connection[Any], *, epoch: int = 0) -> None:
        self.connection = connection
        self.epoch = epoch

    @property
    def has_time_limit(self) -> bool:
        """Whether a statement that was cancelled took too long: then a smaller batch may help."""
        return False

    def transaction(self, *, force_rollback: bool = False) -> AbstractContextManager[object]:
        """The transaction of a batch, or of what an operator does to a group."""
        return self.connection.transaction(force_rollback=force_rollback)

    def begin(self, group: Group) -> Begun:
        """Hold the group's checkpoint to the end of the transaction; raises LeadershipLost where it has none."""
        # A cursor of its own in each method: in a pipeline the first result of a cursor may be another statement's.
        with self.connection.cursor() as cursor:
            cursor.execute(statement("begin_batch"), {"group": group.name})
            position, parked, built = cursor.fetchone() or (None, False, {})
        if position is None:
            raise LeadershipLost(f"the group {group.name} has no checkpoint")
        return Begun(position, parked, built)

    def move(self, group: Group, after: int, upto: int) -> None:
        """Move the checkpoint on; raises LeadershipLost when another worker leads or has moved it."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                statement("move_checkpoint"), {"group": group.name, "after": after, "upto": upto, "epoch": self.epoch}
            )
            # Fetched, because nothing has been executed in a pipeline before something is fetched.
            if cursor.fetchone() != (True,):
                raise LeadershipLost

    def end(self, group: Group) -> None:
        """End a batch that leaves the checkpoint where it is."""
        self.connection.execute(statement("end_batch"), {"group": group.name})

    def hold(self, group: Group) -> int:
        """Hold the checkpoint for what an operator does, which leaves it where it is; returns its position.

        Raises ProjectionInvalid where the tables were built from another version of a file.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(statement("begin_batch"), {"group": group.name})
            position, _, built = cursor.fetchone() or (None, False, {})
        self.end(group)
        for name, version in built.items():
            if group.versions.get(name, version) != version:
                raise ProjectionInvalid(
                    f"{name} was built with version {version}, its file is version {group.versions[name]}",
                    hint=f"runfold projection rebuild {name}",
                )
        return int(position or 0)

    def parked_at(self, group: Group, stream_id: str) -> int | None:
        """The position from which on a stream is parked in the group; None where it is not parked."""
        asked = {"group": group.name, "stream": stream_id}
        row = self.connection.execute(statement("parked_at"), asked).fetchone()
        return None if row is None else int(row[0])

    def park(self, group: Group, stream_id: str, position: int, *, sqlstate: str, error: str) -> None:
        """Park a stream from a position on; where it is parked already, only the error is noted."""
        parked = {"group": group.name, "stream": stream_id, "position": position}
        self.connection.execute(statement("park_stream"), parked | {"sqlstate": sqlstate, "error": error})

    def unpark(self, group: Group, stream_id: str) -> None:
        """Forget that a stream is parked."""
        self.connection.execute(statement("unpark_stream"), {"group": group.name, "stream": stream_id})

    def note_built(self, group: Group, built: Iterable[Projection]) -> None:
        """Note that these tables hold what their files say, in the transaction that makes it so."""
        for projection in built:
            noted = {"name": projection.name, "version": projection.version, "digest": projection.digest}
            self.connection.execute(statement("note_built"), {"group": group.name, **noted})

    def record_discard(self, group: Group, position: int, *, sqlstate: str, error: str) -> tuple[int, str]:
        """Record that an event is given up, as an operator allowed it to this session; returns its version and type."""
        given_up = {"group": group.name, "position": position, "sqlstate": sqlstate, "error": error}
        version, kind = self.connection.execute(statement("discard_event"), given_up).fetchone() or (0, "")
        return version, kind

    def check_constraints(self, group: Group) -> None:  # noqa: ARG002 - a user's session checks its own only
        """Check deferred constraints now: at commit they would take other streams with them."""
        self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def note_stopped(self, group: Group, sqlstate: str, error: str) -> None:
        """Note why the group cannot be folded at all, in a transaction of its own."""
        note_stopped(self.connection, group.name, sqlstate, error, epoch=self.epoch)


def note_stopped(connection: psycopg.Connection[Any], group: str, sqlstate: str, error: str, *, epoch: int) -> None:
    """Note why a group cannot be folded, under the leader's epoch; the connection is in autocommit."""
    stopped = {"group": group, "sqlstate": sqlstate, "error": error, "epoch": epoch}
    with connection.transaction():
        connection.execute(statement("stop_group"), stopped)
    said = {"event": "stopped", "group": group, "sqlstate": sqlstate, "epoch": epoch}
    log.error("projection group %s stopped: %s", group, error, extra=said)

"""Subscriptions that keep their bookmark: how far each is, and an operator's moves of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from runfold.errors import InvalidInput, SubscriptionTaken, UnknownSubscription
from runfold.reading.status import Row, statement

LAG_COUNTED_TO = 10_000


@dataclass(frozen=True, slots=True)
class Moved:
    """What an operator's move of a bookmark does: events are skipped forward, or received again backward."""

    name: str
    position: int
    to: int
    events: int
    events_are_exact: bool

    @property
    def forward(self) -> bool:
        """Whether the consumer will not receive what is between."""
        return self.to > self.position


def read_subscriptions(connection: psycopg.Connection[Any], name: str | None = None) -> list[Row]:
    """Return the subscriptions by name, JSON-ready.

    `lag` is the number of events of any type behind the bookmark, up to 10,000 (`lag_is_exact` says whether that is
    all), `lag_seconds` the age of the first of them. `restored_position` is where the bookmark was when the database
    was restored, or failed over: what the consumer had done further on is not known here. Raises UnknownSubscription.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        counted = LAG_COUNTED_TO + 1
        rows = cursor.execute(statement("subscriptions"), {"name": name, "counted": counted}).fetchall()
    if name is not None and not rows:
        raise _unknown(name)
    return rows


def move_subscription(
    connection: psycopg.Connection[Any], name: str, to: int | None, *, dry_run: bool = False
) -> Moved:
    """Move a bookmark to the last event up to a position, or up to the safe head; return what it does.

    Raises SubscriptionTaken while a consumer runs, InvalidInput beyond the safe head, UnknownSubscription.
    """
    parameters = {"name": name, "to": to, "counted": LAG_COUNTED_TO + 1}
    with connection.transaction():
        _take(connection, name)
        row = connection.execute(statement("subscription_target"), parameters).fetchone()
        if row is None:
            raise _unknown(name)
        position, target, event_id, head, events = row
        if to is not None and to > head:
            raise InvalidInput(
                f"position {to} is beyond the safe head, which is {head}",
                hint="choose a position that the log has",
                pointer="/to",
                limit=head,
                found=to,
            )
        if not dry_run:
            connection.execute(statement("place_subscription"), {"name": name, "to": target, "event_id": event_id})
    return Moved(name, position, target, min(events, LAG_COUNTED_TO), events <= LAG_COUNTED_TO)


def drop_subscription(connection: psycopg.Connection[Any], name: str, *, dry_run: bool = False) -> Row:
    """Forget a bookmark, and return its row. Raises SubscriptionTaken while a consumer runs, UnknownSubscription."""
    with connection.transaction():
        _take(connection, name)
        (row,) = read_subscriptions(connection, name)
        if not dry_run:
            connection.execute(statement("drop_subscription"), {"name": name})
    return row


def _take(connection: psycopg.Connection[Any], name: str) -> None:
    """Keep consumers out to the end of the transaction; raise SubscriptionTaken if one is there."""
    row = connection.execute(statement("try_subscription"), {"name": name}).fetchone()
    if row is None or not row[0]:
        raise SubscriptionTaken(
            f"a consumer has the subscription {name}",
            hint="stop it first: `runfold subscription show` names it",
            subscription=name,
        )


def _unknown(name: str) -> UnknownSubscription:
    return UnknownSubscription(
        f"there is no subscription {name}", hint="see `runfold subscription list`", subscription=name
    )

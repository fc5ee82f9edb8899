"""A log with every type of event, and what files of it must give back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

import runfold
from runfold.events.envelope import Append, NewEvent
from tests.cli.running import NOON
from tests.events.examples import APPENDED, data_for, stream_of
from tests.fixtures.databases import create_database, drop_database

TENANT = UUID("00000000-0000-4000-8000-00000000000a")
CATEGORY = "billing"
ODD = {"text": "naïve 結果 ‖ \x7f \u2028", "numbers": [1, 1.5, -0.0, 1e-7, 2**53], "none": None, "deep": [{"a": [[]]}]}


def whole_log() -> list[Append]:
    """Return appends with every type that may be appended, a tenant, metadata, bytes and a category of one's own."""
    made = []
    for number, kind in enumerate(APPENDED):
        for everything in (False, True):
            data = data_for(kind, everything=everything)
            event = NewEvent(
                type=kind.event_type(),
                data=data,
                metadata={} if everything else {"actor": "ada", "odd": ODD},
                occurred_at=NOON + timedelta(microseconds=number),
            )
            stream = stream_of(kind, data)
            made.append(Append(stream_id=stream, events=[event]))
    own = [
        NewEvent(type="Billed", data=ODD, schema_version=1),
        NewEvent(type="Scanned", payload=bytes(range(256))),
        NewEvent(type="Emptied", payload=b""),
        NewEvent(type="Noted", data={}),
    ]
    made.append(Append(stream_id=f"{CATEGORY}-a-b", events=own, user_id=TENANT))
    return made


def fill(url: str) -> None:
    """Append the whole log, one append a call, so that streams are interleaved."""
    with runfold.connect(url) as store:
        store.register_event_types(CATEGORY)
        for append in whole_log():
            store.append_many([append])


def content(url: str) -> list[tuple[Any, ...]]:
    """Return what a file must give back, in the order of the log."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT stream_id, stream_version, event_id, type, schema_version, user_id, data, payload, metadata,"
            "       occurred_at FROM runfold.events ORDER BY position"
        ).fetchall()


@contextmanager
def another(server_url: str, template: str) -> Iterator[str]:
    """A second database, that takes the category."""
    url = create_database(server_url, template=template)
    try:
        with runfold.connect(url) as store:
            store.register_event_types(CATEGORY)
        yield url
    finally:
        drop_database(server_url, url)

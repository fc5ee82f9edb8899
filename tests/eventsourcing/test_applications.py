"""Applications on runfold's log: each in its category, with unchanged bytes, beside everything else."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.application import Application
from eventsourcing.cipher import AESCipher
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import DataError, IntegrityError, OperationalError, ProgrammingError, StoredEvent
from eventsourcing.tests.application import BankAccounts
from eventsourcing.tests.domain import BankAccount

import runfold
from runfold.errors import SchemaOutdated
from runfold.eventsourcing import Datastore, RunfoldApplicationRecorder
from runfold.eventsourcing.originators import category_of
from runfold.settings import load_settings
from tests.eventsourcing.recorders import made
from tests.factories import lines
from tests.faults.editing import ALLOCATE_POSITIONS, FENCE, edit

Connection = psycopg.Connection[Any]


class Dog(Aggregate):
    """An aggregate of the tests."""

    @event("Registered")
    def __init__(self, name: str) -> None:
        self.name = name
        self.tricks: list[str] = []

    @event("TrickAdded")
    def add_trick(self, trick: str) -> None:
        self.tricks.append(trick)


class Kennel(Application[UUID]):
    snapshotting_intervals = {Dog: 3}  # noqa: RUF012  # as the library's documentation has it

    def register(self, name: str, *tricks: str) -> UUID:
        dog = Dog(name)
        for trick in tricks:
            dog.add_trick(trick)
        self.save(dog)
        return dog.id

    def tricks(self, dog_id: UUID) -> list[str]:
        dog: Dog = self.repository.get(dog_id)
        return dog.tricks


class Cats(Kennel):
    pass


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def stored(
    version: int, state: bytes = b"state", originator_id: UUID | str | None = None, topic: str = "a:B"
) -> StoredEvent:
    return StoredEvent(originator_id or uuid4(), version, topic, state)


def test_applications_beside_the_engines_streams_read_their_own_events_only(
    environment: dict[str, str], database_url: str, closing: ExitStack
) -> None:
    dogs, cats = closing.enter_context(Kennel(env=environment)), closing.enter_context(Cats(env=environment))
    store = closing.enter_context(runfold.connect(database_url))
    store.append("log-1", lines(3))
    fido = dogs.register("Fido", "roll over")
    store.append("log-1", lines(2))
    tom = cats.register("Tom", "purr", "meow")
    rex = dogs.register("Rex")

    def followed(application: Kennel) -> list[tuple[int, UUID | str, int]]:
        notifications = application.notification_log.select(start=1, limit=10)
        assert notifications == list(application.recorder.select_notifications(None, 10))
        return [(each.id, each.originator_id, each.originator_version) for each in notifications]

    assert followed(dogs) == [(4, fido, 1), (5, fido, 2), (11, rex, 1)]
    assert followed(cats) == [(8, tom, 1), (9, tom, 2), (10, tom, 3)]
    assert dogs.recorder.max_notification_id() == 11
    assert cats.recorder.max_notification_id() == 10
    assert dogs.tricks(fido) == ["roll over"]
    with pytest.raises(Exception, match=str(fido)):
        cats.tricks(fido)
    assert [each.stream_id for each in store.read_all()][5:7] == ["log-1", "log-1"]
    (opaque, *_) = store.read_stream(f"kennel-{fido}")
    assert opaque.data is None
    assert opaque.payload
    assert b"Fido" in opaque.payload


def test_sections_of_the_notification_log_reach_over_holes(
    environment: dict[str, str], database_url: str, closing: ExitStack
) -> None:
    dogs = closing.enter_context(Kennel(env=environment))
    store = closing.enter_context(runfold.connect(database_url))
    for number in range(8):
        store.append("log-1", lines(3))
        dogs.register(f"dog {number}")
    section, read = dogs.notification_log["1,5"], []
    while True:
        read += [item.id for item in section.items]
        if section.next_id is None:
            break
        section = dogs.notification_log[section.next_id]
    assert read == list(range(4, 33, 4))


def test_encrypted_and_compressed_states_come_back_byte_for_byte(
    environment: dict[str, str], connection: Connection, closing: ExitStack
) -> None:
    environment |= {
        "COMPRESSOR_TOPIC": "eventsourcing.compressor:ZlibCompressor",
        "CIPHER_TOPIC": "eventsourcing.cipher:AESCipher",
        "CIPHER_KEY": AESCipher.create_key(num_bytes=32),
    }
    accounts = closing.enter_context(BankAccounts(env=environment))
    account = accounts.open_account("Alice Archer", "alice@example.com")
    read: BankAccount = accounts.repository.get(account)
    assert (read.full_name, read.email_address.address) == ("Alice Archer", "alice@example.com")
    rows = connection.execute("SELECT payload FROM runfold.events").fetchall()
    assert rows
    assert not any(b"Alice" in payload or b"alice" in payload for (payload,) in rows)


def test_any_bytes_come_back_as_they_were(datastore: Datastore) -> None:
    recorder, originator = made(datastore), uuid4()
    states = [b"", b"\x00", b"\xff\xfe", b"{not json", bytes(range(256)), os.urandom(1_048_576)]
    recorder.insert_events([stored(n, state, originator) for n, state in enumerate(states)])
    assert [each.state for each in recorder.select_events(originator)] == states
    assert [each.state for each in recorder.select_notifications(1, 100)] == states


@pytest.mark.parametrize("first", [0, 1, 7])
def test_versions_begin_anywhere_and_follow_each_other(datastore: Datastore, first: int) -> None:
    recorder, originator = made(datastore), uuid4()
    recorder.insert_events([stored(first, originator_id=originator), stored(first + 1, originator_id=originator)])
    recorder.insert_events([stored(first + 2, originator_id=originator)])
    for wrong in (first - 1, first, first + 1, first + 2, first + 4):
        if wrong >= 0:
            with pytest.raises(IntegrityError):
                recorder.insert_events([stored(wrong, originator_id=originator)])
    with pytest.raises(IntegrityError):
        recorder.insert_events([stored(first + n, originator_id=originator) for n in (3, 5)])
    assert [each.originator_version for each in recorder.select_events(originator)] == [first, first + 1, first + 2]


def test_events_of_several_aggregates_keep_the_order_of_the_call(datastore: Datastore) -> None:
    recorder = made(datastore)
    a, b = uuid4(), uuid4()
    call = [stored(version, originator_id=each) for each, version in ((b, 0), (a, 1), (b, 1), (a, 2), (b, 2))]
    assert recorder.insert_events(call) == [1, 2, 3, 4, 5]
    notifications = recorder.select_notifications(1, 10)
    assert [(each.originator_id, each.originator_version) for each in notifications] == [
        (b, 0), (a, 1), (b, 1), (a, 2), (b, 2),
    ]  # fmt: skip
    assert recorder.insert_events([stored(3, originator_id=a), stored(3, originator_id=b)]) == [6, 7]


def test_snapshots_are_taken_used_and_may_be_deleted(
    environment: dict[str, str], connection: Connection, closing: ExitStack
) -> None:
    dogs = closing.enter_context(Kennel(env=environment))
    fido = dogs.register("Fido", "sit", "roll", "jump")
    assert dogs.snapshots is not None
    (snapshot,) = dogs.snapshots.get(fido)
    assert snapshot.originator_version == 3
    assert connection.execute("SELECT category, version FROM runfold.snapshots").fetchall() == [("kennel", 3)]
    assert dogs.tricks(fido) == ["sit", "roll", "jump"]
    connection.execute("UPDATE runfold.snapshots SET state = replace(encode(state, 'escape'), 'roll', 'bark')::bytea")
    assert dogs.tricks(fido) == ["sit", "bark", "jump"], "the snapshot is what is read first"
    connection.execute("DELETE FROM runfold.snapshots")
    assert dogs.tricks(fido) == ["sit", "roll", "jump"]


def read_around_a_slow_append(datastore: Datastore, database_url: str) -> list[list[int]]:
    """Return the notification ids before, during and after the slow commit of another append."""
    recorder, originator = made(datastore, text_ids=True), str(uuid4())
    recorder.insert_events([stored(1, originator_id="before")])
    append = (
        "SELECT FROM runfold.append_opaque_events('accounts', '{slow}', '{1}', '{1}', '{a:B}', '{1}', '{state}', "
        "%s::uuid[], now())"
    )
    seen: list[list[int]] = []

    def look() -> None:
        start = seen[-1][-1] + 1 if seen and seen[-1] else 1
        seen.append([each.id for each in recorder.select_notifications(start, 10)])

    look()
    with psycopg.connect(database_url) as slow:
        slow.execute(append, (f"{{{uuid4()}}}",))  # takes position 2, and does not commit yet
        assert recorder.insert_events([stored(1, originator_id=originator)]) == [3]
        assert len(recorder.select_events(originator)) == 1, "an aggregate's own events are read at once"
        look()
        last = recorder.max_notification_id()
        assert last == (seen[-1] or seen[-2])[-1]
        slow.commit()
    look()
    return seen


def test_nothing_is_read_past_the_safe_head(datastore: Datastore, database_url: str) -> None:
    seen = read_around_a_slow_append(datastore, database_url)
    assert seen[:2] == [[1], []]
    assert [each.id for each in made(datastore, text_ids=True).select_notifications(2, 10)] == [2, 3]


def test_without_the_fence_an_event_would_come_in_behind_its_reader(
    datastore: Datastore, connection: Connection, database_url: str
) -> None:
    edit(connection, ALLOCATE_POSITIONS, FENCE)
    assert read_around_a_slow_append(datastore, database_url) == [[1], [3], []]


@pytest.mark.parametrize("name", ["Execution", "log", "Interaction", "RESPONSE", "deployment"])
def test_the_vocabularys_categories_are_not_an_applications(environment: dict[str, str], name: str) -> None:
    with pytest.raises(DataError, match="closed"):
        type(name, (Application,), {"name": name})(env=environment)


def test_a_category_has_one_application(environment: dict[str, str], database_url: str, closing: ExitStack) -> None:
    store = closing.enter_context(runfold.connect(database_url))
    store.register_event_types("orders")
    for name in ("Bank-Accounts", "bank-accounts", "BANK-ACCOUNTS"):
        closing.enter_context(type("Any", (Application,), {"name": name})(env=environment))
    for name in ("Bank_Accounts", "bank accounts", "Orders"):
        with pytest.raises(ProgrammingError, match="belongs to"):
            type("Any", (Application,), {"name": name})(env=environment)


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("BankAccounts", "bankaccounts"),
        ("Ünïts 2", "n_ts_2"),
        ("2nd", "app_2nd"),
        ("_hidden_", "hidden"),
        ("a--b", "a_b"),
    ],
)
def test_a_category_is_made_of_the_name(name: str, category: str) -> None:
    assert category_of(name) == category


@pytest.mark.parametrize("name", ["", "日本", "x" * 101])
def test_a_name_without_a_category_is_refused(name: str) -> None:
    with pytest.raises(DataError):
        category_of(name)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(stored(1, bytes(1_048_577)), id="a state over max_event_bytes"),
        pytest.param(stored(1, originator_id="x" * 301), id="an id that is too long"),
        pytest.param(stored(1, originator_id="line\nbreak"), id="a control character"),
        pytest.param(stored(1, originator_id=" "), id="a blank id"),
        pytest.param(stored(1, originator_id="nul\x00"), id="a NUL"),
        pytest.param(stored(1, originator_id="half \ud800"), id="half a surrogate pair"),
        pytest.param(stored(2**63, originator_id="a"), id="a version beyond 64 bits"),
        pytest.param(stored(-1, originator_id="a"), id="a negative version"),
        pytest.param(stored(1, topic="NodeStarted"), id="a type of the vocabulary"),
        pytest.param(stored(1, topic="x" * 256), id="a topic that is too long"),
        pytest.param(stored(1, topic=""), id="no topic"),
    ],
)
def test_what_the_log_refuses_is_a_data_error(datastore: Datastore, connection: Connection, wrong: StoredEvent) -> None:
    recorder = made(datastore, text_ids=True)
    with pytest.raises(DataError):
        recorder.insert_events([stored(1, originator_id="fine"), wrong])
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (0,)


def test_ten_thousand_events_are_a_call_and_one_more_is_not(datastore: Datastore) -> None:
    recorder = made(datastore)
    ids = recorder.insert_events([stored(n, originator_id=each) for each in (uuid4(), uuid4()) for n in range(5000)])
    assert ids == list(range(1, 10_001))
    originator = uuid4()
    with pytest.raises(DataError):
        recorder.insert_events([stored(n, originator_id=originator) for n in range(10_001)])


@pytest.mark.parametrize(
    "name", ["顧客 7-ü", 'quote " and \\ backslash', "{braces, NULL}", "NULL", "'; drop table events;--"]
)
def test_names_of_any_script_are_names(datastore: Datastore, name: str) -> None:
    recorder = made(datastore, text_ids=True)
    event = stored(1, originator_id=name, topic=f"módulo:{name}")
    recorder.insert_events([event])
    assert list(recorder.select_events(name)) == [event]
    (notification,) = recorder.select_notifications(1, 1, topics=[f"módulo:{name}"])
    assert (notification.originator_id, notification.topic) == (name, f"módulo:{name}")


def test_an_id_that_is_no_uuid_is_refused_unless_ids_are_text(
    environment: dict[str, str], datastore: Datastore
) -> None:
    with pytest.raises(DataError, match="ORIGINATOR_ID_TYPE"):
        made(datastore).insert_events([stored(1, originator_id="account-7")])
    with pytest.raises(OSError, match="ORIGINATOR_ID_TYPE"):
        Kennel(env=environment | {"ORIGINATOR_ID_TYPE": "integer"})


def test_the_engine_role_suffices(
    environment: dict[str, str], connection: Connection, database_url: str, closing: ExitStack
) -> None:
    role, password = f"engine_{secrets.token_hex(4)}", secrets.token_hex()
    connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE runfold_engine")
    closing.callback(connection.execute, f"DROP ROLE {role}")
    address = urlsplit(database_url)
    environment["RUNFOLD_DATABASE_URL"] = address._replace(
        netloc=f"{role}:{password}@{address.netloc.rpartition('@')[2]}"
    ).geturl()
    dogs = closing.enter_context(Kennel(env=environment))
    fido = dogs.register("Fido", "sit", "roll", "jump")
    assert dogs.tricks(fido) == ["sit", "roll", "jump"]
    assert dogs.recorder.max_notification_id() == 4
    with dogs.recorder.subscribe() as subscription:
        assert next(subscription).id == 1
    tracking = dogs.factory.tracking_recorder()
    assert tracking.max_tracking_id("upstream") is None


def test_an_unmigrated_database_says_what_to_do(empty_database_url: str) -> None:
    with pytest.raises(SchemaOutdated, match="runfold migrate"):
        Kennel(env={"PERSISTENCE_MODULE": "runfold.eventsourcing", "RUNFOLD_DATABASE_URL": empty_database_url})


def test_settings_of_one_application_are_its_own(environment: dict[str, str], closing: ExitStack) -> None:
    """As with every variable of the library, the application's name as a prefix makes it that application's."""
    url = environment.pop("RUNFOLD_DATABASE_URL")
    environment |= {"KENNEL_RUNFOLD_DATABASE_URL": url, "KENNEL_RUNFOLD_POOL_MAX_SIZE": "3"}
    dogs = closing.enter_context(Kennel(env=environment))
    assert dogs.factory.datastore.settings.pool_max_size == 3
    assert isinstance(dogs.recorder, RunfoldApplicationRecorder)
    dogs.register("Fido")


def test_an_exhausted_pool_fails_by_its_deadline_and_leaks_nothing(database_url: str) -> None:
    datastore = Datastore(load_settings(database_url=database_url, pool_max_size=2, pool_timeout=0.3))
    try:
        recorder = made(datastore)
        with datastore.get_connection(), datastore.get_connection():
            with ThreadPoolExecutor(50) as pool:
                began = time.monotonic()
                failed = list(pool.map(lambda n: _fails(recorder, stored(n)), range(50)))
            assert all(failed)
            assert time.monotonic() - began < 10
        # As many threads as connections: none waits for one, so each would fail for want of a leaked one only.
        with ThreadPoolExecutor(2) as pool:
            assert not any(pool.map(lambda n: _fails(recorder, stored(n)), range(50)))
    finally:
        datastore.close()


def _fails(recorder: RunfoldApplicationRecorder, event: StoredEvent) -> bool:
    try:
        recorder.insert_events([event])
    except OperationalError:
        return True
    return False

"""A failure that was seen before is found again: the same one by its hash, a similar one by its vector."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runfold
from runfold import events
from runfold.vectors.failures import failure_hash, message_of, normalised
from tests.fixtures.minilm import minilm, minilm_folder
from tests.fixtures.processes import assert_nothing_differs, drain

__all__ = ["minilm", "minilm_folder"]

TABLE = Path(__file__).with_name("failures.sql").read_text()

# Counts letters: equal texts get equal vectors. It writes each text down, to count what was embedded.
PROJECTION = """
from pathlib import Path
from runfold.vectors.failures import failure_projection

def embed(texts):
    with Path({calls!r}).open("a") as file:
        file.writelines(text + "\\n" for text in texts)
    return [[1.0 + text.lower().count(letter) for letter in "aeioustrn"] for text in texts]

failures = failure_projection(embed)
"""


def letters(texts: Any) -> list[list[float]]:
    return [[1.0 + text.lower().count(letter) for letter in "aeioustrn"] for text in texts]


@pytest.fixture
def projections(connection: psycopg.Connection[Any], tmp_path: Path) -> Path:
    connection.execute(TABLE.encode())
    folder = tmp_path / "projections"
    folder.mkdir()
    (folder / "failures.py").write_text(PROJECTION.format(calls=str(tmp_path / "calls")))
    return folder


def fail(store: runfold.Store, user: UUID, *messages: str) -> None:
    for message in messages:
        run = str(uuid4())
        store.append(
            f"execution-{run}",
            [
                events.ExecutionCreated(execution_id=run, workflow_id=uuid4(), mode="MANUAL"),
                events.ExecutionStarted(start_time=1),
                events.ExecutionFailed(end_time=2, error_message=message),
            ],
            user_id=user,
        )


def test_a_failure_is_one_row_and_is_embedded_once(
    store: runfold.Store,
    connection: psycopg.Connection[Any],
    database_url: str,
    projections: Path,
    user: UUID,
    other: UUID,
    tmp_path: Path,
) -> None:
    refused = [f"connection to 10.0.0.{n}:5432 refused after {n} tries" for n in range(5)]
    fail(store, user, *refused, "disk is full")
    assert drain(database_url, projections) == {}
    fail(store, user, "connection to 10.9.9.9:1 refused after 77 tries")
    fail(store, other, "disk is full")
    assert drain(database_url, projections) == {}
    rows = connection.execute(
        "SELECT user_id, message, normalised, occurrences FROM projections.failure_embeddings ORDER BY first_position"
    ).fetchall()
    assert rows == [
        (user, refused[0], "connection to <address> refused after <number> tries", 6),
        (user, "disk is full", "disk is full", 1),
        (other, "disk is full", "disk is full", 1),
    ]
    embedded = (tmp_path / "calls").read_text().splitlines()
    assert embedded.count("connection to <address> refused after <number> tries") == 1
    assert_nothing_differs(database_url, projections)

    vectors = store.as_user(user).vectors.embedding_with(letters)
    first, *_ = vectors.similar_failures("connection to 192.168.1.1:80 refused after 3 tries")
    assert (first.same, first.occurrences, first.message) == (True, 6, refused[0])
    assert first.similarity == pytest.approx(1)
    assert [one.occurrences for one in store.vectors(other, embedder=letters).similar_failures("disk is full")] == [1]
    assert store.as_user(uuid4()).vectors.embedding_with(letters).similar_failures("disk is full") == []


def test_a_failure_of_a_node_is_one_too(
    store: runfold.Store, connection: psycopg.Connection[Any], database_url: str, projections: Path, user: UUID
) -> None:
    run = str(uuid4())
    node = {"activation": "n#1", "node_id": "n", "end_time": 3}
    store.append(
        f"execution-{run}",
        [
            events.ExecutionCreated(execution_id=run, workflow_id=uuid4(), mode="MANUAL"),
            events.NodeFailed(**node, error_data={"message": "no route to host", "code": 7}),
        ],
        user_id=user,
    )
    assert drain(database_url, projections) == {}
    assert connection.execute("SELECT message FROM projections.failure_embeddings").fetchall() == [
        ("no route to host",)
    ]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("row 17 of 3,000", "row <number> of <number>"),
        ("job 6fa459ea-ee8a-4ca4-894e-db77e160355e died", "job <id> died"),
        ("at 2026-01-02T03:04:05.678Z, at 2026-01-02 03:04", "at <time>, at <time>"),
        ("commit 3f8a9c1d2b is bad", "commit <id> is bad"),
        ("pointer 0xDEADBEEF", "pointer <number>"),
        ("  many\n spaces\t", "many spaces"),
        ("defaced facade", "defaced facade"),
    ],
)
def test_what_differs_each_time_is_left_out(message: str, wanted: str) -> None:
    assert normalised(message) == wanted


@given(st.text(max_size=200))
def test_normalising_again_changes_nothing(message: str) -> None:
    once = normalised(message)
    assert normalised(once) == once
    assert failure_hash(once) == failure_hash(message)


REAL = """
from pathlib import Path
from runfold.vectors.failures import failure_projection
from tests.fixtures.minilm import Model

model = Model(Path({folder!r}))
failures = failure_projection(lambda texts: [model.vector(text) for text in texts])
"""


@pytest.mark.large
def test_a_failure_is_seen_again_in_other_words(
    store: runfold.Store,
    connection: psycopg.Connection[Any],
    database_url: str,
    projections: Path,
    minilm: Any,
    minilm_folder: Path,
    user: UUID,
) -> None:
    (projections / "failures.py").write_text(REAL.format(folder=str(minilm_folder)))
    fail(
        store,
        user,
        "The connection to the database at 10.0.0.7:5432 was refused",
        "The customer's credit card was declined by the bank",
        "There is no space left on the device",
    )
    assert drain(database_url, projections) == {}
    vectors = store.as_user(user).vectors.embedding_with(minilm)
    (seen, *_) = vectors.similar_failures("could not connect to PostgreSQL: connection refused", threshold=0.4)
    assert (seen.same, seen.occurrences) == (False, 1)
    assert seen.message.startswith("The connection to the database")
    assert vectors.similar_failures("my hovercraft is full of eels", threshold=0.6) == []
    assert_nothing_differs(database_url, projections)


@pytest.mark.large
def test_a_real_model_finds_a_failure_in_other_words(
    store: runfold.Store, connection: psycopg.Connection[Any], minilm: Any, user: UUID
) -> None:
    """The worked example of the page, with a model that knows what sentences mean."""
    texts = {
        "refused": "The connection to the database was refused by the server",
        "card": "The customer's credit card was declined by the bank",
        "disk": "There is no space left on the device",
        "json": "The response of the language model was not valid JSON",
    }
    vectors = store.as_user(user).vectors.embedding_with(minilm)
    vectors.upsert(
        "failures",
        [{"key": key, "text": text, "metadata": {"key": key}} for key, text in texts.items()],
        model="minilm",
    )
    for query, wanted in {
        "could not connect to PostgreSQL": "refused",
        "payment failed: the card issuer rejected it": "card",
        "the hard drive is full": "disk",
        "the LLM returned malformed output that cannot be parsed": "json",
    }.items():
        found = vectors.search("failures", query, threshold=-1)
        assert found[0].metadata["key"] == wanted, query
        assert found[0].similarity is not None
        assert found[1].similarity is not None
        assert found[0].similarity > found[1].similarity + 0.1
    assert vectors.collections()[0].dimensions == 384
    same, other = vectors._embedder(["a cat sits on the mat", "a kitten is on the rug"]), minilm(["stock prices fell"])  # type: ignore[misc]
    assert _cosine(same[0], same[1]) > 0.5
    assert _cosine(same[0], other[0]) < 0.2
    assert minilm(["a cat sits on the mat"]) == same[:1]


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_a_message_is_found_in_each_form_of_error_data() -> None:
    class Event:
        def __init__(self, **data: Any) -> None:
            self.data = data

    forms = [
        (Event(error_message="m"), "m"),
        (Event(error_data={"message": "m"}), "m"),
        (Event(error_data={"error": "m"}), "m"),
        (Event(error_data="m"), "m"),
        (Event(error_data={"b": 1, "a": 2}), '{"a":2,"b":1}'),
        (Event(error_message=""), None),
        (Event(), None),
    ]
    assert [message_of(event) for event, _ in forms] == [wanted for _, wanted in forms]  # type: ignore[arg-type]

"""The JSON under the pages: the same rows, described by the OpenAPI document."""

from __future__ import annotations

import psycopg
import pytest
from starlette.testclient import TestClient

from runfold.reading.executions import read_execution
from runfold.reading.outline import outline_of, read_execution_outline


def test_the_document_names_every_address(console: TestClient) -> None:
    document = console.get("/api/v1/openapi.json").json()
    assert sorted(document["paths"]) == [
        "/api/v1/executions",
        "/api/v1/executions/{execution_id}",
        "/api/v1/inbox",
        "/api/v1/log",
        "/api/v1/projections",
        "/api/v1/status",
        "/api/v1/unmatched",
        "/api/v1/workflows",
    ]
    for path in document["paths"]:
        answer = console.get(path.replace("{execution_id}", "claim-2"))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "after=x", "status=x", "min=x", "since=x"])
def test_a_wrong_parameter_is_refused(console: TestClient, query: str) -> None:
    answer = console.get(f"/api/v1/executions?{query}")
    assert answer.status_code in (400, 422)


def test_what_is_missing_has_a_code_and_a_correlation_id(console: TestClient) -> None:
    answer = console.get("/api/v1/executions/none")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "unknown_execution")
    assert error["correlation_id"] == answer.headers["x-correlation-id"]


def test_the_status_is_that_of_the_strip(console: TestClient) -> None:
    status = console.get("/api/v1/status").json()
    assert status["as_of"] == status["status"]["safe_head"]
    assert status["lag_events"] == 0


@pytest.mark.parametrize("name", ["claim-1", "claim-2", "claim-3", "claim-4", "large-1"])
def test_an_outline_is_the_execution_without_payloads(filled: str, name: str) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        found = read_execution_outline(connection, name)
        expected = outline_of(read_execution(connection, name, logs=200))
    assert found["nodes"] == [{key: each[key] for key in found["nodes"][0]} for each in expected["nodes"]]
    assert found["families"] == expected["families"]
    assert found["attempts"] == expected["attempts"]
    assert [found[part] for part in ("pauses", "children", "logs")] == [
        expected[part] for part in ("pauses", "children", "logs")
    ]

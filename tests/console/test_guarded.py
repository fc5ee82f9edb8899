"""Who may see what: hosts, methods, tokens, tenants, hostile data, a database that is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.console import sample
from tests.console.conftest import opened
from tests.console.test_pages import PAGES
from tests.fixtures.tenants import login_of_gateway

FOREIGN = ("foreign-1", "foreign-2", "other-tenant-workflow")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_a_foreign_host_is_refused(console: TestClient, host: str) -> None:
    assert console.get("/executions", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:7433", "localhost", "LOCALHOST:1", "[::1]:7433"])
def test_an_own_host_is_served(console: TestClient, host: str) -> None:
    assert console.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_is_written(console: TestClient, method: str) -> None:
    for path in ("/executions", "/sign-in", "/api/v1/executions"):
        answer = console.request(method, path)
        assert answer.status_code == 405
        assert "content-security-policy" in answer.headers


def test_the_connections_cannot_write(filled: str) -> None:
    from runfold.console.database import Database
    from runfold.console.signing_in import OPERATOR
    from runfold.errors import RunfoldError
    from runfold.projections.definition.catalogue import load_catalogue
    from runfold.settings import Settings

    database = Database(filled, Settings(), load_catalogue())
    database.open()
    try:
        with pytest.raises((psycopg.errors.ReadOnlySqlTransaction, RunfoldError)), database.reading(OPERATOR) as reader:
            reader.connection.execute("DELETE FROM public.workflow_executions")
        with pytest.raises(RunfoldError) as slow, database.reading(OPERATOR) as reader:
            reader.connection.execute("SELECT pg_sleep(20)")
        assert slow.value.code == "time_limit_reached"
    finally:
        database.close()


@pytest.fixture(scope="module")
def tenants(filled: str, tokens: Path) -> Iterator[Any]:
    """A function that opens the console as the bearer of a token, through a login that may act for tenants alone."""
    with opened(login_of_gateway(filled), auth="token", tokens=tokens) as client:

        def as_bearer(token: str, path: str) -> Any:
            return client.get(path, headers={"authorization": f"Bearer {token}"})

        yield as_bearer


def test_without_a_token_nobody_sees_anything(tenants: Any) -> None:
    for path in PAGES:
        answer = tenants("wrong", path)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/sign-in"
    assert tenants("wrong", "/api/v1/executions").status_code == 401


def test_a_tenant_sees_nothing_of_another(tenants: Any) -> None:
    paths = (
        "/executions",
        "/inbox",
        "/workflows",
        "/executions/claim-2",
        "/executions/claim-2?tab=data",
        "/executions/claim-3",
        "/api/v1/executions",
        "/api/v1/inbox",
        "/api/v1/workflows",
        "/api/v1/executions/claim-2",
        "/executions?q=fore",
    )
    for path in paths:
        answer = tenants("tenant", path)
        assert answer.status_code == 200, (path, answer.text[-800:])
        assert not [name for name in FOREIGN if name in answer.text], path
    assert "claim-2" in tenants("tenant", "/executions").text
    # The control: for the other tenant they are there.
    assert "foreign-1" in tenants("other", "/executions").text


def test_anothers_execution_is_as_unknown_as_none(tenants: Any) -> None:
    one = tenants("tenant", "/api/v1/executions/foreign-1")
    none = tenants("tenant", "/api/v1/executions/foreign-9")
    assert one.status_code == none.status_code == 404
    assert one.json()["error"]["code"] == none.json()["error"]["code"]
    assert tenants("tenant", "/executions/foreign-1").status_code == 404
    assert tenants("tenant", "/executions/foreign-1/nodes/payout/error_data").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/projections",
        "/log",
        "/growth",
        "/stuck",
        "/parked/execution-foreign-1",
        "/why/workflow_executions/claim-2/status",
        "/executions/claim-1/diff/foreign-1",
        "/executions/claim-2?event=3",
        "/api/v1/log",
        "/api/v1/projections",
    ],
)
def test_pages_of_operators_do_not_exist_for_tenants(tenants: Any, path: str) -> None:
    assert tenants("tenant", path).status_code == 404
    page = tenants("tenant", "/executions").text
    assert 'data-page="projections"' not in page
    assert "leader" not in page


def test_signing_in_sets_a_cookie_that_no_script_reads(filled: str, tokens: Path) -> None:
    with opened(filled, auth="token", tokens=tokens) as client:
        assert client.post("/sign-in", data={"token": "wrong"}).status_code == 403
        assert (
            client.post("/sign-in", data={"token": "operate"}, headers={"sec-fetch-site": "cross-site"}).status_code
            == 404
        )
        answer = client.post("/sign-in", data={"token": "operate"})
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert client.get("/projections").status_code == 200


HOSTILE = "<script>alert(1)</script>\"'&\u202e\u0007<img src=x onerror=alert(1)>"


def test_hostile_data_is_shown_and_not_obeyed(database_url: str) -> None:
    name = "x<script>alert(1)</script>"
    with psycopg.connect(database_url, autocommit=True) as connection:
        sample.workflows(connection)
        w = sample.Writer(connection, 1_700_000_000_000)
        stream = f"execution-{name}"
        about = {
            "execution_id": name,
            "workflow_id": str(sample.WORKFLOW),
            "mode": "MANUAL",
            "metadata": {HOSTILE: HOSTILE},
        }
        w.add(stream, "ExecutionCreated", 0, **about)
        w.add(stream, "ExecutionStarted", 0, start_time=w.ms(0))
        w.add(
            stream,
            "NodeStarted",
            1,
            activation="<b>",
            node_id="<b>",
            node_type="ACTION",
            node_name="\u202e<i>" * 20,
            attempt=1,
            start_time=w.ms(1),
            input_data={HOSTILE: [HOSTILE]},
        )
        w.add(
            stream,
            "NodeFailed",
            2,
            activation="<b>",
            node_id="<b>",
            attempt=1,
            end_time=w.ms(-5),
            error_data={"message": HOSTILE},
        )
        w.add(f"log-{name}", "LogAppended", 2, level="ERROR", event_type="workflow_progress", message=HOSTILE)
        w.add(stream, "ExecutionFailed", 3, end_time=w.ms(3), error_message=HOSTILE)
        w.write()
    sample.fold(database_url)
    with opened(database_url) as client:
        link = "/executions/x%3Cscript%3Ealert(1)%3C%2Fscript%3E"
        for path in (
            "/executions",
            link,
            f"{link}?tab=log",
            f"{link}?tab=data",
            f"{link}?tab=events",
            f"{link}?event=4",
            "/log",
        ):
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.text[-1200:])
            assert "<script>alert" not in answer.text
            assert "<img" not in answer.text
            assert "\u202e" not in answer.text
        download = client.get(f"{link}/nodes/%3Cb%3E/input_data")
        assert download.status_code == 200
        assert download.headers["content-type"] == "text/plain; charset=utf-8"
        assert download.headers["content-disposition"].startswith("attachment")


def test_a_large_value_is_cut_and_can_be_downloaded(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        sample.workflows(connection)
        w = sample.Writer(connection, 1_700_000_000_000)
        w.add(
            "execution-big", "ExecutionCreated", 0, execution_id="big", workflow_id=str(sample.WORKFLOW), mode="MANUAL"
        )
        w.add(
            "execution-big",
            "NodeStarted",
            1,
            activation="n",
            node_id="n",
            node_type="ACTION",
            attempt=1,
            start_time=w.ms(1),
            input_data={"text": "y" * 900_000},
        )
        w.write()
    sample.fold(database_url)
    with opened(database_url) as client:
        page = client.get("/executions/big?node=n")
        assert len(page.content) < 60_000
        assert "cut here: 900.0 kB in all" in page.text
        assert len(client.get("/executions/big/nodes/n/input_data").content) > 900_000


@pytest.mark.database
def test_a_database_that_is_away_keeps_the_frame() -> None:
    with opened("postgresql://nobody@127.0.0.1:9/none") as client:
        answer = client.get("/executions")
        assert answer.status_code == 503
        assert "database away" in answer.text
        assert "To the executions" in answer.text
        assert client.get("/api/v1/executions").json()["error"]["code"] == "database_unavailable"
        assert client.get("/healthz").status_code == 200


def test_the_strip_is_renewed_by_events(console: TestClient) -> None:
    from runfold.console.frame import Frame

    frame: Frame = console.app._app.state.frame  # type: ignore[attr-defined]
    text = frame.part("trust.html", trust=frame.trust.current(), viewer=None)
    assert "safe head" in text
    assert "leader" not in text

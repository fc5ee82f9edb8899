"""Every page answers within its budget, loads nothing from elsewhere, and shows what the store has."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.console import sample
from tests.console.conftest import opened

PAGES = (
    "/executions",
    "/executions?status=error",
    "/executions?q=status:error+min:10s",
    "/executions/claim-2",
    "/executions/claim-2?event=30",
    "/executions/claim-2?tab=log",
    "/executions/claim-2?tab=data",
    "/executions/claim-2?tab=events",
    "/executions/claim-3",
    "/executions/claim-4",
    "/executions/large-1",
    "/executions/large-1?event=500",
    "/executions/claim-1/diff/claim-2",
    "/inbox",
    "/stuck",
    "/workflows",
    "/projections",
    "/log",
    "/log?stream=execution-claim-1&type=NodeStarted",
    "/growth",
    "/why/workflow_executions/claim-2/status",
)
MOST_BYTES = 16 * 1024
MOST_NODES = 2_500


class Page(HTMLParser):
    """What is in a page: its tags, the addresses that it names, and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def links(self) -> Iterator[str]:
        """The addresses of links, forms, assets and streams."""
        for _, attributes in self.tags:
            for name in ("href", "src", "action", "hx-sse:connect", "data-href", "data-url"):
                if value := attributes.get(name):
                    yield value

    @property
    def text(self) -> str:
        """All text."""
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_within_its_budget(console: TestClient, path: str) -> None:
    answer = console.get(path)
    assert answer.status_code == 200, answer.text[-2000:]
    assert len(gzip.compress(answer.content, 5)) <= MOST_BYTES
    page = Page(answer.text)
    assert len(page.tags) <= MOST_NODES
    assert not [
        tag for tag, attributes in page.tags if "style" in attributes or any(n.startswith("on") for n in attributes)
    ]
    assert not [tag for tag, attributes in page.tags if tag == "script" and not attributes.get("src")]


@pytest.mark.parametrize("path", PAGES)
def test_each_page_loads_nothing_from_elsewhere(console: TestClient, path: str) -> None:
    answer = console.get(path)
    assert [link for link in Page(answer.text).links if not re.match(r"/(?!/)|#|data:,$", link)] == []
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_link_of_the_pages_leads_somewhere(console: TestClient) -> None:
    links = {link for path in PAGES for link in Page(console.get(path).text).links if link.startswith("/")}
    links -= {"/trust-events"}
    # A look at the past folds: a few of them are enough.
    past = sorted(link for link in links if "event=" in link)
    links -= set(past) - set(past[::15])
    assert len(links) > 40
    assert {link: status for link in links if (status := console.get(link).status_code) not in (200, 303)} == {}


def test_below_a_base_path_every_link_has_it(filled: str) -> None:
    with opened(filled, base_path="/runfold") as client:
        for path in PAGES:
            answer = client.get(f"http://127.0.0.1:7433/runfold{path}")
            assert answer.status_code == 200
            others = [link for link in Page(answer.text).links if not re.match(r"/runfold/|#|data:,$", link)]
            assert others == []


def test_the_list_shows_what_failed_with_its_error(console: TestClient) -> None:
    page = Page(console.get("/executions?status=error").text)
    assert "claim-2" in page.text
    assert "account PT50 0002 … 154 is closed" in page.text
    assert "claim-1" not in page.text


def test_pages_of_the_list_follow_each_other_without_a_gap(filled: str, console: TestClient) -> None:
    seen: list[str] = []
    after = ""
    for _ in range(20):
        rows = console.get(f"/api/v1/executions?limit=2&after={after}").json()
        seen += [row["execution_id"] for row in rows["rows"]]
        if not (after := rows["after"] or ""):
            break
    with psycopg.connect(filled) as connection:
        named = connection.execute(
            "SELECT execution_id FROM public.workflow_executions ORDER BY created_at DESC, id"
        ).fetchall()
    assert seen == [name for (name,) in named]


def test_an_execution_is_found_by_its_id_and_by_its_only_beginning(console: TestClient) -> None:
    assert console.get("/executions?q=claim-3").headers["location"] == "/executions/claim-3"
    assert console.get("/executions?q=larg").headers["location"] == "/executions/large-1"
    assert console.get("/executions?q=claim").status_code == 200  # several begin so


def test_an_execution_that_failed_says_why_above_everything(console: TestClient) -> None:
    text = Page(console.get("/executions/claim-2").text).text
    assert text.index("Pay out failed bank: account PT50 0002 … 154 is closed after 3 attempts") < text.index(
        "Classify claim"
    )


def test_an_execution_that_waits_shows_the_question(console: TestClient) -> None:
    assert "Waits for a person Pay 4,520 EUR for claim-3?" in Page(console.get("/executions/claim-3").text).text


def test_a_large_family_is_one_row_with_its_failures_in_front(console: TestClient) -> None:
    text = Page(console.get("/executions/large-1").text).text
    assert "400 items · 8 failed" in text
    assert "+ 387 more: failed and slowest are shown" in text
    assert text.index("embed #50") < text.index("more: failed and slowest")


def test_an_empty_store_says_how_to_begin(database_url: str) -> None:
    with opened(database_url) as client:
        assert "No execution has been recorded yet" in client.get("/executions").text
        for path in ("/inbox", "/stuck", "/workflows", "/projections", "/log", "/growth"):
            assert client.get(path).status_code == 200


def test_a_filter_that_nothing_fits_says_which_part_to_drop(console: TestClient) -> None:
    page = Page(console.get("/executions?status=canceled&min=3d").text)
    assert "No execution fits this filter. Without status Without min All executions" in page.text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/executions/none-such", 404, "unknown_execution"),
        ("/executions/claim-2?event=9999", 404, "position_unavailable"),
        ("/executions/claim-2?event=zero", 400, "invalid_event"),
        ("/executions?status=wrong", 400, "invalid_filter"),
        ("/executions?min=long", 400, "invalid_filter"),
        ("/executions?after=wrong", 400, "invalid_page_token"),
        ("/parked/execution-claim-1", 404, "stream_not_parked"),
        ("/why/no_table/x/y", 404, "unknown_table"),
        ("/nowhere", 404, "no_such_page"),
        ("/log?before=x", 400, "invalid_position"),
    ],
)
def test_an_error_keeps_the_frame_and_says_what_to_do(console: TestClient, path: str, status: int, code: str) -> None:
    answer = console.get(path)
    assert answer.status_code == status, answer.text[-1500:]
    page = Page(answer.text)
    assert code in page.text
    assert answer.headers["x-correlation-id"] in page.text
    assert any(attributes.get("class") == "trust" for _, attributes in page.tags)


def test_the_slider_shows_rows_as_they_were(console: TestClient) -> None:
    page = Page(console.get("/executions/claim-2?event=4").text)
    assert "As of event 4 NodeSucceeded classify" in page.text
    assert "classify.status RUNNING → SUCCESS" in page.text
    assert "Pay out" not in page.text


def test_the_pages_of_the_past_are_those_that_read_execution_at_gives(filled: str, console: TestClient) -> None:
    from runfold.projections.definition.catalogue import load_catalogue
    from runfold.reading.executions import read_execution_at

    for event in (1, 2, 3, 17, 40, 58, 60):
        with psycopg.connect(filled, autocommit=True) as connection:
            found = read_execution_at(connection, load_catalogue(), "claim-2", event=event)
        page = Page(console.get(f"/executions/claim-2?event={event}").text)
        shown = [
            attributes["data-node"]
            for _, attributes in page.tags
            if attributes.get("role") == "row" and "data-node" in attributes
        ]
        assert sorted(filter(None, shown)) == sorted(node["activation"] for node in found["nodes"])


def test_values_name_the_event_that_why_finds(filled: str, console: TestClient) -> None:
    from runfold.projections.definition.catalogue import load_catalogue
    from runfold.reading.past.why import why

    with psycopg.connect(filled, autocommit=True) as connection:
        row = connection.execute(
            "SELECT id FROM public.node_executions WHERE execution_id = 'claim-2' AND activation = 'payout'"
        ).fetchone()
        assert row is not None
        expected = {
            column: why(connection, load_catalogue(), "node_executions", str(row[0]), column).event["stream_version"]
            for column in ("status", "error_data", "input_data", "start_time")
        }
    page = console.get("/executions/claim-2?node=payout").text
    pane = page[page.index('class="pane"') :]
    numbers = [int(number) for number in re.findall(r">ev (\d+)<", pane)]
    status, start, _, error, given = numbers
    assert {"status": status, "error_data": error, "input_data": given, "start_time": start} == expected


def test_a_new_execution_is_shown_after_the_fold(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection, opened(database_url) as client:
        sample.workflows(connection)
        assert "claim-new" not in client.get("/executions").text
        sample.claim(connection, "claim-new")
        sample.fold(database_url)
        assert "claim-new" in client.get("/executions").text

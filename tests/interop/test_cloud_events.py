"""CloudEvents: what is exported is valid for the real SDK, and events of other systems come in."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import runfold
from runfold.errors import ImportFailed
from runfold.interop.cloud_events import decode
from runfold.interop.documents import read_documents
from runfold.interop.exporting import export_events
from runfold.interop.importing import EventsSummary, import_events
from tests.interop.files import another, content, fill

FOREIGN = {
    "specversion": "1.0",
    "id": "A-17",
    "source": "https://shop.example/orders",
    "type": "com.example.order.paid",
    "subject": "17",
    "time": "2026-03-01T12:00:00+01:00",
    "datacontenttype": "application/json",
    "data": {"amount": 12.5},
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


@pytest.fixture
def orders(server_url: str, template_database: str) -> Iterator[str]:
    with another(server_url, template_database) as url:
        with runfold.connect(url) as store:
            store.register_event_types("orders")
        yield url


def imported(url: str, path: Path, category: str | None = None) -> EventsSummary:
    with runfold.connect(url) as store:
        return import_events(store, (decode(*one, category=category) for one in read_documents(path)))


def test_each_exported_event_is_valid_for_the_sdk(orders: str) -> None:
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    fill(orders)
    output = io.BytesIO()
    with runfold.connect(orders) as store:
        export_events(store, output, "cloudevents", source="https://engine.example")
    rows = content(orders)
    lines = output.getvalue().splitlines()
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        # The constructor checks the names, types and forms of all attributes.
        event = JSONFormat().read(CloudEvent, line)
        assert (event.get_subject(), event.get_id(), event.get_type()) == (row[0], str(row[2]), row[3])
        assert (event.get_source(), event.get_time()) == ("https://engine.example", row[9])
        assert event.get_data() == (row[6] if row[6] is not None else row[7])


def test_control_the_sdk_refuses_what_is_not_valid() -> None:
    from cloudevents.core.exceptions import CloudEventValidationError
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    for bad in ({"id": ""}, {"Upper_Case": "x"}):
        with pytest.raises(CloudEventValidationError):
            JSONFormat().read(CloudEvent, json.dumps(FOREIGN | bad).encode())


@pytest.mark.parametrize("shape", ["a line", "a batch", "one over several lines"])
def test_an_event_of_another_system_is_imported_into_a_category(orders: str, tmp_path: Path, shape: str) -> None:
    texts = {
        "a line": json.dumps(FOREIGN),
        "a batch": json.dumps([FOREIGN]),
        "one over several lines": json.dumps(FOREIGN, indent=1),
    }
    path = tmp_path / "orders.json"
    path.write_text(texts[shape])
    assert imported(orders, path, "orders").events_appended == 1
    assert imported(orders, path, "orders").events_repeated == 1
    ((stream, version, _, kind, _, user, data, payload, metadata, _),) = content(orders)
    assert (stream, version, kind) == ("orders-17", 1, "com.example.order.paid")
    assert (user, data, payload, metadata) == (None, {"amount": 12.5}, None, {"source": FOREIGN["source"]})


@pytest.mark.parametrize(
    ("changes", "data", "payload"),
    [
        ({"data": [1, 2]}, None, b"[1,2]"),
        ({"data": "text", "datacontenttype": "text/plain"}, None, b"text"),
        ({"data": "text"}, None, b'"text"'),
        ({"data": None, "data_base64": "AAE="}, None, b"\x00\x01"),
        ({"data": None}, {}, None),
    ],
)
def test_data_that_is_no_object_is_bytes(
    orders: str, tmp_path: Path, changes: dict[str, Any], data: Any, payload: Any
) -> None:
    path = tmp_path / "orders.json"
    path.write_text(json.dumps(FOREIGN | changes))
    imported(orders, path, "orders")
    ((*_, found, octets, _, _),) = content(orders)
    assert (found, octets) == (data, payload)


@pytest.mark.parametrize(
    ("changes", "category", "said"),
    [
        ({"specversion": "0.3"}, "orders", "specversion"),
        ({"id": ""}, "orders", "id must be"),
        ({"time": "yesterday"}, "orders", "time must be"),
        ({"time": None}, "orders", "time must be"),
        ({"data_base64": "AAE="}, "orders", "both data and data_base64"),
        ({}, None, "--category"),
        ({"subject": None}, None, "--category"),
        ({}, "unheard", "unheard"),
        ({"subject": "execution-1", "metadata": "[]"}, None, "metadata"),
    ],
)
def test_what_cannot_be_imported_is_named(
    orders: str, tmp_path: Path, changes: dict[str, Any], category: str | None, said: str
) -> None:
    path = tmp_path / "orders.json"
    path.write_text(json.dumps(FOREIGN | changes))
    with pytest.raises(ImportFailed) as failed:
        imported(orders, path, category)
    assert "orders.json, line 1: " in failed.value.message
    assert said in str(failed.value)

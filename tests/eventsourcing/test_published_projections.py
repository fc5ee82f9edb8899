"""The library's published cases for projections, unchanged, on a view with rows beside its tracking."""

from __future__ import annotations

import contextlib

import pytest
from eventsourcing.persistence import Tracking
from eventsourcing.tests import projection as cases

from runfold.eventsourcing import Datastore
from tests.eventsourcing.views import CountsView


class TestEventCountersView(cases.EventCountersViewTestCase):
    @pytest.fixture(autouse=True)
    def _datastore(self, datastore: Datastore) -> None:
        self.datastore = datastore

    def construct_event_counters_view(self) -> CountsView:
        view = CountsView(self.datastore, tracker="eventcounters")
        view.create_table()
        return view


@pytest.mark.usefixtures("environment")
class TestEventCountersProjection(cases.AggregateEventCountersProjectionTestCase):
    view_class = CountsView


@pytest.mark.usefixtures("environment")
class TestEventSourcedProjection(cases.EventSourcedProjectionTestCase):
    pass


def test_a_view_that_fails_leaves_neither_row_nor_tracking(datastore: Datastore) -> None:
    view = CountsView(datastore, tracker="eventcounters")
    view.create_table()
    with contextlib.suppress(ZeroDivisionError), datastore.transaction(commit=True) as cursor:
        view._insert_tracking(cursor, Tracking("upstream", 1))
        view.count(cursor, "created")
        raise ZeroDivisionError
    assert view.max_tracking_id("upstream") is None
    assert view.get_created_event_counter() == 0

"""The published test cases of the eventsourcing library for persistence modules, unchanged, on our recorders."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import TrackingRecorder
from eventsourcing.tests import application as applications
from eventsourcing.tests import persistence as cases
from eventsourcing.utils import Environment

from runfold.eventsourcing import (
    Datastore,
    RunfoldAggregateRecorder,
    RunfoldApplicationRecorder,
    RunfoldFactory,
    RunfoldProcessRecorder,
    RunfoldSnapshotRecorder,
    RunfoldTrackingRecorder,
)
from runfold.eventsourcing.originators import OriginatorIds
from tests.eventsourcing.recorders import made


class OnOurDatabase:
    """Gives a case the test's database; its methods are the library's."""

    datastore: Datastore
    text_ids = False

    @pytest.fixture(autouse=True)
    def _datastore(self, datastore: Datastore) -> None:
        self.datastore = datastore


class WithTextIds(OnOurDatabase):
    text_ids = True

    def new_originator_id(self) -> UUID | str:
        return f"an account, {uuid4()}"


class TestAggregateRecorder(OnOurDatabase, cases.AggregateRecorderTestCase):
    def create_recorder(self) -> RunfoldAggregateRecorder:
        return made(self.datastore, RunfoldAggregateRecorder, text_ids=self.text_ids)


class TestAggregateRecorderWithTextIds(WithTextIds, TestAggregateRecorder):
    pass


class TestSnapshotRecorder(OnOurDatabase, cases.AggregateRecorderTestCase):
    def create_recorder(self) -> RunfoldSnapshotRecorder:
        return RunfoldSnapshotRecorder(
            self.datastore, category="accounts", originator_ids=OriginatorIds(are_text=self.text_ids)
        )


class TestSnapshotRecorderWithTextIds(WithTextIds, TestSnapshotRecorder):
    pass


class TestApplicationRecorder(OnOurDatabase, cases.ApplicationRecorderTestCase[RunfoldApplicationRecorder]):
    def create_recorder(self) -> RunfoldApplicationRecorder:
        return made(self.datastore, text_ids=self.text_ids)

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationRecorderWithTextIds(WithTextIds, TestApplicationRecorder):
    pass


class TestNonInterleavingNotificationIds(OnOurDatabase, cases.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> RunfoldApplicationRecorder:
        return made(self.datastore)


class TestTrackingRecorder(OnOurDatabase, cases.TrackingRecorderTestCase):
    def create_recorder(self) -> RunfoldTrackingRecorder:
        return RunfoldTrackingRecorder(self.datastore, tracker="counts")


class TestProcessRecorder(OnOurDatabase, cases.ProcessRecorderTestCase):
    def create_recorder(self) -> RunfoldProcessRecorder:
        return made(self.datastore, RunfoldProcessRecorder, tracker="accounts", text_ids=self.text_ids)


class TestProcessRecorderWithTextIds(WithTextIds, TestProcessRecorder):
    pass


class TestProcessRecorderAsApplicationRecorder(TestApplicationRecorder):
    def create_recorder(self) -> RunfoldProcessRecorder:
        return made(self.datastore, RunfoldProcessRecorder, tracker="accounts")


class TestProcessRecorderAsTrackingRecorder(TestTrackingRecorder):
    def create_recorder(self) -> RunfoldProcessRecorder:
        return made(self.datastore, RunfoldProcessRecorder, tracker="accounts")


class CountsRecorder(RunfoldTrackingRecorder):
    pass


class TestFactory(cases.InfrastructureFactoryTestCase[RunfoldFactory]):
    @pytest.fixture(autouse=True)
    def _environment(self, environment: dict[str, str]) -> None:
        self.env = Environment("TestCase", environment)

    def expected_factory_class(self) -> type[RunfoldFactory]:
        return RunfoldFactory

    def expected_aggregate_recorder_class(self) -> type[RunfoldAggregateRecorder]:
        return RunfoldAggregateRecorder

    def expected_application_recorder_class(self) -> type[RunfoldApplicationRecorder]:
        return RunfoldApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[RunfoldTrackingRecorder]:
        return RunfoldTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return CountsRecorder

    def expected_process_recorder_class(self) -> type[RunfoldProcessRecorder]:
        return RunfoldProcessRecorder


@pytest.mark.usefixtures("environment")
class TestExampleApplication(applications.ExampleApplicationTestCase):
    expected_factory_topic = "runfold.eventsourcing.factory:RunfoldFactory"


@pytest.mark.usefixtures("environment")
class TestApplications(applications.ApplicationTestCase):
    pass


def test_every_published_case_for_recorders_has_one_of_ours() -> None:
    """A case that a later version of the library adds must be noticed."""
    published = {
        case
        for case in vars(cases).values()
        if isinstance(case, type) and case.__name__.endswith("Case") and case.__module__ == cases.__name__
    }
    ours: set[Any] = {base for case in globals().values() if isinstance(case, type) for base in case.__mro__}
    assert {case.__name__ for case in published - ours} == {"TranscoderTestCase"}

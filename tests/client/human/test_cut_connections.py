"""An unknown outcome of a commit: the connection is cut after the server has recorded, and all is recorded once."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import uuid4

import psycopg

import runfold
from runfold.domain.trigger import Trigger
from runfold.settings import Settings
from tests.client.human.asking import WORKFLOW, counted, types_of
from tests.client.human.test_answer_races import Ends, naming
from tests.client.human.test_answers import all_is_well, ask, receive
from tests.fixtures.evidence import Evidence
from tests.fixtures.proxy import Proxy

Connection = psycopg.Connection[Any]
CUT = (b"InteractionRequested", b"ResponseReceived", b"ResponseMatched", b"ResponseFilteredOut", b"DeploymentCompleted")


class Scissors:
    """A proxy that cuts at every other append of each kind: the first time, not when it is sent again."""

    def __init__(self) -> None:
        self.seen: Counter[bytes] = Counter()

    def __call__(self, said: bytes) -> bool:
        for kind in CUT:
            # The event's type as an append has it, not as a query names it.
            if b'"' + kind + b'"' in said and b"stream_id" in said:
                self.seen[kind] += 1
                return self.seen[kind] % 2 == 1
        return False


def test_what_was_recorded_before_a_cut_is_recorded_once(
    connection: Connection, database_url: str, evidence: Evidence
) -> None:
    rounds = evidence.scaled(6)
    settings = Settings(retry_seconds=20, pool_max_size=2)
    with (
        Proxy(database_url, Scissors()) as proxy,
        runfold.connect(proxy.url, settings=settings) as store,
        runfold.connect(database_url) as direct,
    ):
        questions = [ask(store, interaction_id=uuid4()) for _ in range(rounds)]
        for question in questions:
            received = [receive(store, naming(question, n), "in_app", workflow_id=WORKFLOW) for n in range(2)]
            found = [store.responses.classify(response) for response in received]
            assert [one.status for one in found] == ["matched", "filtered_out"]
        workflows = [uuid4() for _ in range(rounds)]
        for workflow in workflows:
            store.deployments.deploy(workflow, definition=None, triggers=[Trigger.webhook(f"/{workflow}")])
        evidence.note(cuts=proxy.cuts, questions=rounds)
        assert proxy.cuts >= 5 * rounds
        ends = Ends.of(direct, questions)
        assert (ends.ways, ends.wrong) == ({"InteractionResponded": rounds}, [])
        for workflow in workflows:
            assert types_of(direct, f"deployment-{workflow}").count("DeploymentCompleted") == 1
    assert counted(connection, "ResponseReceived", "ResponseMatched", "ResponseFilteredOut") == {
        "ResponseReceived": 2 * rounds, "ResponseMatched": rounds, "ResponseFilteredOut": rounds,
    }  # fmt: skip
    all_is_well(connection, database_url)

"""An aggregate folds the effects of its category's events, as their classes define them."""

from __future__ import annotations

import pytest

from runfold import events
from runfold.domain.aggregate import Aggregate, folds_of, moves_status
from runfold.domain.deployment import Deployment
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.response import Response
from runfold.events import VOCABULARY
from runfold.events.machines import INTERACTION


@pytest.mark.parametrize("aggregate", [Execution, Interaction, Response, Deployment])
def test_an_aggregate_folds_what_moves_it_and_no_type_that_it_has_not(aggregate: type[Aggregate]) -> None:
    of_category = {name for name, event in VOCABULARY.items() if event.category() == aggregate.category}
    moving = {name for name in of_category if VOCABULARY[name].moves is not None}
    assert moving <= set(aggregate._folds) <= of_category


def test_the_fold_of_a_new_event_follows_from_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    class InteractionWithdrawn(events.InteractionEvent, moves=INTERACTION.to("cancelled")):
        """The asker no longer needs the answer."""

    monkeypatch.setitem(VOCABULARY, "InteractionWithdrawn", InteractionWithdrawn)
    fold = folds_of("interaction", moves_status, {})["InteractionWithdrawn"]
    assert fold(Interaction(id="interaction-1", status="pending"), {}) == {"status": "cancelled"}
    assert fold(Interaction(id="interaction-1", status="responded"), {}) == {}
    assert fold(Interaction(id="interaction-1"), {}) == {}

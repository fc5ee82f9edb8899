"""Options and timelines know every status of the machines."""

from __future__ import annotations

from typing import get_args

import pytest

from runfold.cli import tree, words
from runfold.events import fields
from runfold.events.machines import EXECUTION, NODE, PAUSE, Machine
from tests.model import executions


@pytest.mark.parametrize("machine", [EXECUTION, NODE, PAUSE], ids=lambda machine: machine.name)
def test_a_timeline_has_a_sign_for_every_status(machine: Machine) -> None:
    assert set(machine.statuses) <= set(tree.STYLES)


def test_options_take_every_status() -> None:
    assert set(words.statuses_of("execution")) == {"NEW", *executions.LEGAL, *executions.ENDED}
    assert set(words.statuses_of("deployment")) == set(get_args(fields.DeploymentStatus))


def test_options_take_what_the_fields_allow() -> None:
    assert words.modes() == get_args(fields.Mode)
    assert words.trigger_kinds() == get_args(fields.TriggerSubtype)

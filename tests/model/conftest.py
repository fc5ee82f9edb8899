"""Fixtures of the model's tests."""

from __future__ import annotations

import pytest

from tests.model.writing import Log


@pytest.fixture
def log() -> Log:
    return Log()

"""What the model's own tests share."""

from __future__ import annotations

import pytest

from tests.model.writing import Log


@pytest.fixture
def log() -> Log:
    return Log()

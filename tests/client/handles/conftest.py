"""What the tests of writing share."""

from __future__ import annotations

from tests.fixtures.stores import store

__all__ = ["store"]

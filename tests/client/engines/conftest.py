"""Fixtures of the tests of engines."""

from __future__ import annotations

from tests.fixtures.stores import store

__all__ = ["store"]

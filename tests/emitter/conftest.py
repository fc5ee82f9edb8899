"""Fixtures of the emitter's tests."""

from tests.fixtures.stores import store

__all__ = ["store"]

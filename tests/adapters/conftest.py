"""Fixtures of the adapters' tests."""

from tests.fixtures.stores import store

__all__ = ["store"]

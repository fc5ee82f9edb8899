"""Fixtures of the emitter's tests."""

from tests.fixtures.evidence import evidence
from tests.fixtures.stores import store

__all__ = ["evidence", "store"]

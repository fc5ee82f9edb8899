"""Fixtures of the tests with people."""

from __future__ import annotations

from tests.fixtures.evidence import evidence
from tests.fixtures.stores import store

__all__ = ["evidence", "store"]

"""Fixtures of the fault tests."""

from __future__ import annotations

from tests.fixtures.evidence import evidence
from tests.fixtures.stores import store

__all__ = ["evidence", "store"]

"""Fixtures of the demo's tests."""

from __future__ import annotations

from tests.fixtures.evidence import evidence

__all__ = ["evidence"]

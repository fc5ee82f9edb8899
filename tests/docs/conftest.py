"""Fixtures of the documentation's tests."""

from __future__ import annotations

from tests.docs.running import runner

__all__ = ["runner"]

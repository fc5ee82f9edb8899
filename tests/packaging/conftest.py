"""Fixtures: the wheel of the source tree, installed away from it."""

from __future__ import annotations

from tests.fixtures.evidence import evidence
from tests.packaging.test_wheel import installed, wheel

__all__ = ["evidence", "installed", "wheel"]

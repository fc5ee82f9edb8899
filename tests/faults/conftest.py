"""What the fault tests share."""

from __future__ import annotations

from tests.fixtures.evidence import evidence

__all__ = ["evidence"]

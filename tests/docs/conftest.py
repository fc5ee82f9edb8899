"""What the documentation's tests share."""

from __future__ import annotations

from tests.docs.running import runner

__all__ = ["runner"]

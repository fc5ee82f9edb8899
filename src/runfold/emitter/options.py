"""What the options of an emitter may be."""

from __future__ import annotations

from runfold.errors import InvalidInput

MOST_LANES = 2


def check_options(lanes: int, capacity: int, capacity_bytes: int, spool: object, mode: str, spool_after: float) -> None:
    """Raise InvalidInput for options that cannot be."""
    if lanes not in range(1, MOST_LANES + 1):
        raise InvalidInput(f"lanes is {lanes}, and may be 1 or {MOST_LANES}", code="out_of_range", pointer="/lanes")
    if lanes > 1 and spool is not None:
        raise InvalidInput("an emitter with a spool has one lane", code="out_of_range", pointer="/lanes", limit=1)
    if capacity < 1 or capacity_bytes < 1:
        raise InvalidInput("capacity and capacity_bytes must be at least 1", code="out_of_range")
    if mode not in ("outage", "always"):
        raise InvalidInput(f'mode is {mode!r}, and may be "outage" or "always"', code="not_allowed", pointer="/mode")
    if spool_after <= 0:
        raise InvalidInput("spool_after must be above 0 seconds", code="out_of_range", pointer="/spool_after")


__all__ = ["check_options"]

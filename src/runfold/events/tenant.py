"""The stream `tenant-<user_id>`: the end of a tenant."""

from __future__ import annotations

from typing import ClassVar

from runfold.events.base import Event
from runfold.events.fields import Text, Timestamp


class TenantErased(Event, reserved=True):
    """The tenant was erased: its read rows go, and its streams take no more events."""

    stream_category: ClassVar[str] = "tenant"

    at: Timestamp
    by: Text | None = None

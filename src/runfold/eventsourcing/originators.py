"""Names of an application's category and aggregates in the log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.persistence import DataError

_NOT_OF_A_CATEGORY = re.compile(r"[^a-z0-9_]+")


def category_of(application_name: str) -> str:
    """Return the application's name in lower case, with _ for characters that a category may not contain.

    Raises DataError if that is no valid category.
    """
    category = _NOT_OF_A_CATEGORY.sub("_", application_name.lower()).strip("_")
    if not category or len(category) > 100:
        raise DataError(f"the application name {application_name!r} gives no category name: choose another name")
    return category if category[0].isalpha() else f"app_{category}"


@dataclass(frozen=True, slots=True)
class OriginatorIds:
    """Converts aggregate ids to names: UUIDs, or strings if `are_text` (ORIGINATOR_ID_TYPE=text)."""

    are_text: bool = False

    def name_of(self, originator_id: UUID | str) -> str:
        """Return the id's name in the stream id; raises DataError for an id that could not be read back unchanged."""
        if isinstance(originator_id, UUID):
            return str(originator_id)
        if self.are_text:
            return originator_id
        try:
            return str(UUID(originator_id))
        except ValueError:
            raise DataError(
                f"the aggregate id {originator_id!r} is not a UUID: set ORIGINATOR_ID_TYPE=text for other strings"
            ) from None

    def id_of(self, name: str) -> UUID | str:
        return name if self.are_text else UUID(name)

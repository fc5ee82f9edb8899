"""Which schemas this runfold may use: the stamp of a migrated database says its version, and from which on it is used.

A release migrates the database while processes of the release before still run. A migration that only adds leaves them
what they call, and says so by a line `-- compatible from: VERSION`, the oldest schema version whose engines may go on
appending and reading. The line is written into the stamp, the comment on schema runfold, which every role reads in one
query: `runfold schema 20261201000100, compatible from 20261127000100`.

What folds is stricter: files of an older release know nothing of a new column. So every migration ends the lead of the
worker that leads, in its own transaction, by a new epoch: what that worker has in hand moves no checkpoint. Then it
waits: it does not lead a schema newer than its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from runfold.errors import SchemaNewer, SchemaOutdated

# The last statement of a migration but its stamp. A lead that began under the older schema ends with its commit.
END_LEAD = "UPDATE runfold.leader SET epoch = epoch + 1;\n"

_VERSION = re.compile(r"\d{14}")
_DECLARED = re.compile(r"^-- compatible from: (\d{14})$", re.MULTILINE)
_STAMP = re.compile(r"(UPDATE runfold\.leader SET epoch = epoch \+ 1;\n)?COMMENT ON SCHEMA runfold IS '[^']*';\n")


@dataclass(frozen=True, slots=True)
class Stamp:
    """How far a database is migrated, and the oldest schema version whose engines may use it."""

    version: str
    compatible_from: str

    @classmethod
    def of(cls, comment: str | None) -> Stamp | None:
        """Return what the comment on schema runfold says; None if it is no stamp."""
        found = _VERSION.findall(comment or "")
        return cls(found[0], found[-1]) if found else None

    def statement(self) -> str:
        """Return the statement that writes it into the database."""
        return (
            f"COMMENT ON SCHEMA runfold IS 'runfold schema {self.version}, compatible from {self.compatible_from}';\n"
        )

    def takes(self, version: str) -> bool:
        """Whether engines of a runfold with this schema version may append and read."""
        return self.compatible_from <= version <= self.version


def declared(text: str) -> str | None:
    """Return what the line `-- compatible from: VERSION` of a migration says; None if it has none."""
    found = _DECLARED.search(text)
    return None if found is None else found[1]


def declaration(version: str) -> str:
    """Return the line of a migration that says from which schema version on engines may go on."""
    return f"-- compatible from: {version}"


def without_stamp(text: str) -> str:
    """Return the text of a migration without its last statements, which were written for it."""
    return _STAMP.sub("", text)


def check_fit(stamp: Stamp | None, ours: str, *, folds: bool = False) -> None:
    """Raise SchemaOutdated or SchemaNewer unless a runfold with our schema version may use the database.

    Who `folds` needs exactly its own version; who appends and reads may be older, as far as the stamp allows.
    """
    if stamp is None:
        raise SchemaOutdated("the database is not migrated", hint="run `runfold migrate`", found=None, expected=ours)
    if stamp.version < ours:
        raise SchemaOutdated(
            f"the database is at version {stamp.version}, and this runfold needs {ours}",
            hint="run `runfold migrate`",
            found=stamp.version,
            expected=ours,
        )
    if stamp.version > ours and (folds or not stamp.takes(ours)):
        raise newer(stamp, ours)


def newer(stamp: Stamp, ours: str) -> SchemaNewer:
    """Return the refusal of a database that a newer runfold migrated; it says whether engines of ours may go on."""
    facts = {
        "found": stamp.version,
        "expected": ours,
        "compatible_from": stamp.compatible_from,
        "engines_go_on": stamp.takes(ours),
    }
    if stamp.takes(ours):
        return SchemaNewer(
            f"the database is at version {stamp.version}, and this runfold, at {ours}, does not fold it, although its"
            " engines may go on",
            hint="upgrade runfold here, or leave this to the newer one",
            **facts,
        )
    return SchemaNewer(
        f"the database is at version {stamp.version}, which takes runfolds from {stamp.compatible_from} on, and this"
        f" one knows only {ours} and older",
        hint="upgrade runfold",
        **facts,
    )

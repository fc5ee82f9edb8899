"""Every check of the doctor: the files of `sql/doctor/`, and the functions of two modules."""

from __future__ import annotations

from functools import cache
from importlib import resources

from runfold.health import doctor_code, doctor_restore
from runfold.health.doctor_checks import WRITTEN, Check, of_file

_FOLDER = "sql/doctor"
_MODULES = (doctor_code, doctor_restore)
"""Importing them enters their checks."""


@cache
def checks() -> tuple[Check, ...]:
    """Return every check, by name."""
    found = {**WRITTEN}
    for file in resources.files("runfold.health").joinpath(_FOLDER).iterdir():
        if not file.name.endswith(".sql"):
            continue
        name = file.name.removesuffix(".sql")
        if name in found:
            raise ValueError(f"two checks have the name {name}")
        found[name] = of_file(name, file.read_text(encoding="utf-8"))
    return tuple(found[name] for name in sorted(found))

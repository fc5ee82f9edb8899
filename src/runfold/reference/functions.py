"""Generate docs/reference/sql.md from the catalogue of a migrated database."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runfold.reference.catalog import Catalog, Function
from runfold.reference.markdown import code, page, table
from runfold.settings import projections_dir

_INTRODUCTION = """
The functions of the schema `runfold`. An engine in any language needs the first few; Python calls the same ones.
Errors have SQLSTATEs of class `RF` and their facts as a JSON object in DETAIL: see [errors](errors.md#errors).

Roles: `runfold_engine` appends and reads, `runfold_projector` folds, `runfold_operator` appends, reads and registers,
`runfold_reader` reads, `runfold_scheduler` appends events of deployments, `authenticated` is a user, `service_role` is
Supabase's server key. They cannot log in: grant them to a role that can.
"""

# The functions that people call, in the order of a tutorial. The others are for folds, or internal.
_CALLED = (
    "append_events",
    "append_batch",
    "event_id",
    "append_deployment_events",
    "read_stream",
    "read_all",
    "safe_head",
    "head_holders",
    "row_id",
    "register_event_types",
    "register_upcaster",
    "validate_appends",
    "upcast",
    "current_schema_version",
    "ensure_partitions",
    "ensure_log_partitions",
    "log_end",
    "sync_workflows",
)


def functions_page(catalog: Catalog) -> str:
    """Return the page."""
    folds = "\n".join(path.read_text(encoding="utf-8") for path in sorted(projections_dir().glob("*.sql")))
    used = set(re.findall(r"runfold\.(\w+)\(", folds))
    called = sorted((one for one in catalog.functions if one.name in _CALLED), key=lambda one: _CALLED.index(one.name))
    rest = [one for one in catalog.functions if one.name not in _CALLED]
    return page(
        "SQL functions",
        _INTRODUCTION,
        _called(called),
        _listed("In projection files", "Pure helpers that folds use.", [one for one in rest if one.name in used]),
        _listed("Triggers", "", [one for one in rest if one.is_trigger]),
        _listed(
            "Inside",
            "The functions above call these. They may change in any release.",
            [one for one in rest if one.name not in used and not one.is_trigger],
        ),
    )


def _called(functions: list[Function]) -> Iterator[str]:
    yield from ("## To call", "")
    for one in functions:
        call = f"runfold.{one.name}({one.arguments})"
        yield from (f"### {one.name}", "", "```text", call, f"  -> {one.result}", "```", "")
        yield from (one.comment or "", "")
        owner = " Runs with its owner's rights." if one.security_definer else ""
        yield from (f"{one.volatility.capitalize()}.{owner} {_grants(one)}", "")


def _grants(one: Function) -> str:
    if not one.execute_grants:
        return "For its owner only."
    return f"For {', '.join(map(code, one.execute_grants))}."


def _listed(title: str, about: str, functions: list[Function]) -> Iterator[str]:
    yield from (f"## {title}", "")
    if about:
        yield from (about, "")
    yield from table(["function", ""], [(code(f"{one.name}({one.identity})"), one.comment or "") for one in functions])

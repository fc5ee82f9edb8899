"""Generate docs/reference/doctor.md from the checks of the doctor."""

from __future__ import annotations

from collections.abc import Iterator

from runfold.health.doctor import SECONDS_A_CHECK
from runfold.health.doctor_checks import Check, Severity
from runfold.health.doctor_list import checks
from runfold.health.thresholds import thresholds
from runfold.reference.markdown import code, page, table

_INTRODUCTION = f"""
What `runfold doctor` looks at. Each check is made in a transaction that only reads, and for at most
{SECONDS_A_CHECK:g} seconds a statement. It names the place, says what is wrong there and what to do. The command's exit
codes are in [exit codes](exit-codes.md), and how to use it in [check a
store](../how-to/check-a-store.md).

- An **error**: events, rows or their protection are lost or will be, or work has stopped.
- A **warning**: it works, and will not go on so.
- **Advice**: it works, and could be better. The exit code stays 0.
"""


def doctor_page() -> str:
    """Return the page."""
    return page(
        "What the doctor looks at",
        _INTRODUCTION,
        _listed("Checks", [each for each in checks() if False in each.when]),
        _listed("After a restore", [each for each in checks() if True in each.when]),
        _described(),
    )


def _listed(title: str, found: list[Check]) -> Iterator[str]:
    yield from (f"## {title}", "")
    order = list(Severity)
    yield from table(
        ["check", "severity", "what is wrong"],
        [
            (f"[{each.name}](#{each.name})", each.severity, each.title)
            for each in sorted(found, key=lambda each: (order.index(each.severity), each.name))
        ],
    )


def _described() -> Iterator[str]:
    known = {each.name: each for each in thresholds()}
    for each in checks():
        yield from (f"## {each.name}", "", f"{each.severity.capitalize()}. {each.title} {each.why}".rstrip(), "")
        facts = [
            f"Limit {code(name)}: {known[name].value:g} {known[name].unit} ({known[name].about})."
            for name in each.thresholds
            if name in known
        ]
        if each.needs:
            facts.append(f"A login without {code(each.needs[0])} (or `pg_monitor`) cannot look at it.")
        if each.primary_only:
            facts.append("It is not made on a standby.")
        yield from [*(f"- {fact}" for fact in facts), *([""] if facts else [])]
        yield from (f"See [{each.see}](../{each.see}).", "")

"""The plans of folds: a cursor that asks for them, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import psycopg

Plan = Mapping[str, Any]

_LOOKUPS = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")
# Asked again for each row of what is outside, these cost what that row needs.
_BOUNDED = ("Function Scan", "Result", "Values Scan", "Table Function Scan")
_QUALIFIED = re.compile(r'("[^"]+"|\w+)\.(?:"[^"]+"|\w+)')


class Explaining(psycopg.Cursor[Any]):
    """A cursor that asks for the plan of each fold before it runs it, with the parameters and settings of then."""

    plans: ClassVar[list[tuple[str, Plan]]] = []
    queries: ClassVar[list[str]] = []
    analyze: ClassVar[bool] = False

    def execute(self, query: Any, params: Any = None, **options: Any) -> Explaining:
        """As the cursor's own; notes what is folded, and how."""
        if isinstance(query, str) and "WITH batch AS" in query:
            self.plans.append((_what(query), self._explain(query, params)))
            self.queries.append(query.replace("%%", "%"))
        super().execute(query, params, **options)
        return self

    def _explain(self, query: str, params: Any) -> Plan:
        with self.connection.transaction(force_rollback=True):
            analyze = ", ANALYZE, TIMING off" if self.analyze else ""
            explain = f"EXPLAIN (VERBOSE, FORMAT json{analyze}) {query}"
            super().execute(explain, params, prepare=False)  # type: ignore[arg-type]
            ((plans,),) = self.fetchall()
        plan: Plan = plans[0]["Plan"]
        return plan


def _what(query: str) -> str:
    """What a fold writes: its verb and its table."""
    found = re.search(r"^(?:INSERT INTO|MERGE INTO|DELETE FROM|UPDATE)\s+\w+", query, re.MULTILINE)
    return found[0] if found else query


def log_conditions(plan: Plan) -> list[str]:
    """By what the events of the log are found."""
    found = []
    for node in nodes_of(plan):
        if node.get("Relation Name", "").startswith("events_"):
            inner = [part["Index Cond"] for part in nodes_of(node) if "Index Cond" in part]
            found.append(" ".join(inner) or "none")
    return found


def loops_over_scans(plan: Plan) -> list[str]:
    """What is read whole again for each row of something else: the inner sides of nested loops that are no look-ups."""
    found: list[str] = []
    for node in nodes_of(plan):
        parts = node.get("Plans", ())
        if node["Node Type"] == "Nested Loop":
            outer, inner = (next(p for p in parts if p["Parent Relationship"] == side) for side in ("Outer", "Inner"))
            found += [] if _is_one_row(outer) else _scans(inner)
        found += [scan for part in parts if _is_asked_again(part, plan) for scan in _scans(part)]
    return found


def nodes_of(plan: Plan) -> Iterator[Plan]:
    """Every node of a plan."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes_of(part)


def _is_one_row(plan: Plan) -> bool:
    return plan["Node Type"] == "Result" or (plan["Node Type"] == "Aggregate" and plan["Strategy"] == "Plain")


def _is_asked_again(part: Plan, plan: Plan) -> bool:
    """Whether it is a sub-select that is asked for each row, and not hashed."""
    return part["Parent Relationship"] == "SubPlan" and f"hashed {part['Subplan Name']}" not in str(plan)


def _scans(inner: Plan) -> list[str]:
    """The leaves of an inner side that read more than what the row outside asks for."""
    inside = {node["Alias"] for node in nodes_of(inner) if "Alias" in node}
    found = []
    for leaf in _repeated(inner):
        kind = leaf["Node Type"]
        names = {name.strip('"') for name in _QUALIFIED.findall(leaf.get("Index Cond", ""))}
        if kind in _BOUNDED or (kind in _LOOKUPS and names - inside) or _met_nothing(leaf):
            continue
        found.append(f"{kind} on {leaf.get('Relation Name') or leaf.get('CTE Name') or leaf.get('Index Name')}")
    return found


def _met_nothing(leaf: Plan) -> bool:
    """Whether a scan, as it was run, met no row of the table."""
    return "Actual Rows" in leaf and not leaf["Actual Rows"] and not leaf.get("Rows Removed by Filter")


def _repeated(plan: Plan) -> Iterator[Plan]:
    """The leaves that are read again when the node is: not what is done once before it.

    Nor the inner side of another loop, which is a question of its own.
    """
    left_out = ["InitPlan", "SubPlan", *(["Inner"] if plan["Node Type"] == "Nested Loop" else [])]
    parts = [part for part in plan.get("Plans", ()) if part["Parent Relationship"] not in left_out]
    if not parts:
        yield plan
    for part in parts:
        yield from _repeated(part)

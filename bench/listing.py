"""A list of 1,000,000 executions in pages: the first page and the 1,000th, for each filter, compared with 50 ms.

The rows are written into the read table directly, since only reading is measured: 1 in 10 failed, 1 in 50,000 with a
unique error text, 100 workflows. A page is `reading.executions.list_executions` as the command line calls it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any
from uuid import UUID

import psycopg

from bench.rounds import Ratio, report
from bench.servers import options, server
from runfold.reading.executions import Filter, list_executions
from runfold.reading.pages import PageToken

EXECUTIONS = 1_000_000
PAGES = 1_000
LIMIT_MS = 50.0

_FILL = """
    INSERT INTO public.workflow_executions
           (id, execution_id, workflow_id, status, mode, start_time, end_time, duration_ms, error_message, metadata,
            open_pauses, closed_pauses, paused, first_event_position, last_event_position, order_time, created_at,
            updated_at)
    SELECT runfold.row_id('execution-run-' || n, 'execution', 'run-' || n), 'run-' || n,
           md5((n %% 100)::text)::uuid, CASE WHEN n %% 10 = 0 THEN 'ERROR' ELSE 'SUCCESS' END, 'WEBHOOK',
           1790000000000 + n * 10, 1790000000000 + n * 10 + n %% 1000, n %% 1000,
           CASE WHEN n %% 50000 = 0 THEN 'disk full' WHEN n %% 10 = 0 THEN 'timeout' END, '{}', '{}', '{}', false, n, n,
           timestamptz '2026-01-01' + n * interval '10 ms', timestamptz '2026-01-01' + n * interval '10 ms',
           timestamptz '2026-01-01' + n * interval '10 ms'
      FROM generate_series(1, %(executions)s) AS n
"""

WORKFLOW = UUID("a87ff679-a2f3-e71d-9181-a67b7542122c")  # md5('4')
LISTS = {
    "no filter": Filter(),
    "a status of 1 in 10": Filter(status="ERROR"),
    "one workflow of 100": Filter(workflow_id=WORKFLOW),
    "an error text of 1 in 50,000": Filter(error="disk full"),
}


def timed(read: Callable[[], list[dict[str, Any]]], rounds: int) -> tuple[list[float], list[dict[str, Any]]]:
    """Return the milliseconds of each round, and the page."""
    spent: list[float] = []
    rows: list[dict[str, Any]] = []
    for _ in range(rounds):
        began = time.perf_counter()
        rows = read()
        spent.append((time.perf_counter() - began) * 1000)
    return spent, rows


def main() -> None:
    arguments = options(__doc__, rounds=21).parse_args()
    executions, pages = (20_000, 100) if arguments.quick else (EXECUTIONS, PAGES)
    ratios: list[Ratio] = []
    facts: dict[str, Any] = {"executions": f"{executions:,}"}
    with server(arguments.url) as on:
        url = on.create(migrated=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_FILL, {"executions": executions})
            connection.execute("VACUUM ANALYZE public.workflow_executions")
            for name, wanted in LISTS.items():
                after: PageToken | None = None
                reached = 0
                for number in range(1, pages + 1):
                    last = number == pages
                    at = after
                    spent, rows = timed(
                        lambda wanted=wanted, at=at: list_executions(connection, wanted, after=at),
                        arguments.rounds if last or number == 1 else 1,
                    )
                    if number == 1 or last:
                        label = f"{name}: {'first page' if number == 1 else f'page {pages:,}'} over {LIMIT_MS:g} ms"
                        over = [ms / LIMIT_MS for ms in spent]
                        # A search in texts reads failed executions until the page is full: no bound is promised.
                        bound = None if wanted.error else 1.0
                        ratios.append(Ratio(label, median(over), min(over), max(over), bound, at_most=True))
                    reached = number
                    if len(rows) < 20:
                        break
                    after = PageToken.parse(rows[-1]["page_token"])
                facts[f"{name}: pages"] = f"{reached:,}"
    report("listing", ratios, facts)


if __name__ == "__main__":
    main()

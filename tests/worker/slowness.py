"""Folds that take as long as a test wants, so that something can happen in the middle of a statement."""

from __future__ import annotations

import math
from typing import Any

import psycopg


class Slowness:
    """Every statement of a worker that folds nodes sleeps so many seconds first; a sleep that began goes on."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        connection.execute("CREATE TABLE public.slowness AS SELECT 0.0::double precision AS seconds")
        connection.execute(
            "CREATE FUNCTION public.be_slow() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN"
            "   IF current_setting('application_name') NOT LIKE 'runfold worker%' THEN RETURN NULL; END IF;"
            "   WHILE (SELECT seconds = 'Infinity' FROM public.slowness) LOOP PERFORM pg_sleep(0.02); END LOOP;"
            "   PERFORM pg_sleep((SELECT seconds FROM public.slowness)); RETURN NULL;"
            " END $$"
        )
        connection.execute(
            "CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON public.node_executions"
            " FOR EACH STATEMENT EXECUTE FUNCTION public.be_slow()"
        )

    def set(self, seconds: float) -> None:
        self._connection.execute("UPDATE public.slowness SET seconds = %s", (seconds,))

    def begin(self) -> None:
        """Let them sleep until `set` says otherwise."""
        self.set(math.inf)

    def sleeping(self) -> bool:
        """Whether a worker of this database is in such a sleep now."""
        row = self._connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        ).fetchone()
        return row is not None and row[0] > 0

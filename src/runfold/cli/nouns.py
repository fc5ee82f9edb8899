"""Every noun of the command line: its modules, and its line in `runfold --help`.

The modules are imported when the noun is used, so `runfold --help` and completion import none of them. A test compares
the lines with those of the modules.
"""

from __future__ import annotations

from typing import NamedTuple


class Noun(NamedTuple):
    """A noun, or a verb without one, as `runfold --help` lists it."""

    help: str
    modules: tuple[str, ...]
    """Modules of this package; the first has the function `register`, the others add verbs when they are imported."""


NOUNS: dict[str, Noun] = {
    "migrate": Noun(
        "Apply the pending migrations.",
        ("migrate",),
    ),
    "doctor": Noun(
        "Advise on indexes, statistics and autovacuum, with the statements that would change them.",
        ("doctor",),
    ),
    "export": Noun(
        "Export the events of the log, in their order, up to the safe head.",
        ("export",),
    ),
    "status": Noun(
        "Show the log's head and safe head, what holds it back, the lag of each group, parked streams and the leader.",
        ("status",),
    ),
    "up": Noun(
        "Start the database if it does not run, migrate it, and fold until Ctrl-C.",
        ("up",),
    ),
    "why": Noun(
        "Find the event that last changed a value, and show the value before and after it.",
        ("why",),
    ),
    "worker": Noun(
        "Fold every event of the log into the read tables exactly once.",
        ("worker",),
    ),
    "anomalies": Noun(
        "Anomalies: events that the vocabulary does not allow at their place.",
        ("anomalies",),
    ),
    "archive": Noun(
        "The archive: files that old events of the log leave for.",
        ("archive",),
    ),
    "db": Noun(
        "The embedded PostgreSQL, and connections to the database.",
        ("db",),
    ),
    "deployment": Noun(
        "Deployments of workflows.",
        ("deployment",),
    ),
    "engine": Noun(
        "Engines: who runs executions, and whether they beat.",
        ("engine",),
    ),
    "execution": Noun(
        "Executions of workflows.",
        ("execution", "stuck"),
    ),
    "health": Noun(
        "Health: alert rules for Prometheus, and a dashboard for Grafana.",
        ("health",),
    ),
    "import": Noun(
        "Import recorded processes, and events of other logs.",
        ("import_", "import_events"),
    ),
    "interaction": Noun(
        "Interactions: questions to people.",
        ("interaction",),
    ),
    "keys": Noun(
        "Keys of tenants, and which fields are encrypted.",
        ("keys",),
    ),
    "log": Noun(
        "The log itself: proof that nobody changed it.",
        ("log",),
    ),
    "otlp": Noun(
        "Traces that other processes send by OpenTelemetry's protocol.",
        ("otlp",),
    ),
    "parked": Noun(
        "Parked streams: their events wait behind a poison event.",
        ("parked",),
    ),
    "projection": Noun(
        "Projections: the folds of the read tables.",
        ("projection", "projection_new"),
    ),
    "response": Noun(
        "Responses: messages that came in through channels.",
        ("response",),
    ),
    "retention": Noun(
        "Retention: how long rows are kept, and what removes them.",
        ("retention",),
    ),
    "schema": Noun(
        "The shapes of events, for other languages.",
        ("schema",),
    ),
    "spool": Noun(
        "Spools: what emitters keep while the database is away.",
        ("spool",),
    ),
    "subscription": Noun(
        "Subscriptions: consumers of the log that keep a bookmark by their name.",
        ("subscription",),
    ),
    "tenant": Noun(
        "Tenants: the users to whom streams and rows belong.",
        ("tenant",),
    ),
    "trigger": Noun(
        "Triggers of deployed workflows.",
        ("trigger",),
    ),
    "vector": Noun(
        "Collections of vectors, and their indexes.",
        ("vector",),
    ),
    "workflow": Noun(
        "Workflows: their definitions, and the versions of these.",
        ("workflow",),
    ),
}

"""The SQL of this room."""

from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.eventsourcing")

"""The runtime SQL of this package."""

from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.deployments")

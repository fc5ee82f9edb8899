"""What other libraries say while they work, recorded as executions: traces of OpenTelemetry and others, log records.

Each module needs the library that it listens to, an extra of runfold. All of them emit through `runfold.Emitter`, so
the traced program never waits for the database.
"""

-- read_opaque_events: an application's events after a position, never past the safe head.
-- Parameters: category, after, stop, types (text[]), limit.
SELECT position, name, stream_version, type, payload
  FROM runfold.read_opaque_events(%(category)s, %(after)s, %(stop)s, %(types)s, %(limit)s)

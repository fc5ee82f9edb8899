-- append_events: appends to one or several streams, all or nothing.
-- Parameters: appends (JSON text), command_id.
SELECT stream_id, version, first_position, last_position, repeated
  FROM runfold.append_events(%(appends)s, %(command_id)s)

-- event_at: the event at a position, upcast, and who acted. Parameters: position.
SELECT e.position, e.stream_id, e.stream_version, e.event_id, e.type, e.occurred_at, e.recorded_at,
       e.metadata ->> 'actor' AS actor, runfold.upcast(e.type, e.schema_version, e.data) AS data
  FROM runfold.events e
 WHERE e.position = %(position)s

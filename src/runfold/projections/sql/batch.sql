-- batch: the relation that a projection's statements fold, put in front of them.
-- Parameters: after, upto, types (text[]). The relation of events and the line on parked streams are put in by the runner.
-- NOT MATERIALIZED: a fold that looks at it twice mostly wants some columns or rows, and reads them faster than a copy is made.
WITH batch AS NOT MATERIALIZED (
    SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
           runfold.upcast(e.type, e.schema_version, e.data) AS data, e.payload, e.metadata, e.occurred_at, e.recorded_at
      FROM {events} e
     WHERE e.position > %(after)s AND e.position <= %(upto)s AND e.type = ANY (%(types)s)
       AND {streams}
)

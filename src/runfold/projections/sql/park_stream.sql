-- park_stream: parks a stream from a position on, with its error.
-- Parameters: group, stream, position, sqlstate, error.
INSERT INTO runfold.parked_streams AS p (group_name, stream_id, position, sqlstate, error)
VALUES (%(group)s, %(stream)s, %(position)s, %(sqlstate)s, %(error)s)
    ON CONFLICT ON CONSTRAINT parked_streams_pkey DO UPDATE SET sqlstate = excluded.sqlstate, error = excluded.error

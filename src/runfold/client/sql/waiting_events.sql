-- waiting_events: the events of an execution's status, of its pauses and of the activations that ever waited, in order, each
-- with the stream's present version: a fraction of a long stream.
-- Parameters: stream.
WITH happened AS (
    SELECT s.version, e.stream_version, e.type, runfold.upcast(e.type, e.schema_version, e.data) AS data
      FROM runfold.streams s
      JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
     WHERE s.stream_id = %(stream)s AND runfold.require_in_log(%(stream)s)
), waited AS (
    SELECT DISTINCT h.data ->> 'activation' AS activation FROM happened h WHERE h.type = 'NodeWaiting'
)
SELECT h.version, h.type, h.data
  FROM happened h
 WHERE h.type LIKE 'Execution%%' OR h.type LIKE 'Pause%%' OR h.data ->> 'activation' IN (SELECT w.activation FROM waited w)
 ORDER BY h.stream_version

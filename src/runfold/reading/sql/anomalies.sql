-- anomalies: a page of anomalies in the order of the log (position, projection), each with its event. For a response, had_row says
-- whether it had a row: it was received, and its workflow was not deleted since.
-- Parameters: stream, projection, code (each may be null), after_position, after_projection, limit.
SELECT a.position, a.projection, a.code, a.stream_id, a.user_id, a.detail, e.stream_version, e.type, e.occurred_at, e.recorded_at,
       e.metadata ->> 'actor' AS actor,
       CASE WHEN e.type = 'ResponseMatched' THEN EXISTS (
            SELECT FROM runfold.streams s
              JOIN runfold.events r ON r.stream_id = s.stream_id AND r.position BETWEEN s.first_position AND s.last_position
             WHERE s.stream_id = a.stream_id AND r.position < a.position AND r.type = 'ResponseReceived'
               AND NOT EXISTS (SELECT FROM runfold.streams w
                                 JOIN runfold.events d
                                   ON d.stream_id = w.stream_id AND d.position BETWEEN w.first_position AND w.last_position
                                WHERE w.stream_id = 'deployment-' || lower(r.data ->> 'workflow_id' COLLATE "C")
                                  AND d.type = 'WorkflowDeleted' AND d.position > r.position AND d.position < a.position)) END
           AS had_row
  FROM runfold.anomalies a
  -- No event: it is archived.
  LEFT JOIN runfold.events e ON e.position = a.position
 WHERE (%(stream)s::text IS NULL OR a.stream_id = %(stream)s)
   AND (%(projection)s::text IS NULL OR a.projection = %(projection)s)
   AND (%(code)s::text IS NULL OR a.code = %(code)s)
   AND a.position >= %(after_position)s
   AND (a.position > %(after_position)s OR a.projection COLLATE "C" > %(after_projection)s)
 ORDER BY a.position, a.projection COLLATE "C"
 LIMIT %(limit)s

-- executions_of_workflows: every execution that was created for some workflows up to a position, with bounds of the time that decides
-- which one is the latest (its start, or else its creation), for every possible result of its fold.
-- `plain` says that its row surely exists from `created` on, until its workflow is deleted or its tenant erased: `deleted` is when
-- that was last, and `surely_deleted` when every fold applies it; `last` is the position of its stream's last event. Parameters: group, workflows (text[], lower case), upto. The caller puts in
-- the condition on parked streams. The bounds of stream_version: as in queries.sql.
WITH c AS MATERIALIZED (
    SELECT lower(e.data ->> 'workflow_id' COLLATE "C") AS workflow, e.stream_id, (array_agg(e.user_id))[1] AS user_id,
           min(e.position) AS created,
           max(e.position) AS last_created, min(e.occurred_at) AS earliest, max(e.occurred_at) AS latest,
           -- A stream's first event finds no row and creates it, unless the fold skips the event.
           bool_or(e.stream_version = 1 AND {folded}) AS plain
      FROM runfold.events e
     WHERE e.category = 'execution' AND e.type = 'ExecutionCreated'
       AND lower(e.data ->> 'workflow_id' COLLATE "C") = ANY (%(workflows)s) AND e.position <= %(upto)s
     GROUP BY 1, 2
), d AS MATERIALIZED (
    SELECT w.workflow, w.user_id, f.deleted, f.surely_deleted
      FROM (SELECT DISTINCT c.workflow, c.user_id FROM c) AS w
     CROSS JOIN LATERAL (
           SELECT coalesce(max(e.position), 0) AS deleted,
                  coalesce(max(e.position) FILTER (WHERE {folded}), 0) AS surely_deleted
             FROM runfold.streams s
             JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
            WHERE s.stream_id IN ('deployment-' || w.workflow, 'tenant-' || w.user_id)
              AND e.type IN ('WorkflowDeleted', 'TenantErased') AND e.position <= %(upto)s
              AND e.stream_version BETWEEN 0 AND 9223372036854775807) AS f
)
SELECT c.workflow, c.stream_id, c.created, c.last_created, least(c.earliest, s.earliest) AS earliest,
       greatest(c.latest, s.latest) AS latest, c.plain, d.deleted, d.surely_deleted, t.last_position AS last
  FROM c
  JOIN d ON d.workflow = c.workflow AND d.user_id IS NOT DISTINCT FROM c.user_id
  JOIN runfold.streams t ON t.stream_id = c.stream_id
  LEFT JOIN LATERAL (
       SELECT min(t.at) AS earliest, max(t.at) AS latest
         FROM (SELECT runfold.upcast(e.type, e.schema_version, e.data) -> 'start_time' AS start
                 FROM runfold.events e
                WHERE e.stream_id = c.stream_id AND e.position BETWEEN t.first_position AND t.last_position
                  AND e.type = 'ExecutionStarted' AND e.position <= %(upto)s
                  AND e.stream_version BETWEEN 0 AND 9223372036854775807) AS e
        CROSS JOIN LATERAL (
              -- An event with another value cannot be folded: it parks its stream and starts no execution.
              SELECT CASE WHEN jsonb_typeof(e.start) = 'number'
                          THEN CASE WHEN e.start::numeric BETWEEN 0 AND 253402300799999
                                    THEN runfold.from_epoch_ms(e.start::bigint) END END AS at) AS t) AS s ON true

-- latest_of_workflows: the executions any of which may be the latest of some workflows at a position: mostly one of each, and more where
-- their events leave it to the fold. Parameters: those of executions_of_workflows, which is put in by the runner.
SELECT x.stream_id
  FROM (SELECT e.stream_id, e.latest,
               max(e.earliest) FILTER (WHERE e.plain AND e.created > e.deleted) OVER (PARTITION BY e.workflow) AS reached
          FROM ({executions}) AS e
         WHERE e.last_created > e.surely_deleted) AS x
 WHERE x.reached IS NULL OR x.latest >= x.reached

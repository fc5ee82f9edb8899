-- latest_of_workflows: the executions any of which may be the latest of some workflows at a position: mostly one of each, and more where
-- their events leave it to the fold. Parameters: those of executions_of_workflows, which is put in by the runner.
SELECT x.stream_id
  FROM (SELECT e.*, max(e.earliest) FILTER (WHERE e.stands) OVER (PARTITION BY e.workflow) AS reached
          FROM ({executions}) AS e
         WHERE NOT e.gone) AS x
 WHERE x.reached IS NULL OR x.latest >= x.reached

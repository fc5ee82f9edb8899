-- slow_deployments: deployments under way of which nothing was recorded for so long, the longest first.
-- Parameters: idle (seconds), limit.
SELECT d.workflow_id, w.name AS workflow, d.deployment_id, d.deployment_action, d.to_status AS status, d.deployment_version,
       d.started_at, e.recorded_at AS last_seen, extract(epoch FROM clock_timestamp() - e.recorded_at)::float8 AS idle_seconds
  FROM public.workflow_deployment_history d
  LEFT JOIN public.workflows w ON w.id = d.workflow_id
  JOIN runfold.events e ON e.position = d.last_event_position
 WHERE d.completed_at IS NULL AND e.recorded_at <= clock_timestamp() - make_interval(secs => %(idle)s)
   AND NOT EXISTS (SELECT FROM runfold.read_stream('deployment-' || d.workflow_id) AS r
                    WHERE r.type IN ('DeploymentCompleted', 'DeploymentFailed')
                      AND lower(r.data ->> 'deployment_id') = d.deployment_id::text)
 ORDER BY e.recorded_at, d.id
 LIMIT %(limit)s

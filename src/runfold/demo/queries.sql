-- The short statements of this room, by name. A statement of 14 lines or more has its own file in sql/.

-- name: held
-- Counts in the tables, under the names of the engine's own counts.
SELECT (SELECT count(*) FROM runfold.events) AS "events",
       (SELECT count(*) FROM workflow_executions) AS "executions created",
       (SELECT count(*) FROM node_executions WHERE status = 'SUCCESS') AS "activations succeeded",
       (SELECT sum(retry_count) FROM node_executions) AS "attempts repeated",
       (SELECT count(*) FROM workflow_execution_pauses WHERE status = 'resumed') AS "pauses resumed",
       (SELECT count(*) FROM workflow_execution_logs) AS "log lines written",
       (SELECT count(*) FROM human_interactions WHERE status = 'responded') AS "questions answered",
       (SELECT count(*) FROM workflow_deployment_history WHERE to_status = 'DEPLOYED') AS "deployments completed"

-- name: insert_workflow
-- Inserts a workflow's row, as an editor does. Parameters: id (uuid), name, definition (JSON text).
INSERT INTO public.workflows (id, name, workflow_data, created_at, updated_at)
SELECT %(id)s, %(name)s, %(definition)s::jsonb, now.milliseconds, now.milliseconds
  FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now (milliseconds)

-- name: positions
-- The head of the log, and the position up to which the read tables are folded.
SELECT (SELECT last_value - (NOT is_called)::integer FROM runfold.events_position) AS head,
       (SELECT coalesce(min(position), 0) FROM runfold.checkpoints) AS folded

-- name: show_deployments
-- What is deployed, and what starts it
SELECT w.name AS workflow, d.deployment_action AS action, d.to_status,
       t.trigger_subtype AS starts_by, t.index_key, t.is_active
  FROM workflow_deployment_history d
  JOIN workflows w ON w.id = d.workflow_id
  LEFT JOIN trigger_index t ON t.workflow_id = d.workflow_id
 ORDER BY d.started_at

-- name: show_executions
-- What ran, and for whom
SELECT x.execution_id, x.status, x.mode, x.duration_ms,
       x.parent_execution_id AS parent
  FROM workflow_executions x
 ORDER BY x.created_at

-- name: show_log
-- And the log itself, which all of this can be folded from again
SELECT category, count(*) AS events, count(DISTINCT stream_id) AS streams,
       min(position) AS first, max(position) AS last
  FROM runfold.events
 GROUP BY category
 ORDER BY min(position)

-- name: show_nodes
-- Which node took how long, and what had to be tried again
SELECT node_id, count(*) AS activations, sum(retry_count) AS retries,
       max(duration_ms) AS slowest_ms, max(error_data ->> 'type') AS error
  FROM node_executions
 GROUP BY node_id
 ORDER BY slowest_ms DESC

-- name: show_questions
-- What people were asked, and how long the execution waited
SELECT i.request_data ->> 'question' AS question, i.responder,
       i.response_data ->> 'approved' AS approved,
       round(extract(epoch FROM p.resumed_at - p.paused_at), 1) AS waited_s
  FROM human_interactions i
  JOIN workflow_execution_pauses p ON p.interaction_id = i.id

-- An execution as `runfold execution show --json` prints it: its row with the workflow's name, nodes,
-- attempts, pauses, children and its last log lines; null where there is none, or not for the caller.
--
-- The parts are the statements of the same names in src/runfold/reading/queries.sql, which a test compares. Attempts are
-- read from the log by functions that a tenant may not call, so for a tenant the key is left out.
--
--   execution_id  the execution
--   log_lines     how many log lines, the last ones
--
-- grant: engine, operator, projector, reader, authenticated, service_role
CREATE FUNCTION runfold.execution_detail(execution_id text, log_lines integer DEFAULT 50) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    execution_row uuid;
    found jsonb;
    part jsonb;
BEGIN
    SELECT e.id, to_jsonb(e) INTO execution_row, found FROM (
SELECT x.*, w.name AS workflow
  FROM public.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.execution_id = $1
        ) AS e;
    IF found IS NULL THEN
        RETURN NULL;
    END IF;

    SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT n.* FROM public.node_executions n
 WHERE n.execution_id = $1
 ORDER BY n.created_at, n.start_time NULLS LAST, n.activation COLLATE "C"
        ) AS p;
    found := found || jsonb_build_object('nodes', part);

    IF has_function_privilege('runfold.read_stream(text,bigint,integer)', 'EXECUTE') THEN
        SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT n.activation, (e.data ->> 'attempt')::integer AS attempt, e.type = 'NodeStarted' AS started,
       coalesce((e.data ->> 'start_time')::bigint, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint) AS at,
       e.data -> 'error_data' AS error_data
  FROM runfold.read_stream(runfold.stream_id('execution', $1), runfold.archived_version(runfold.stream_id('execution', $1))) AS e
  JOIN public.node_executions n
    ON n.execution_id = $1 AND n.activation = e.data ->> 'activation' AND n.last_event_position >= e.position
 WHERE e.type IN ('NodeStarted', 'NodeAttemptFailed')
   AND NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = 'execution' AND d.position = e.position)
 ORDER BY e.stream_version
 LIMIT 10000
            ) AS p;
        found := found || jsonb_build_object('attempts', part);
    END IF;

    SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT p.* FROM public.workflow_execution_pauses p
 WHERE p.execution_id = execution_row
 ORDER BY p.paused_at, p.name COLLATE "C"
        ) AS p;
    found := found || jsonb_build_object('pauses', part);

    SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT x.execution_id, x.workflow_id, w.name AS workflow, x.user_id, x.status, x.start_time, x.end_time, x.duration_ms,
       x.error_message, x.created_at
  FROM public.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.parent_execution_id = $1
 ORDER BY x.created_at, x.id
 LIMIT 1000
        ) AS p;
    found := found || jsonb_build_object('children', part);

    SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT * FROM (
    SELECT l.created_at, l.level, l.event_type, l.node_id, l.message, l.user_friendly_message, l.last_event_position
      FROM public.workflow_execution_logs l
     WHERE l.execution_id = $1
       AND l.created_at >= (SELECT runfold.cutoff_of('public.workflow_execution_logs'))
     ORDER BY l.created_at DESC, l.last_event_position DESC
     LIMIT greatest(log_lines, 0)) AS newest
 ORDER BY created_at, last_event_position
        ) AS p;
    RETURN found || jsonb_build_object('logs', part);
END
$$;

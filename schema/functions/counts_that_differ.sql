-- The counts of dashboards that are not those of the rows: table and key. It reads all rows.
--
-- grant: engine, projector, operator, reader
CREATE FUNCTION runfold.counts_that_differ() RETURNS TABLE (table_name text, key jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH executions AS MATERIALIZED (
        SELECT runfold.rows_of_executions() AS rows
    ), nodes AS MATERIALIZED (
        SELECT runfold.rows_of_nodes() AS rows
    ), expected (table_name, key, counts) AS (
        SELECT 'execution_hours', jsonb_build_array(s.user_id, s.workflow_id, extract(epoch FROM s.at)),
               jsonb_build_array(s.created, s.succeeded, s.failed, s.canceled, s.other, s.ended_succeeded, s.ended_failed,
                                 s.ended_canceled, s.ended_other, s.durations)
          FROM executions, runfold.sum_of_rows(rows, '1 hour') AS s
        UNION ALL
        SELECT 'execution_days', jsonb_build_array(s.user_id, s.workflow_id, (s.at AT TIME ZONE 'UTC')::date),
               jsonb_build_array(s.created, s.succeeded, s.failed, s.canceled, s.other, s.ended_succeeded, s.ended_failed,
                                 s.ended_canceled, s.ended_other, s.durations)
          FROM executions, runfold.sum_of_rows(rows, '1 day') AS s
        UNION ALL
        SELECT 'node_days', jsonb_build_array(s.user_id, s.node_type, s.node_subtype, (s.at AT TIME ZONE 'UTC')::date),
               jsonb_build_array(s.created, s.succeeded, s.failed, s.canceled, s.other, s.ended_succeeded, s.ended_failed,
                                 s.ended_canceled, s.ended_other, s.durations)
          FROM nodes, runfold.sum_of_rows(rows, '1 day') AS s
    ), found (table_name, key, counts) AS (
        SELECT 'execution_hours', jsonb_build_array(t.user_id, t.workflow_id, extract(epoch FROM t.hour)),
               jsonb_build_array(t.created, t.succeeded, t.failed, t.canceled, t.timed_out, t.ended_succeeded, t.ended_failed,
                                 t.ended_canceled, t.ended_timed_out, t.durations)
          FROM public.execution_hours t
        UNION ALL
        SELECT 'execution_days', jsonb_build_array(t.user_id, t.workflow_id, t.day),
               jsonb_build_array(t.created, t.succeeded, t.failed, t.canceled, t.timed_out, t.ended_succeeded, t.ended_failed,
                                 t.ended_canceled, t.ended_timed_out, t.durations)
          FROM public.execution_days t
        UNION ALL
        SELECT 'node_days', jsonb_build_array(t.user_id, t.node_type, t.node_subtype, t.day),
               jsonb_build_array(t.created, t.succeeded, t.failed, t.canceled, t.skipped, t.ended_succeeded, t.ended_failed,
                                 t.ended_canceled, t.ended_skipped, t.durations)
          FROM public.node_days t
    )
    SELECT table_name, key FROM (TABLE expected EXCEPT TABLE found) AS missing
     UNION
    SELECT table_name, key FROM (TABLE found EXCEPT TABLE expected) AS wrong
$$;

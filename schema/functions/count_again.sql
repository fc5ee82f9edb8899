-- Counts executions and activations again from their rows, for dashboards.
--
-- Folds wait meanwhile: it locks the rows' tables against changes.
--
-- grant: projector, operator
CREATE FUNCTION runfold.count_again() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE public.workflow_executions, public.node_executions IN SHARE MODE;
    DELETE FROM public.execution_hours;
    DELETE FROM public.execution_days;
    DELETE FROM public.node_days;
    PERFORM runfold.count_executions(ARRAY(SELECT runfold.counted_execution(
        1, e.user_id, e.workflow_id, e.status, e.created_at, e.end_time, e.duration_ms) FROM public.workflow_executions e));
    PERFORM runfold.count_nodes(ARRAY(SELECT runfold.counted_node(
        1, n.user_id, n.node_type, n.node_subtype, n.status, n.created_at, n.end_time, n.duration_ms) FROM public.node_executions n));
END
$$;

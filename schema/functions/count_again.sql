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
    PERFORM runfold.count_executions(runfold.rows_of_executions());
    PERFORM runfold.count_nodes(runfold.rows_of_nodes());
END
$$;

-- Outputs of an execution by node: what run_data holds only when the producer sent it.
CREATE VIEW public.execution_outputs WITH (security_invoker = true) AS
    SELECT n.execution_id, n.user_id, n.node_id, n.activation, n.iteration, n.output_data, n.end_time
      FROM public.node_executions n
     WHERE n.status = 'SUCCESS';

COMMENT ON VIEW public.execution_outputs IS 'Outputs of the nodes that succeeded, by execution and node.';

GRANT SELECT ON public.execution_outputs TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

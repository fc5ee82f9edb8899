-- The execution_ids that were ever created for a workflow before a position, those that are archived as well.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.executions_of(workflow uuid, before bigint) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT runfold.stream_name(c.stream_id)
      FROM runfold.events c
     WHERE c.category = 'execution' AND c.type = 'ExecutionCreated'
       AND lower(c.data ->> 'workflow_id' COLLATE "C") = workflow::text AND c.position < before
       AND (c.stream_version = 1 OR runfold.creation_took_effect(c.stream_id, c.position))
     UNION
    SELECT runfold.stream_name(a.stream_id)
      FROM runfold.archived_executions a
     WHERE a.workflow_id = workflow::text AND a.position < before
$$;

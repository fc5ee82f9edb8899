-- Appends events of deployments, as append_events does; refuses all others.
--
-- For the scheduler, which may append nothing else: neither the streams of other categories, nor the
-- deletion of a workflow, which takes rows of every group.
--
--   appends, command_id  as append_events takes them
--
-- grant: scheduler
CREATE FUNCTION runfold.append_deployment_events(appends text, command_id uuid DEFAULT NULL)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    call constant jsonb := runfold.validate_appends(appends);
    pointer text;
    found jsonb;
BEGIN
    SELECT format('/%s/stream_id', a.n - 1), a.append -> 'stream_id' INTO pointer, found
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     WHERE NOT starts_with(a.append ->> 'stream_id', 'deployment-')
     ORDER BY a.n LIMIT 1;
    IF pointer IS NULL THEN
        SELECT format('/%s/events/%s/type', a.n - 1, e.n - 1), e.event -> 'type' INTO pointer, found
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
               jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
         WHERE e.event ->> 'type' = 'WorkflowDeleted'
         ORDER BY a.n, e.n LIMIT 1;
    END IF;
    IF pointer IS NOT NULL THEN
        PERFORM runfold.raise_fault('not_of_a_deployment', pointer, NULL, found);
    END IF;
    RETURN QUERY SELECT r.stream_id, r.version, r.first_position, r.last_position, r.repeated
                   FROM runfold.append_events(appends, command_id) AS r;
END
$$;

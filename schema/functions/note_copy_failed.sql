-- Notes why workflow_status could not be copied to a workflow, or to the first one that is due (null); it is tried
-- again ever later.
--
-- grant: projector, operator
CREATE FUNCTION runfold.note_copy_failed(workflow_id uuid, sqlstate text, error text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runfold.stale_workflows s
       SET tries = s.tries + 1, sqlstate = $2, error = $3,
           try_at = clock_timestamp() + least(interval '1 s' * 2 ^ least(s.tries, 20), interval '5 min')
     WHERE s.workflow_id = coalesce($1, (SELECT d.workflow_id FROM runfold.stale_workflows d
                                          WHERE d.try_at <= clock_timestamp() ORDER BY d.tries, d.id LIMIT 1))
$$;

-- Copies workflow_status to some workflows, and forgets that they are stale; what is locked is due again in a moment.
--
-- Raises what a constraint or a trigger of a user says, also where a trigger leaves the row as it is.
-- What a user's deferred constraint says of them is asked at once: at the commit it would fail for all.
--
-- grant: nobody
CREATE FUNCTION runfold.copy_to_workflows(ids uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    locked uuid[];
    kept uuid[];
    deferred text;
BEGIN
    WITH free AS (
        SELECT w.id FROM public.workflows w WHERE w.id = ANY (ids) FOR NO KEY UPDATE OF w SKIP LOCKED
    ), copied AS (
        -- The trigger log_columns_are_kept sets all columns of the copy.
        UPDATE public.workflows w SET latest_execution_id = w.latest_execution_id FROM free WHERE w.id = free.id RETURNING w.id
    ), forgotten AS (
        -- Only notes that this statement sees: one that comes meanwhile is of a later status.
        DELETE FROM runfold.stale_workflows s
         WHERE s.workflow_id = ANY (ids)
           AND (s.workflow_id IN (SELECT id FROM copied)
                OR NOT EXISTS (SELECT FROM public.workflows w WHERE w.id = s.workflow_id))
    )
    SELECT array_agg(w.id) FILTER (WHERE w.id NOT IN (SELECT id FROM free)),
           array_agg(w.id) FILTER (WHERE w.id IN (SELECT id FROM free) AND w.id NOT IN (SELECT id FROM copied))
      INTO locked, kept
      FROM public.workflows w
     WHERE w.id = ANY (ids);
    deferred := (SELECT string_agg(format('%I.%I', n.nspname, c.conname), ', ')
                   FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
                  WHERE c.conrelid = 'public.workflows'::regclass AND c.condeferrable AND c.conname <> 'deletion_is_appended');
    IF deferred IS NOT NULL THEN
        EXECUTE format('SET CONSTRAINTS %s IMMEDIATE', deferred);
    END IF;
    IF kept IS NOT NULL THEN
        RAISE EXCEPTION 'a trigger of workflows leaves the row as it is';
    END IF;
    UPDATE runfold.stale_workflows s SET try_at = clock_timestamp() + interval '0.5 s' WHERE s.workflow_id = ANY (locked);
END
$$;

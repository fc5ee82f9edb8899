-- Ends a batch that leaves the checkpoint where it is, as the retry of a stream does.
--
-- grant: projections
CREATE FUNCTION runfold.end_own_batch(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_own_batch(group_name);
    UPDATE runfold.own_groups g SET settled = true WHERE g.group_name = group_name;
END
$$;

-- Ends a batch that leaves the checkpoint where it is, as the retry of a stream does.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.end_batch(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    UPDATE runfold.user_groups g SET settled = true WHERE g.group_name = group_name;
END
$$;

-- Notes the version of the file that a table of the group of this batch was rebuilt with.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.note_built(group_name text, name text, version integer, digest text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    -- A projection may change its group; but no session takes over one of a group that it may not fold.
    INSERT INTO runfold.projections AS p (name, group_name, version, digest)
    VALUES (name, group_name, version, digest)
        ON CONFLICT ON CONSTRAINT projections_pkey DO UPDATE
       SET group_name = excluded.group_name, version = excluded.version, digest = excluded.digest, built_at = clock_timestamp()
     WHERE runfold.may_fold(p.group_name);
END
$$;

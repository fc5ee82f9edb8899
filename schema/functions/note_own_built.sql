-- Notes the version that a table of the group of this batch was rebuilt with.
--
-- grant: projections
CREATE FUNCTION runfold.note_own_built(group_name text, name text, version integer, digest text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_own_batch(group_name);
    INSERT INTO runfold.projections AS p (name, group_name, version, digest)
    VALUES (name, group_name, version, digest)
        ON CONFLICT ON CONSTRAINT projections_pkey DO UPDATE
       SET version = excluded.version, digest = excluded.digest, built_at = clock_timestamp()
     WHERE p.group_name = group_name;
END
$$;

-- Enters how long the streams of a category stay in the log after their last event; null: for ever.
--
-- A category of an application's own gets its policy by this, too. Those of deployments, definitions and tenants cannot have one.
--
-- grant: operator
CREATE FUNCTION runfold.set_archive_policy(category text, keep interval) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF category IN ('deployment', 'definition', 'tenant') OR category IS NULL OR category !~ '^[a-z][a-z0-9_]*$' THEN
        PERFORM runfold.refuse('never_archived', jsonb_build_object('category', category));
    END IF;
    IF keep < interval '1 day' THEN
        PERFORM runfold.refuse('retention_too_short', jsonb_build_object('table', category, 'keep', keep));
    END IF;
    INSERT INTO runfold.retention (kind, category, column_name, keep) VALUES ('archive', category, 'recorded_at', keep)
        ON CONFLICT ON CONSTRAINT retention_pkey DO UPDATE SET keep = excluded.keep;
END
$$;

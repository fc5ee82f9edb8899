-- Notes a slice of a rebuild as done, in the transaction that folds it, and holds the rebuild until its end. Returns
-- false where another session did the slice, or the rebuild was begun again.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.begin_slice(group_name text, digest text, slice integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM FROM runfold.rebuilds r
      WHERE r.group_name = group_name AND r.digest = digest AND NOT r.folded AND runfold.may_fold(group_name) FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO runfold.rebuild_slices (group_name, slice) VALUES (group_name, slice) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

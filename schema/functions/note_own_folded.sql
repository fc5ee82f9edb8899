-- Notes how far the shadows of a group of the login's own are folded, in the transaction that folds
-- them; false where they were elsewhere.
--
-- grant: projections
CREATE FUNCTION runfold.note_own_folded(group_name text, after bigint, upto bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE runfold.own_rebuilds r SET position = upto
      FROM runfold.own_groups g
     WHERE r.group_name = group_name AND r.position = after AND upto >= after
       AND g.group_name = group_name AND g.role_name = session_user;
    RETURN FOUND;
END
$$;

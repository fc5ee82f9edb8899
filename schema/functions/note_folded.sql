-- Notes that the shadows of a rebuild are folded from one position up to another, in the transaction that folds
-- them. Returns false where the shadows are at another position.
--
-- With the same position twice it holds the shadows there, before a batch is folded. What is parked beyond the
-- shadows is noted each time, so that the next batch leaves it out.
--
-- grant: projections, projector, operator
CREATE FUNCTION runfold.note_folded(group_name text, after bigint, upto bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE runfold.rebuilds r SET position = upto
     WHERE r.group_name = group_name AND r.position = after AND upto >= after AND runfold.may_fold(group_name);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM runfold.rebuild_parked r WHERE r.group_name = group_name AND r.position > upto AND NOT r.found;
    INSERT INTO runfold.rebuild_parked (group_name, stream_id, position, sqlstate, error)
    SELECT p.group_name, p.stream_id, p.position, p.sqlstate, p.error
      FROM runfold.parked_streams p
     WHERE p.group_name = group_name AND p.position > upto
        ON CONFLICT DO NOTHING;
    RETURN true;
END
$$;

-- What columns that name a row's stream hold for the streams of some categories, or of all (null), that are archived: their
-- ids, their names without the category (a UUID in lower case, too), and the ids of their rows.
--
-- It runs as its owner, because the login of users' projections may not read which streams there are.
--
-- grant: projector, operator, projections, reader
CREATE FUNCTION runfold.archived_values(categories text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100000 SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.value
      FROM runfold.streams s
     CROSS JOIN LATERAL (VALUES (s.stream_id::text), (runfold.stream_name(s.stream_id)), (lower(runfold.stream_name(s.stream_id))),
                                (runfold.row_id(s.stream_id, split_part(s.stream_id, '-', 1), runfold.stream_name(s.stream_id))::text)) AS v (value)
     WHERE s.archived_at IS NOT NULL AND (categories IS NULL OR split_part(s.stream_id, '-', 1) = ANY (categories))
$$;

-- The time in milliseconds in the middle of one of the 224 parts of a list of durations: at most 7 percent from any in it.
--
-- grant: engine, projector, operator, reader, authenticated, service_role
CREATE FUNCTION runfold.part_duration(part integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN part <= 8 THEN part - 1
                -- The part begins at (8 + its place) * width, and has that width.
                ELSE ((8 + (part - 1) % 8)::bigint << ((part - 1) / 8 - 1)) + (1::bigint << ((part - 1) / 8 - 1)) / 2 END
$$;

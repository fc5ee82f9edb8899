-- A list of 224 durations that has these counts in these parts, and 0 elsewhere.
--
-- grant: nobody
CREATE FUNCTION runfold.list_of_durations(parts integer[], counts bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    list bigint[] := array_fill(0::bigint, ARRAY[224]);
BEGIN
    FOR n IN 1 .. coalesce(cardinality(parts), 0) LOOP
        IF parts[n] IS NOT NULL THEN
            list[parts[n]] := list[parts[n]] + counts[n];
        END IF;
    END LOOP;
    RETURN list;
END
$$;

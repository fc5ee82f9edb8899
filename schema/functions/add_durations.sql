-- The sum of two lists of durations, part by part.
--
-- grant: engine, projector, operator, reader, authenticated, service_role
CREATE FUNCTION runfold.add_durations(one bigint[], other bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sum bigint[] := one;
    n integer := 0;
    count bigint;
BEGIN
    IF one IS NULL OR other IS NULL THEN
        RETURN coalesce(one, other);
    END IF;
    -- Most parts are empty.
    FOREACH count IN ARRAY other LOOP
        n := n + 1;
        IF count <> 0 THEN
            sum[n] := sum[n] + count;
        END IF;
    END LOOP;
    RETURN sum;
END
$$;

-- Notes the size of each table, once a day; returns how many were noted.
--
-- grant: projector, operator
CREATE FUNCTION runfold.sample_table_sizes() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH today AS (
        SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day
    ), old AS (
        DELETE FROM runfold.table_size_samples s USING today t WHERE s.day < t.day - 400
    ), noted AS (
        INSERT INTO runfold.table_size_samples (day, table_name, bytes, row_estimate)
        SELECT t.day, s.table_name, s.bytes, s.row_estimate
          FROM today t, runfold.table_sizes() AS s
         WHERE NOT EXISTS (SELECT FROM runfold.table_size_samples n WHERE n.day = t.day)
            ON CONFLICT DO NOTHING
        RETURNING 1)
    SELECT count(*) FROM noted
$$;

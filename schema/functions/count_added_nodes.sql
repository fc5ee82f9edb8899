-- Counts activations whose rows were added, for dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.count_added_nodes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_nodes(ARRAY(
        WITH changed AS (SELECT 1 AS sign, n.* FROM new_rows n)
        -- step: counted_nodes
    ));
    RETURN NULL;
END
$$;

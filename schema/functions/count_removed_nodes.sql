-- Counts activations whose rows were removed, for dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.count_removed_nodes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_nodes(ARRAY(
        SELECT runfold.counted_node(-1, o.user_id, o.node_type, o.node_subtype, o.status, o.created_at, o.end_time, o.duration_ms)
          FROM old_rows o));
    RETURN NULL;
END
$$;

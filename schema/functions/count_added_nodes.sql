-- Counts activations whose rows were added, for dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.count_added_nodes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_nodes(ARRAY(
        SELECT runfold.counted_node(1, n.user_id, n.node_type, n.node_subtype, n.status, n.created_at, n.end_time, n.duration_ms)
          FROM new_rows n));
    RETURN NULL;
END
$$;

-- What the row of an activation is for the counts of dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.counted_node(
    sign integer, user_id uuid, node_type text, node_subtype text, status text, created_at timestamptz, end_time bigint, duration_ms bigint)
RETURNS runfold.counted_row
LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW (sign, user_id, NULL, node_type, node_subtype, created_at,
                CASE status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                            WHEN 'SKIPPED' THEN 'other' END,
                coalesce(runfold.from_epoch_ms(end_time), created_at), duration_ms)::runfold.counted_row
$$;

-- What the row of an execution is for the counts of dashboards.
--
-- grant: nobody
CREATE FUNCTION runfold.counted_execution(
    sign integer, user_id uuid, workflow_id uuid, status text, created_at timestamptz, end_time bigint, duration_ms bigint)
RETURNS runfold.counted_row
LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW (sign, user_id, workflow_id, NULL, NULL, created_at,
                CASE status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                            WHEN 'TIMEOUT' THEN 'other' END,
                coalesce(runfold.from_epoch_ms(end_time), created_at), duration_ms)::runfold.counted_row
$$;

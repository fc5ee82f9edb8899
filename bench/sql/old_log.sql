-- old_log: a log of executions of 20 events that have ended, each from its own append, and each hundredth open. The partitions
-- must exist, and the log must be empty.
--
--   events  how many events
WITH numbers AS MATERIALIZED (
    SELECT n, (n - 1) / 20 AS run, (n - 1) %% 20 AS step FROM generate_series(1, %(events)s::bigint) AS n
), filled AS (
    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version, data,
                                metadata, occurred_at, recorded_at)
    SELECT n, run * 20 + 20, 'execution-' || md5(run::text), step + 1, gen_random_uuid(), 'execution',
           CASE WHEN step = 0 THEN 'ExecutionCreated' WHEN step = 19 AND run %% 100 <> 0 THEN 'ExecutionSucceeded' ELSE 'NodeSucceeded' END, 1,
           CASE WHEN step = 0 THEN jsonb_build_object('execution_id', md5(run::text), 'workflow_id', md5((run %% 50)::text))
                WHEN step = 19 AND run %% 100 <> 0 THEN jsonb_build_object('end_time', 1700000000000 + n)
                ELSE jsonb_build_object('activation', 'node#' || step, 'node_id', 'node', 'end_time', 1700000000000 + n,
                                        'output_data', jsonb_build_object('text', repeat(md5(n::text), 8), 'score', step * 0.5)) END,
           '{}', now() - interval '400 days' + n * interval '1 second', now() - interval '400 days' + n * interval '1 second'
      FROM numbers ORDER BY n
    RETURNING stream_id, event_id, stream_version, position
), ids AS (
    INSERT INTO runfold.event_ids (event_id, stream_version) SELECT event_id, stream_version FROM filled
)
INSERT INTO runfold.streams (stream_id, version, first_position, last_position)
SELECT stream_id, max(stream_version), min(position), max(position) FROM filled GROUP BY stream_id

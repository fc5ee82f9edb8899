-- multiply_log: the log once more under other names, behind what is there: a long log in seconds. Its partitions must exist.
--
--   copy    what the names of the new streams end with
--   offset  what is added to every position
--   upto    the last position that is copied
INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version, user_id, data,
                            payload, metadata, occurred_at, recorded_at)
SELECT position + %(offset)s, append_end + %(offset)s, stream_id || %(copy)s, stream_version, gen_random_uuid(), category, type,
       schema_version, user_id,
       CASE WHEN type = 'ExecutionCreated' THEN jsonb_set(data, '{execution_id}', to_jsonb(data ->> 'execution_id' || %(copy)s))
            ELSE data END,
       payload, metadata, occurred_at, recorded_at
  FROM runfold.events
 WHERE position <= %(upto)s

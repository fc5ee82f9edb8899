-- Copies the first `count` events of the log, and their streams, under other names and ids, behind its head: a log of any size in
-- a minute a million. Positions, versions and the ends of appends are moved as they are; the log must have no holes.
-- Parameters: count, head (the last position), salt (of the names).
WITH copied AS (
    SELECT e.*, split_part(e.stream_id, '-', 1) || '-' || md5(e.stream_id || %(salt)s)::uuid AS other, gen_random_uuid() AS new_id
      FROM runfold.events e
     WHERE e.position <= %(count)s
), streams AS (
    INSERT INTO runfold.streams (stream_id, user_id, version, first_position, last_position)
    SELECT other, min(user_id::text)::uuid, max(stream_version), min(position) + %(head)s, max(position) + %(head)s
      FROM copied GROUP BY other
), ids AS (
    INSERT INTO runfold.event_ids (event_id, stream_version) SELECT new_id, stream_version FROM copied
)
INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version, user_id, data,
                            payload, metadata, occurred_at, recorded_at)
SELECT c.position + %(head)s, c.append_end + %(head)s, c.other, c.stream_version, c.new_id, c.category, c.type, c.schema_version,
       c.user_id, c.data, c.payload, c.metadata, c.occurred_at, c.recorded_at
  FROM copied c

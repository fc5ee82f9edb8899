-- Adds a failure, or counts it. The first message and the last stream are those of positions: no cut of the log, and no event that
-- is folded late, changes them.
-- Parameters: user_id, message_hash, message, normalised, embedding (null for one that is there), stream_id, at, position;
-- in braces: table.
MERGE INTO {table} AS t
USING (SELECT %(user_id)s::uuid AS user_id, %(message_hash)s::text AS message_hash) AS k
   ON t.user_id = k.user_id AND t.message_hash = k.message_hash
 WHEN MATCHED THEN UPDATE
  SET occurrences = t.occurrences + 1,
      message = CASE WHEN t.first_position > %(position)s THEN %(message)s ELSE t.message END,
      last_stream_id = CASE WHEN t.last_position < %(position)s THEN %(stream_id)s ELSE t.last_stream_id END,
      first_seen = least(t.first_seen, %(at)s), last_seen = greatest(t.last_seen, %(at)s),
      first_position = least(t.first_position, %(position)s), last_position = greatest(t.last_position, %(position)s)
 WHEN NOT MATCHED THEN
      INSERT (user_id, message_hash, message, normalised, embedding, occurrences, first_seen, last_seen, last_stream_id,
              first_position, last_position)
      VALUES (k.user_id, k.message_hash, %(message)s, %(normalised)s, %(embedding)s, 1, %(at)s, %(at)s, %(stream_id)s,
              %(position)s, %(position)s)

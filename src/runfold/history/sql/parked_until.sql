-- parked_until: the streams that are parked at or before a position, in these groups.
-- Parameters: groups (text[]), streams (text[], null: any), upto.
SELECT group_name, stream_id, position, sqlstate, error, parked_at
  FROM runfold.parked_streams
 WHERE group_name = ANY (%(groups)s) AND (%(streams)s::text[] IS NULL OR stream_id = ANY (%(streams)s)) AND position <= %(upto)s
 ORDER BY group_name, position

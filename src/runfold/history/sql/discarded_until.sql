-- discarded_until: the events at or before a position that were given up, in these groups.
-- Parameters: groups (text[]), streams (text[], null: any), upto.
SELECT group_name, stream_id, position, stream_version, type, reason, discarded_by, discarded_at
  FROM runfold.discarded_events
 WHERE group_name = ANY (%(groups)s) AND (%(streams)s::text[] IS NULL OR stream_id = ANY (%(streams)s)) AND position <= %(upto)s
 ORDER BY group_name, position

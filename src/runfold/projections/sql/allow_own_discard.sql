-- allow_own_discard: allows one session of a user's login to discard one event of one stream. Parameters: group, pid, stream, reason, by.
INSERT INTO runfold.own_discards AS o (group_name, pid, stream_id, reason, discarded_by)
VALUES (%(group)s, %(pid)s, %(stream)s, %(reason)s, %(by)s)
    ON CONFLICT (group_name) DO UPDATE
   SET pid = excluded.pid, stream_id = excluded.stream_id, reason = excluded.reason, discarded_by = excluded.discarded_by

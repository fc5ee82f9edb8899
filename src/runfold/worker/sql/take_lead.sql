-- take_lead: begins a new epoch under this worker. The caller holds the leader's lock.
-- Parameters: worker, pids (int[]: its connections).
UPDATE runfold.leader
   SET epoch = epoch + 1, beat = 0, worker = %(worker)s, led_since = clock_timestamp(), beat_at = clock_timestamp(),
       backends = (SELECT coalesce(jsonb_agg(jsonb_build_array(a.pid, a.backend_start::text)), '[]')
                     FROM pg_stat_activity a
                    WHERE a.pid = ANY (%(pids)s))
RETURNING epoch

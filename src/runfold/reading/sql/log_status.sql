-- log_status: the head, the safe head, the first position without a partition, the number of anomalies, the leader, and the last
-- verifications; whether this is a replica, which sees no lock of the leader.
SELECT (SELECT last_value - (NOT is_called)::integer FROM runfold.events_position) AS head,
       runfold.safe_head() AS safe_head,
       runfold.log_end() AS log_end,
       (SELECT count(*) FROM runfold.anomalies) AS anomalies,
       (SELECT min(position) FROM runfold.verifications) AS verified_position,
       (SELECT coalesce(sum(differences), 0)::bigint FROM runfold.verifications) AS verified_differences,
       (SELECT min(verified_at) FROM runfold.verifications) AS verified_at,
       (SELECT min(position) FROM runfold.sample_verifications) AS sample_position,
       (SELECT max(streams) FROM runfold.sample_verifications) AS sample_streams,
       (SELECT coalesce(sum(differences), 0)::bigint FROM runfold.sample_verifications) AS sample_differences,
       (SELECT min(verified_at) FROM runfold.sample_verifications) AS sample_at,
       pg_is_in_recovery() AS is_replica,
       l.worker, l.epoch, l.led_since, l.beat_at,
       -- The name of a killed leader remains in the table, but its lock is released.
       EXISTS (SELECT FROM pg_locks k
                WHERE k.locktype = 'advisory' AND k.classid = 'runfold.events'::regclass::oid AND k.objid = 2
                  AND k.objsubid = 2 AND k.granted
                  AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS leads
  FROM runfold.leader l

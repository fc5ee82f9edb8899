-- A worker leads, and does not beat.
--
-- severity: error
-- where: primary
-- see: how-to/run-the-worker.md
SELECT 'worker ' || l.worker AS object,
       format('it leads, and has not beaten since %%s UTC', to_char(l.beat_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS problem,
       'kill it: a follower takes over by itself, or start one' AS remedy
  FROM runfold.leader l
 WHERE l.beat_at < clock_timestamp() - make_interval(secs => %(beat_age_seconds)s)
   AND EXISTS (SELECT FROM pg_locks k
                WHERE k.locktype = 'advisory' AND k.classid = 'runfold.events'::regclass::oid AND k.objid = 2
                  AND k.objsubid = 2 AND k.granted
                  AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database()))

-- No worker leads: events are recorded, and nothing is folded.
--
-- severity: warning
-- where: primary
-- see: how-to/run-the-worker.md
SELECT 'worker' AS object, 'no worker leads: events are recorded, and no table follows' AS problem, 'run `runfold worker`' AS remedy
 WHERE NOT EXISTS (SELECT FROM pg_locks k
                    WHERE k.locktype = 'advisory' AND k.classid = 'runfold.events'::regclass::oid AND k.objid = 2
                      AND k.objsubid = 2 AND k.granted
                      AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database()))

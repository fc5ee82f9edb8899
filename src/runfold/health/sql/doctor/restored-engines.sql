-- Engines and what they held were restored with the log.
--
-- They ran at the moment that was restored. An engine that still runs beats by itself; the executions of the others
-- have to be taken over, and may have gone on further than the log knows.
--
-- severity: warning
-- only: after-restore
-- see: how-to/after-a-restore.md
SELECT 'engine ' || e.name AS object,
       format('it held %%s executions at the moment that was restored', (SELECT count(*) FROM runfold.holds h WHERE h.engine_id = e.engine_id)) AS problem,
       'start it again, or let another engine take its executions over: `runfold engine list`' AS remedy
  FROM runfold.engines e

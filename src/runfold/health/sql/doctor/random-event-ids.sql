-- Most of the last events have random ids.
--
-- Each touches a page of the index that nobody else does: twenty times the WAL after a checkpoint. Ids of version 7 and
-- 8 lie beside each other.
--
-- severity: advice
-- reads: runfold.events
-- see: how-to/emit-events.md
SELECT 'runfold.events' AS object, format('%%s of the last %%s event ids are random', count(*) FILTER (WHERE e.v NOT IN ('7', '8')), count(*)) AS problem,
       'make ids of version 7, or by runfold.event_id()' AS remedy
  FROM (SELECT substr(event_id::text, 15, 1) AS v FROM runfold.events ORDER BY position DESC LIMIT 1000) AS e
HAVING count(*) >= 100 AND count(*) FILTER (WHERE e.v NOT IN ('7', '8')) > %(random_ids)s * count(*)

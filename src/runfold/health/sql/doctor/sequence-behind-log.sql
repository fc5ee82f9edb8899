-- The sequence of positions is behind the log's last event, as after a dump that was restored in part.
--
-- Appends fail, because their positions are taken.
--
-- severity: error
-- reads: runfold.events
-- also: after-restore
-- see: how-to/use-your-own-postgresql.md
SELECT 'runfold.events_position' AS object,
       format('it is at %%s, and the last event has position %%s: appends fail', s.last_value, e.position) AS problem,
       format('SELECT setval(''runfold.events_position'', %%s)', e.position) AS remedy
  FROM runfold.events_position s
 CROSS JOIN (SELECT max(position) AS position FROM runfold.events) AS e
 WHERE e.position > s.last_value

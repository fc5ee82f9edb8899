-- A group of projections is ahead of the log, as after a restore of the log alone.
--
-- Its tables hold rows of events that this log does not have.
--
-- severity: error
-- also: after-restore
-- see: how-to/rebuild-and-verify.md
SELECT 'group ' || c.group_name AS object,
       format('its checkpoint is %%s, and the log ends at %%s: its rows are of another log', c.position, s.last_value) AS problem,
       format('`runfold projection rebuild` of its tables') AS remedy
  FROM runfold.checkpoints c
 CROSS JOIN runfold.events_position s
 WHERE c.position > s.last_value

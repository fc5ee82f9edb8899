-- A kept subscription was on another server, or on another timeline: its bookmark was restored with the database.
--
-- What its consumer had done further on is not known here: it receives those events again, or others in their place.
--
-- severity: warning
-- where: primary
-- only: after-restore
-- see: how-to/after-a-restore.md
SELECT 'subscription ' || s.name AS object,
       format('its bookmark is at %%s, and what its consumer did behind it before the restore is not in this database', coalesce(s.restored_position, s.position)) AS problem,
       format('let its consumer recognize by event id what it has done; `runfold subscription move %%s` forgets the mark', s.name) AS remedy
  FROM runfold.subscriptions s
 WHERE s.restored_position IS NOT NULL OR s.server <> runfold.server_identity()

-- A subscription's bookmark has not moved for long, with events behind it.
--
-- What it has not read is not archived.
--
-- severity: warning
-- reads: runfold.events
-- see: how-to/subscribe.md
SELECT 'subscription ' || s.name AS object,
       format('its bookmark is at %%s since %%s: what is behind it stays out of the archive', s.position, (s.moved_at AT TIME ZONE 'UTC')::date) AS problem,
       format('start its consumer, or `runfold subscription drop %%s`', s.name) AS remedy
  FROM runfold.subscriptions s
 WHERE s.moved_at < clock_timestamp() - make_interval(secs => %(bookmark_age_seconds)s)
   AND EXISTS (SELECT FROM runfold.events e WHERE e.position > s.position)

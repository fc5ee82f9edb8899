-- The handler of a subscription fails again and again.
--
-- severity: warning
-- see: how-to/subscribe.md
SELECT 'subscription ' || s.name AS object,
       format('its handler fails since %%s UTC, tries: %%s: %%s', to_char(s.failed_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), s.failed_tries, s.failed_error) AS problem,
       format('fix the handler: it goes on at the same event; `runfold subscription show %%s`', s.name) AS remedy
  FROM runfold.subscriptions s
 WHERE s.failed_error IS NOT NULL

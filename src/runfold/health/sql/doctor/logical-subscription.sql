-- A logical subscription of this database is disabled, or has not copied all of its tables.
--
-- severity: warning
-- see: how-to/use-your-own-postgresql.md
SELECT 'subscription ' || s.subname AS object, 'it is disabled: nothing new comes' AS problem,
       format('ALTER SUBSCRIPTION %%I ENABLE', s.subname) AS remedy
  FROM pg_subscription s
 WHERE NOT s.subenabled AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT 'subscription ' || s.subname, format('its table %%s is in state %%s: it is not copied yet', r.srrelid::regclass, r.srsubstate),
       'look at the log of the server: it says what the copy waits for'
  FROM pg_subscription s
  JOIN pg_subscription_rel r ON r.srsubid = s.oid
 WHERE r.srsubstate <> 'r' AND s.subenabled AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())

-- Old rows are not frozen: transaction ids may run out.
--
-- Near the end the server takes no more writes.
--
-- severity: error
-- see: how-to/use-your-own-postgresql.md
SELECT 'database ' || d.datname AS object,
       format('its oldest transaction id is %%s transactions old', greatest(age(d.datfrozenxid), mxid_age(d.datminmxid))) AS problem,
       'VACUUM (FREEZE) in it; look for old transactions, prepared ones and slots, which hinder it' AS remedy
  FROM pg_database d
 WHERE greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) > %(transaction_ids_age)s

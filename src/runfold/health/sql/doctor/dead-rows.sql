-- A table has more dead rows than live ones.
--
-- Small tables that are updated with each append or beat grow slow by them.
--
-- severity: warning
-- see: how-to/dashboards.md#advice
SELECT t.relid::regclass::text AS object, format('it has %%s dead rows and %%s live ones', t.n_dead_tup, t.n_live_tup) AS problem,
       format('VACUUM %%s; an old transaction or slot may hinder it', t.relid::regclass) AS remedy
  FROM pg_stat_user_tables t
 WHERE t.schemaname IN ('runfold', 'runfold_partitions', 'public', 'projections')
   AND t.n_dead_tup > greatest(t.n_live_tup, %(dead_rows)s)

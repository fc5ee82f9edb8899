-- A group of projections fails at the same batch again and again.
--
-- severity: warning
-- see: how-to/run-the-worker.md
SELECT 'group ' || c.group_name AS object,
       format('it is tried again at %%s since %%s UTC: %%s', c.position, to_char(c.retried_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), c.retried_error) AS problem,
       'fix the cause that it names: the worker goes on by itself' AS remedy
  FROM runfold.checkpoints c
 WHERE c.retried_error IS NOT NULL AND c.retried_since < clock_timestamp() - make_interval(secs => %(group_lag_seconds)s)

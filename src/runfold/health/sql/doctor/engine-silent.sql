-- An engine has not beaten for long.
--
-- Nobody goes on with its executions unless another engine takes them over.
--
-- severity: warning
-- where: primary
-- see: how-to/resume-after-a-crash.md
SELECT 'engine ' || e.name AS object,
       format('it is silent since %%s UTC (%%s, process %%s), with %%s executions', to_char(e.beat_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
              e.host, e.pid, (SELECT count(*) FROM runfold.holds h WHERE h.engine_id = e.engine_id)) AS problem,
       'start it again, or let another engine take its executions over: `runfold engine list`' AS remedy
  FROM runfold.engines e
 WHERE runfold.engine_is_silent(e.engine_id)

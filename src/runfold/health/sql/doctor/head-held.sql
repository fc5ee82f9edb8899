-- One append stays open, and nothing behind it is folded.
--
-- severity: error
-- where: primary
-- see: how-to/run-the-worker.md
SELECT coalesce('pid ' || h.pid, 'prepared transaction ' || h.prepared_gid, 'an append') AS object,
       format('it holds the safe head at %%s since %%s: nothing behind it is folded', h.bound, to_char(h.since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS problem,
       CASE WHEN h.pid IS NULL THEN format('COMMIT PREPARED %%L, or ROLLBACK PREPARED %%1$L', h.prepared_gid)
            ELSE format('let it commit, or SELECT pg_terminate_backend(%%s)', h.pid) END AS remedy
  FROM runfold.head_holders() AS h
 WHERE h.since < clock_timestamp() - make_interval(secs => %(head_holder_seconds)s)

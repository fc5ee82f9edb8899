-- What has expired is not removed.
--
-- severity: warning
-- where: primary
-- see: how-to/keep-and-expire.md
SELECT r.table_name AS object,
       CASE WHEN r.blocked_since < clock_timestamp() - make_interval(secs => %(partition_blocked_seconds)s)
            THEN format('a partition that has expired cannot be locked since %%s UTC', to_char(r.blocked_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
            ELSE format('what expired was removed last at %%s UTC', to_char(r.ran_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) END AS problem,
       'run a worker, or `runfold retention run`; long transactions hinder it' AS remedy
  FROM runfold.retention r
 WHERE r.keep IS NOT NULL AND to_regclass(r.table_name) IS NOT NULL
   AND (r.blocked_since < clock_timestamp() - make_interval(secs => %(partition_blocked_seconds)s)
        OR r.ran_at < clock_timestamp() - make_interval(secs => %(retention_age_seconds)s))

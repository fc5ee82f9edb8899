-- A backfill of an upgrade is not done for long.
--
-- Until it is, rows or indexes of the new release are missing.
--
-- severity: warning
-- see: how-to/use-your-own-postgresql.md
SELECT 'backfill ' || b.name AS object,
       CASE WHEN b.started_at IS NULL THEN format('it was not begun: %%s', b.about)
            ELSE format('its last step was at %%s UTC: %%s', to_char(coalesce(b.stepped_at, b.started_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), b.about) END AS problem,
       format('`runfold backfill run %%s`: it goes on where it was', b.name) AS remedy
  FROM runfold.backfills b
 WHERE b.finished_at IS NULL
   AND coalesce(b.stepped_at, b.started_at, to_timestamp(b.since, 'YYYYMMDDHH24MISS')) < clock_timestamp() - make_interval(secs => %(backfill_seconds)s)

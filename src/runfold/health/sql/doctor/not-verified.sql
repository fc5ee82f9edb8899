-- A read table was not compared with the log for long, or never.
--
-- severity: warning
-- see: how-to/rebuild-and-verify.md
SELECT 'projection ' || p.name AS object,
       CASE WHEN v.verified_at IS NULL THEN 'it was never verified'
            ELSE format('it was verified last at %%s UTC', to_char(v.verified_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) END AS problem,
       format('`runfold projection verify %%s`, once a month', p.name) AS remedy
  FROM runfold.projections p
  LEFT JOIN runfold.verifications v ON v.projection = p.name
 WHERE coalesce(v.verified_at, p.built_at) < clock_timestamp() - make_interval(secs => %(verified_age_seconds)s)

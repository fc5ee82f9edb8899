-- The last verification of a read table found rows that differ from the log.
--
-- severity: error
-- see: how-to/rebuild-and-verify.md
SELECT 'projection ' || v.projection AS object,
       format('%%s of its rows differed from the log at position %%s', v.differences, v.position) AS problem,
       format('`runfold projection verify %%s` shows them, `runfold projection rebuild %%1$s` repairs them', v.projection) AS remedy
  FROM (SELECT projection, differences, position FROM runfold.verifications
        UNION ALL
        SELECT s.projection, s.differences, s.position
          FROM runfold.sample_verifications s
         WHERE NOT EXISTS (SELECT FROM runfold.verifications w WHERE w.projection = s.projection AND w.verified_at > s.verified_at)) AS v
 WHERE v.differences > %(verified_differences)s

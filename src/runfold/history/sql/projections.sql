-- projections: what is noted of each projection: built version, and the last verification.
SELECT p.name, p.version AS built_version, p.digest, v.position AS verified_position, v.verified_at,
       v.differences AS verified_differences
  FROM runfold.projections p
  LEFT JOIN runfold.verifications v ON v.projection = p.name

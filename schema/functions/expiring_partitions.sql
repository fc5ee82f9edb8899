-- The leaves of a table, the table itself if it is not partitioned, with the time at which each ends (null:
-- it has no upper bound).
--
-- grant: nobody
CREATE FUNCTION runfold.expiring_partitions(whole regclass) RETURNS TABLE (leaf regclass, ends_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
    SELECT t.relid, (regexp_match(pg_get_expr(c.relpartbound, c.oid), $r$TO \('([^']+)'\)$r$))[1]::timestamptz
      FROM pg_partition_tree(whole) AS t
      JOIN pg_class c ON c.oid = t.relid
     WHERE t.isleaf
     UNION ALL
    SELECT c.oid::regclass, NULL FROM pg_class c WHERE c.oid = whole AND c.relkind = 'r' AND NOT c.relispartition
       AND NOT EXISTS (SELECT FROM pg_partition_tree(whole))
     ORDER BY 2, 1
$$;

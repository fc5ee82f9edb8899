-- The tables of runfold and of public with their size, a partitioned one with all its partitions.
--
-- grant: operator
CREATE FUNCTION runfold.table_sizes() RETURNS TABLE (table_name text, bytes bigint, row_estimate bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I.%I', n.nspname, c.relname), sum(pg_total_relation_size(p.relid))::bigint,
           sum(greatest(l.reltuples, 0))::bigint
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL (SELECT t.relid FROM pg_partition_tree(c.oid) AS t WHERE t.isleaf
                         UNION SELECT c.oid WHERE c.relkind = 'r') AS p
      JOIN pg_class l ON l.oid = p.relid
     WHERE n.nspname IN ('public', 'runfold', 'projections') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     GROUP BY n.nspname, c.relname
$$;

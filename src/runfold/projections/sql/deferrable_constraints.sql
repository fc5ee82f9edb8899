-- deferrable_constraints: the constraints of these tables that may speak at commit only. Parameters: tables (text[], schema.table).
SELECT n.nspname, c.conname
  FROM pg_constraint c
  JOIN pg_namespace n ON n.oid = c.connamespace
 WHERE c.condeferrable AND c.conrelid IN (SELECT to_regclass(t.name) FROM unnest(%(tables)s::text[]) AS t (name))

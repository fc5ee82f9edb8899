-- foreign_keys: which of these tables refer to which others. Parameters: tables (text[], as regclass takes them).
-- Returns the referring and the referred table's place in the list, from 1.
SELECT DISTINCT array_position(t.tables, k.conrelid::oid), array_position(t.tables, k.confrelid::oid)
  FROM (SELECT %(tables)s::regclass[]::oid[] AS tables) AS t
  JOIN pg_constraint k ON k.conrelid = ANY (t.tables) AND k.confrelid = ANY (t.tables)
 WHERE k.contype = 'f' AND k.conrelid <> k.confrelid

-- compare_all: the keys of all rows that differ now, nothing being locked, in a temporary table: a query that makes a table can
-- run in parallel, where one that inserts can not. The runner puts in the names.
CREATE TEMPORARY TABLE {compared} ON COMMIT DROP AS
SELECT {either_key}
  FROM {live} AS live
  FULL JOIN {shadow} AS folded ON {same_key}
 WHERE live *<> folded OR live.{one} IS NULL OR folded.{one} IS NULL

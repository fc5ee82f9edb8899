-- suspect_all: notes the keys of all rows that differ now, nothing being locked. The runner puts in the names.
INSERT INTO {suspects}
SELECT {either_key}
  FROM {live} AS live
  FULL JOIN {shadow} AS folded ON {same_key}
 WHERE live *<> folded OR live.{one} IS NULL OR folded.{one} IS NULL

-- found: of the suspects, those that differ now. The runner puts in the names.
CREATE TEMPORARY TABLE {found} ON COMMIT DROP AS
SELECT s.*, live.{one} IS NULL AS missing, folded.{one} IS NULL AS surplus
  FROM (SELECT DISTINCT * FROM {suspects}) AS s
  LEFT JOIN {live} AS live ON {live_is_suspect}
  LEFT JOIN {shadow} AS folded ON {shadow_is_suspect}
 WHERE live *<> folded OR (live.{one} IS NULL) <> (folded.{one} IS NULL)

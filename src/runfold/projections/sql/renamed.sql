-- renamed: surplus rows that are missing ones under another key, by a unique index: deleting them would take along what refers to
-- them. The runner puts in the names.
CREATE TEMPORARY TABLE {renamed} ON COMMIT DROP AS
SELECT {surplus_keys}, {missing_keys}
  FROM {found} AS x
  JOIN {live} AS live ON {live_is_surplus}
  JOIN {shadow} AS folded ON {same_unique}
  JOIN {found} AS s ON {shadow_is_suspect}
 WHERE x.surplus AND s.missing

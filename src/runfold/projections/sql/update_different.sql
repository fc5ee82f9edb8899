-- update_different: makes the rows that differ what the log says. The runner puts in the names.
UPDATE {live} AS live SET {assignments}
  FROM {found} AS s JOIN {shadow} AS folded ON {shadow_is_suspect}
 WHERE NOT s.missing AND NOT s.surplus AND {live_is_suspect}

-- write_renamed: gives them their key back, and whatever else differs. The runner puts in the names.
UPDATE {live} AS live SET {assignments}
  FROM {renamed} AS s JOIN {shadow} AS folded ON {shadow_is_renamed}
 WHERE {live_is_renamed}

-- found_kinds: how many of the rows that differ are missing, surplus, and different. The runner puts in the names.
SELECT count(*) FILTER (WHERE missing), count(*) FILTER (WHERE surplus), count(*) FILTER (WHERE NOT missing AND NOT surplus)
  FROM {found}

-- batch_bounds: where the next batch of a group ends, and what is in it. A batch ends where an append ends.
-- Parameters: after, head (the safe head), types (text[]), size (events at most, but for the rest of the last append).
-- Returns one row: events, seen (the last position looked at), last (the last position of the last append), types that occur.
SELECT coalesce(sum(n), 0)::bigint AS events, max(seen) AS seen, max(last) AS last, array_agg(type) AS types
  -- By type first: a DISTINCT over all of them would sort the batch.
  FROM (SELECT type, count(*) AS n, max(position) AS seen, max(append_end) AS last
          FROM (SELECT position, append_end, type
                  FROM runfold.events
                 WHERE position > %(after)s AND position <= %(head)s AND type = ANY (%(types)s)
                 ORDER BY position
                 LIMIT %(size)s) AS batch
         GROUP BY type) AS by_type

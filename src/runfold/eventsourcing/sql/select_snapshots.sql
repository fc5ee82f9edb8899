-- select_snapshots: an aggregate's snapshots between versions, in order.
-- Parameters: category, originator_id, gt, lte, limit (null: none of it).
SELECT s.version, s.topic, s.state
  FROM runfold.snapshots s
 WHERE s.category = %(category)s AND s.originator_id = %(originator_id)s
   AND s.version > coalesce(%(gt)s, -1) AND s.version <= coalesce(%(lte)s, 9223372036854775807)
 ORDER BY s.version
 LIMIT %(limit)s

-- record_snapshots: snapshots of aggregates, all or none.
-- Parameters: category, originator_ids (text[]), versions (bigint[]), topics (text[]), states (bytea[]), call_id.
SELECT runfold.record_snapshots(%(category)s, %(originator_ids)s, %(versions)s::bigint[], %(topics)s, %(states)b, %(call_id)s)

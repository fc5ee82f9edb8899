-- positions: where the log ends, and how far the read tables are.
SELECT (SELECT last_value - (NOT is_called)::integer FROM runfold.events_position) AS head,
       (SELECT coalesce(min(position), 0) FROM runfold.checkpoints) AS folded

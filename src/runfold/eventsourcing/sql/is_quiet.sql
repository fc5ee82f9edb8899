-- is_quiet: whether no append is open that had its positions before this statement. No parameters.
SELECT runfold.safe_head() >= q.last_value - (NOT q.is_called)::integer FROM runfold.events_position q

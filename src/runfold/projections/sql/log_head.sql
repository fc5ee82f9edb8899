-- log_head: the last position that the log has issued.
SELECT last_value - (NOT is_called)::integer FROM runfold.events_position

-- append_due_timeouts: appends the timeouts and warnings that are due by the database's clock, once each; returns them.
-- Parameters: limit, remind_before (seconds).
SELECT stream_id, type, pause
  FROM runfold.append_due_timeouts(%(limit)s, make_interval(secs => %(remind_before)s))

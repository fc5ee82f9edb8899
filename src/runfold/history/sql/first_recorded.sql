-- first_recorded: when the log's first event was recorded; no row where there is none. No parameters.
SELECT e.recorded_at FROM runfold.events e ORDER BY e.position LIMIT 1

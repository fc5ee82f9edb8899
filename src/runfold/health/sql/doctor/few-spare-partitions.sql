-- Few partitions of the log lie ahead of its head.
--
-- The worker makes them. Where none is left, every append is refused.
--
-- severity: error
-- see: how-to/run-the-worker.md
SELECT 'runfold.events' AS object,
       format('the log has room for %%s more events', greatest(runfold.log_end() - 1 - s.last_value, 0)) AS problem,
       'run a worker, or `SELECT runfold.ensure_partitions()`; if a worker leads, its log says what hinders it' AS remedy
  FROM runfold.events_position s
 WHERE (runfold.log_end() - 1 - s.last_value) / 5000000.0 < %(spare_partitions)s

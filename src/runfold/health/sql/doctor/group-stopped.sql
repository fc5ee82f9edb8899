-- A group of projections is stopped, and waits for an operator.
--
-- severity: error
-- see: how-to/run-the-worker.md
SELECT 'group ' || c.group_name AS object, format('it is stopped at %%s: %%s', c.position, c.stopped_error) AS problem,
       'fix the cause; a worker that starts tries again' AS remedy
  FROM runfold.checkpoints c
 WHERE c.stopped_error IS NOT NULL

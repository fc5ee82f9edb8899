-- hold: holds an execution for an engine, unless another one does; returns the holder: its id, its name, and whether this
-- engine was not given up.
-- Parameters: execution, engine, epoch.
WITH held AS (
    INSERT INTO runfold.holds AS h (execution_id, engine_id, epoch)
    SELECT %(execution)s, e.engine_id, %(epoch)s FROM runfold.engines e WHERE e.engine_id = %(engine)s AND e.gone_at IS NULL
        ON CONFLICT (execution_id) DO UPDATE SET epoch = greatest(h.epoch, excluded.epoch) WHERE h.engine_id = excluded.engine_id
    RETURNING h.engine_id
), holder AS (
    SELECT engine_id FROM held
    UNION ALL
    SELECT h.engine_id FROM runfold.holds h WHERE h.execution_id = %(execution)s AND NOT EXISTS (SELECT FROM held)
)
SELECT e.engine_id, e.name, EXISTS (SELECT FROM runfold.engines WHERE engine_id = %(engine)s AND gone_at IS NULL)
  FROM (VALUES (1)) AS one
  LEFT JOIN holder ON true
  LEFT JOIN runfold.engines e ON e.engine_id = holder.engine_id

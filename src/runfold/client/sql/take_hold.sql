-- take_hold: takes an execution's hold from whoever has it, for an engine or for none, and gives up the former one if it is
-- silent. Parameters: execution, engine (null: none), epoch.
WITH former AS (
    UPDATE runfold.engines e SET gone_at = clock_timestamp()
      FROM runfold.holds h
     WHERE h.execution_id = %(execution)s AND e.engine_id = h.engine_id AND e.gone_at IS NULL
       AND e.engine_id IS DISTINCT FROM %(engine)s::uuid AND runfold.engine_is_silent(e.engine_id)
), freed AS (
    DELETE FROM runfold.holds WHERE execution_id = %(execution)s AND %(engine)s::uuid IS NULL
)
INSERT INTO runfold.holds AS h (execution_id, engine_id, epoch)
SELECT %(execution)s, e.engine_id, %(epoch)s FROM runfold.engines e WHERE e.engine_id = %(engine)s::uuid
    ON CONFLICT (execution_id) DO UPDATE
   SET engine_id = excluded.engine_id, epoch = excluded.epoch, taken_at = clock_timestamp()
RETURNING h.engine_id

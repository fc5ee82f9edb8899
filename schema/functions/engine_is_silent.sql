-- Whether an engine has missed so many beats of the leader that it is taken for dead, or was given up before.
--
-- The leader's beats are counted, and no clock is read. They begin again at 0 with each leader: after an outage, a
-- fail-over or a restore no engine is silent before the new leader has beaten so often without hearing from it.
-- Without a leader nobody becomes silent. NULL: there is no such engine.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.engine_is_silent(engine_id uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.gone_at IS NOT NULL
        OR l.beat - CASE WHEN e.leader_epoch = l.epoch THEN e.leader_beat ELSE 0 END >= e.patience
      FROM runfold.engines e
     CROSS JOIN runfold.leader l
     WHERE e.engine_id = $1
$$;

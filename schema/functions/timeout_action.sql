-- What is to happen when time runs out, where somebody said so: the field timeout_action.
--
-- The producer gives it in the request, or in the pause's conditions where that is to do something
-- else. Without it, what waits fails.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.timeout_action(said jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(said -> 'timeout_action') = 'string' AND said ->> 'timeout_action' <> ''
                THEN left(said ->> 'timeout_action', 255) END
$$;

-- The status that the open pauses make of an execution that has started and not ended.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.open_status(open_pauses jsonb, paused boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.jsonb_each_text(open_pauses) WHERE value = 'human_interaction')
                THEN 'WAITING_FOR_HUMAN'
                WHEN paused OR open_pauses OPERATOR(pg_catalog.<>) '{}' THEN 'PAUSED'
                ELSE 'RUNNING' END
$$;

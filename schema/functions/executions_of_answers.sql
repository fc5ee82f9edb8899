-- The streams of the executions that asked what a call of append_events answers.
--
-- grant: nobody
CREATE FUNCTION runfold.executions_of_answers(call jsonb) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(DISTINCT runfold.stream_id('execution', a.execution_id)) FROM runfold.answers_of(call) AS a
$$;

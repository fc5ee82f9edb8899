-- Whether the vocabulary lets a response move so.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.response_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'unprocessed' THEN target IN ('error', 'filtered_out', 'matched')
           WHEN 'error' THEN target IN ('unprocessed')
           WHEN 'filtered_out' THEN target IN ('unprocessed')
           ELSE false END
$$;

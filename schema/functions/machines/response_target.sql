-- The status an event moves its response to.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.response_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'ResponseReceived' THEN 'unprocessed'
           WHEN 'ResponseMatched' THEN 'matched'
           WHEN 'ResponseFilteredOut' THEN 'filtered_out'
           WHEN 'ResponseErrored' THEN 'error'
           WHEN 'ResponseReopened' THEN 'unprocessed' END
$$;

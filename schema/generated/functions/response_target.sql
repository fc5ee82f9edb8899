-- The status that an event of this type moves a response to; NULL for one that moves none.
--
-- Generated from runfold.events by `make generated`.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.response_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'ResponseReceived' THEN 'unprocessed'
           WHEN 'ResponseMatched' THEN 'matched'
           WHEN 'ResponseFilteredOut' THEN 'filtered_out'
           WHEN 'ResponseErrored' THEN 'error'
           WHEN 'ResponseReopened' THEN 'unprocessed' END
$$;

-- Where a stream is parked in a group of the login's own.
--
-- grant: projections
CREATE FUNCTION runfold.own_parked_position(group_name text, stream_id text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.position FROM runfold.parked_streams p
      JOIN runfold.own_groups g ON g.group_name = p.group_name AND g.role_name = session_user
     WHERE p.group_name = $1 AND p.stream_id = $2
$$;

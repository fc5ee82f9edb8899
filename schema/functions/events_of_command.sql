-- The events that a command recorded, with their places in its call: who sends it again encrypts its
-- values with the keys that these name.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.events_of_command(command_id uuid)
RETURNS TABLE (append integer, event integer, data jsonb, payload bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.n::integer - 1, (e.position - (a.appended ->> 'first_position')::bigint)::integer, e.data, e.payload
      FROM runfold.commands c
     CROSS JOIN LATERAL jsonb_array_elements(c.result) WITH ORDINALITY AS a (appended, n)
      JOIN runfold.events e ON e.position BETWEEN (a.appended ->> 'first_position')::bigint AND (a.appended ->> 'last_position')::bigint
     WHERE c.command_id = events_of_command.command_id
     ORDER BY 1, 2
$$;

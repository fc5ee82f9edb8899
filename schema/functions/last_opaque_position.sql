-- The position of an application's last event up to the safe head; null without one.
--
-- grant: engine, operator, reader, service_role
CREATE FUNCTION runfold.last_opaque_position(category text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head constant bigint := runfold.safe_head();
BEGIN
    RETURN (SELECT e.position
              FROM runfold.events e
             WHERE e.category = last_opaque_position.category AND e.position <= head AND e.payload IS NOT NULL
             ORDER BY e.position DESC
             LIMIT 1);
END
$$;

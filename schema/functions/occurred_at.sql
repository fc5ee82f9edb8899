-- When the event at a position occurred.
--
-- Not inlined, so that a fold that hardly ever asks does not plan the look into the partitions.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.occurred_at("position" bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT e.occurred_at FROM runfold.events e WHERE e.position = $1);
END
$$;

-- Whether a text is an RFC 3339 time with a zone, at most microseconds, in the years 1 to 9999 of UTC.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.is_in_calendar(value text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])$'
       AND value::timestamptz BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00';
EXCEPTION WHEN data_exception THEN
    RETURN false;
END
$$;

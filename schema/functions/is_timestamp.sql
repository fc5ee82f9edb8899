-- Whether a text is an RFC 3339 time with a zone that a session of any zone can show.
--
-- At most microseconds, and a day within the ends of the years 1 to 9999: a client east or west of
-- UTC would read a later or an earlier one as a year that it does not know. Raises a data_exception
-- for a day or a zone that does not exist: the quick path has one handler around all of its checks,
-- and one for each would cost more.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.is_timestamp(value text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])$'
       AND value::timestamptz BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 23:59:59.999999+00';
END
$$;

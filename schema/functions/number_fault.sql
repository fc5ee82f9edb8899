-- What a number's text cannot be read back as; NULL if it can.
--
-- It cannot where it is an integer beyond 64 bits, or what no double holds.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.number_fault(token text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    digits constant text := regexp_replace(token, '[eE].*$', '');
    magnitude numeric;
BEGIN
    IF token !~ '[.eE]' THEN
        RETURN CASE WHEN length(token) > 20 OR token::numeric NOT BETWEEN -9223372036854775808 AND 9223372036854775807
                    THEN 'integer_too_large' END;
    END IF;
    magnitude := abs(token::numeric);
    -- 2^1024 - 2^970 and above is read as infinity, 2^-1075 and below as zero.
    RETURN CASE WHEN magnitude >= 1.7976931348623158079372897140530341e308
                  OR (magnitude <= 2.4703282292062327e-324 AND digits ~ '[1-9]') THEN 'number_too_large' END;
EXCEPTION WHEN data_exception THEN
    RETURN 'number_too_large';
END
$$;

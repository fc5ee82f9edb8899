-- Raises the first fault of claims or releases.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.raise_claims_fault(claims jsonb, pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pair record;
    at text;
BEGIN
    IF coalesce(claims, 'null') = 'null' THEN
        RETURN;
    END IF;
    PERFORM runfold.require_value('array', NULL, NULL, claims, pointer);
    FOR pair IN SELECT e.value, e.n FROM jsonb_array_elements(claims) WITH ORDINALITY AS e (value, n) LOOP
        at := pointer || '/' || (pair.n - 1);
        PERFORM runfold.require_value('array', NULL, NULL, pair.value, at);
        IF jsonb_array_length(pair.value) <> 2 THEN
            PERFORM runfold.raise_fault('not_a_pair', at, '2', to_jsonb(jsonb_array_length(pair.value)));
        END IF;
        PERFORM runfold.require_value('name', 1, 255, pair.value -> 0, at || '/0');
        PERFORM runfold.require_value('name', 1, 255, pair.value -> 1, at || '/1');
    END LOOP;
END
$$;

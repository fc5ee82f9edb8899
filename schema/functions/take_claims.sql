-- Releases and takes the claims of a call: those that it asks for, and those of its events by runfold.claim_rules.
--
-- grant: nobody
CREATE FUNCTION runfold.take_claims(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_functions boolean;
    of_events boolean;
BEGIN
    SELECT bool_or(r.effect = 'follows'), bool_or(r.effect <> 'follows') INTO of_functions, of_events
      FROM jsonb_path_query(call, '$[*].events[*].type') AS e (type)
      JOIN runfold.claim_rules r ON r.type = e.type #>> '{}';
    IF of_functions OR call @? '$[*].claims' OR call @? '$[*].releases' THEN
        PERFORM runfold.take_given_claims(call, CASE WHEN of_functions THEN runfold.following_claims(call) ELSE '[]' END);
    END IF;
    IF of_events THEN
        PERFORM runfold.take_claims_of_events(call);
    END IF;
END
$$;

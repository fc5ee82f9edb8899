-- The claims that functions of runfold.claim_rules compute for the streams of a call, as objects with append, stream_id,
-- kind, key and held.
--
-- grant: nobody
CREATE FUNCTION runfold.following_claims(call jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    followed record;
    computed jsonb;
    claims jsonb := '[]';
BEGIN
    FOR followed IN
        SELECT DISTINCT a.n, a.append, r.kind, r.function_name
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
         CROSS JOIN jsonb_array_elements(a.append -> 'events') AS e (event)
          JOIN runfold.claim_rules r ON r.type = e.event ->> 'type' AND r.effect = 'follows'
         ORDER BY a.n, r.kind
    LOOP
        EXECUTE format($query$
            SELECT coalesce(jsonb_agg(jsonb_build_object('append', $1, 'stream_id', $2, 'kind', $3, 'key', f.key,
                                                         'held', f.held)), '[]')
              FROM %s($2, $4) AS f (key, held)$query$, followed.function_name)
           INTO computed
          USING followed.n, followed.append ->> 'stream_id', followed.kind, followed.append -> 'events';
        claims := claims || computed;
    END LOOP;
    RETURN claims;
END
$$;

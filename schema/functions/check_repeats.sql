-- Refuses what append_events cannot do for a call whose stored events are skipped.
--
-- A command id, and claims and releases that are asked for, belong to a whole call. Nobody can say whether they were
-- done if a part of it is stored.
--
-- grant: nobody
CREATE FUNCTION runfold.check_repeats(call jsonb, command_id uuid, repeats text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pointer text;
BEGIN
    IF repeats <> 'skip' THEN
        PERFORM runfold.raise_fault('not_allowed', '/repeats', '["skip"]', to_jsonb(repeats));
    END IF;
    IF command_id IS NOT NULL THEN
        PERFORM runfold.refuse('repeats_not_allowed', '{"pointer": "/command_id"}', '{"what": "a command_id"}');
    END IF;
    SELECT format('/%s/%s', a.n - 1, k.key) INTO pointer
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n), unnest('{claims,releases}'::text[]) AS k (key)
     WHERE jsonb_array_length(nullif(a.append -> k.key, 'null')) > 0
     ORDER BY a.n, k.key LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.refuse('repeats_not_allowed', jsonb_build_object('pointer', pointer), '{"what": "claims and releases"}');
    END IF;
END
$$;

-- The episodes of a tenant that match, each searched in its language.
--
-- As matching_documents, one plan a language.
--
-- grant: nobody
CREATE FUNCTION runfold.matching_episodes(
    tenant uuid, typed text, by_actor text, in_session text, since timestamptz, until timestamptz
) RETURNS TABLE (id uuid, importance numeric, happened timestamptz, rank real)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    found_language text;
    asked tsquery;
BEGIN
    FOR found_language IN
        WITH RECURSIVE found AS (
            (SELECT t.language FROM public.episodic_memory t WHERE t.user_id = tenant ORDER BY t.language LIMIT 1)
            UNION ALL
            SELECT (SELECT t.language FROM public.episodic_memory t
                     WHERE t.user_id = tenant AND t.language > f.language ORDER BY t.language LIMIT 1)
              FROM found f WHERE f.language IS NOT NULL
        )
        SELECT f.language FROM found f WHERE f.language IS NOT NULL
    LOOP
        asked := runfold.text_query(found_language, typed);
        RETURN QUERY
        SELECT e.id, e.importance, e.timestamp, ts_rank(e.search_vector, asked)
          FROM public.episodic_memory e
         WHERE e.user_id = tenant AND e.search_vector @@ asked AND e.language = found_language
           AND (by_actor IS NULL OR e.actor = by_actor) AND (in_session IS NULL OR e.session_id = in_session)
           AND (since IS NULL OR e.timestamp >= since) AND (until IS NULL OR e.timestamp < until)
           AND (e.expires_at IS NULL OR e.expires_at > now());
    END LOOP;
END
$$;

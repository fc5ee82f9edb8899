-- Adds a summary of a conversation up to a message, linked to the summary before it, and returns it.
--
-- Null for `upto` is the newest message. The content is an object with the columns of the summary.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.add_summary(tenant uuid, session text, content jsonb, upto integer DEFAULT NULL)
RETURNS SETOF public.conversation_summaries
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newest integer;
    before public.conversation_summaries;
BEGIN
    PERFORM runfold.lock_memory(tenant, 'conversation/' || session);
    SELECT * INTO before FROM public.conversation_summaries s
     WHERE s.user_id = tenant AND s.session_id = session ORDER BY s.sequence DESC LIMIT 1;
    newest := greatest(
        (SELECT max(m.message_index) FROM public.conversation_buffers m WHERE m.user_id = tenant AND m.session_id = session),
        before.upto_index, 0);
    upto := coalesce(upto, newest);
    IF upto NOT BETWEEN 0 AND newest THEN
        PERFORM runfold.refuse('summary_ahead', jsonb_build_object('pointer', '/upto', 'found', upto, 'limit', newest));
    END IF;
    RETURN QUERY
    INSERT INTO public.conversation_summaries AS s
           (user_id, session_id, sequence, summary, key_points, entities, topics, summary_type, message_count, upto_index,
            token_count, model_used, confidence_score, previous_summary_id)
    SELECT tenant, session, coalesce(before.sequence, 0) + 1, content ->> 'summary', coalesce(content -> 'key_points', '[]'),
           coalesce(content -> 'entities', '[]'), coalesce(content -> 'topics', '[]'),
           coalesce(content ->> 'summary_type', 'progressive'),
           (SELECT count(*) FROM public.conversation_buffers m
             WHERE m.user_id = tenant AND m.session_id = session
               AND m.message_index > coalesce(before.upto_index, 0) AND m.message_index <= upto),
           upto, coalesce((content ->> 'token_count')::integer, (length(content ->> 'summary') + 3) / 4),
           content ->> 'model_used', coalesce((content ->> 'confidence_score')::double precision, 0.0), before.id
    RETURNING s.*;
END
$$;

-- Adds messages to the end of a conversation, in their order, and returns them with their places.
--
-- The lock and the look at the last place are two statements, so the look sees what the writer before has committed.
-- A place is not used again while a message or a summary of the session is there.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.add_messages(tenant uuid, session text, messages jsonb, ttl interval DEFAULT NULL)
RETURNS SETOF public.conversation_buffers
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last_place integer;
BEGIN
    PERFORM runfold.require_between('/messages', jsonb_array_length(messages), 1, 1000);
    PERFORM runfold.lock_memory(tenant, 'conversation/' || session);
    last_place := greatest(
        (SELECT max(m.message_index) FROM public.conversation_buffers m WHERE m.user_id = tenant AND m.session_id = session),
        (SELECT max(s.upto_index) FROM public.conversation_summaries s WHERE s.user_id = tenant AND s.session_id = session));
    RETURN QUERY
    INSERT INTO public.conversation_buffers AS m
           (user_id, session_id, message_index, role, content, metadata, tokens_count, timestamp, expires_at)
    SELECT tenant, session, coalesce(last_place, 0) + g.place::integer, g.given ->> 'role', g.given ->> 'content',
           coalesce(g.given -> 'metadata', '{}'), (g.given ->> 'tokens_count')::integer,
           coalesce((g.given ->> 'timestamp')::timestamptz, now()), now() + ttl
      FROM jsonb_array_elements(messages) WITH ORDINALITY AS g (given, place)
     ORDER BY g.place
    RETURNING m.*;
END
$$;

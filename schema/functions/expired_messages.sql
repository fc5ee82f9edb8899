-- The messages of conversations that have expired: by their own end, and those older than a time that a summary of
-- their session covers; with `force` all that are older. Without a time only the first.
--
-- grant: nobody
CREATE FUNCTION runfold.expired_messages(older_than timestamptz, force boolean DEFAULT false) RETURNS SETOF uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id FROM public.conversation_buffers m WHERE m.expires_at < clock_timestamp()
     UNION
    SELECT m.id
      FROM public.conversation_buffers m
     WHERE m.timestamp < older_than
       AND (force OR EXISTS (SELECT FROM public.conversation_summaries s
                              WHERE s.user_id = m.user_id AND s.session_id = m.session_id AND s.upto_index >= m.message_index))
$$;

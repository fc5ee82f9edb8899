-- Deletes messages older than so many days: those that a summary of their session covers, with `force` all;
-- returns how many.
--
-- grant: operator
CREATE FUNCTION runfold.expire_conversations(days integer, force boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    IF days IS NULL OR days < 0 THEN
        PERFORM runfold.refuse('retention_too_short', jsonb_build_object(
            'table', 'public.conversation_buffers', 'keep', coalesce(days || ' days', 'no number of days')));
    END IF;
    DELETE FROM public.conversation_buffers m
     WHERE m.timestamp < clock_timestamp() - make_interval(days => days)
       AND (force OR EXISTS (SELECT FROM public.conversation_summaries s
                              WHERE s.user_id = m.user_id AND s.session_id = m.session_id AND s.upto_index >= m.message_index));
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;

-- Deletes messages of conversations that have expired, `most` of them at most; returns how many.
--
-- grant: nobody
CREATE FUNCTION runfold.expire_messages(older_than timestamptz, force boolean, most bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    DELETE FROM public.conversation_buffers m
     WHERE m.id IN (SELECT x FROM runfold.expired_messages(older_than, force) AS x LIMIT most);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;

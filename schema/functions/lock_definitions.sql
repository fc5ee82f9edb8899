-- Locks the definition streams of some workflows, in the order in which every append takes streams.
--
-- One statement: it makes the missing ones and locks those that exist. Whoever holds them reads what
-- the transactions before it have committed, so two edits of one workflow are versions one after the other.
--
-- grant: nobody
CREATE FUNCTION runfold.lock_definitions(workflow_ids uuid[]) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO runfold.streams AS s (stream_id, user_id, version)
    SELECT runfold.stream_id('definition', w.id::text), w.user_id, 0
      FROM public.workflows w
     WHERE w.id = ANY (workflow_ids) AND w.user_id IS NOT NULL
     ORDER BY runfold.stream_id('definition', w.id::text) COLLATE "C"
        ON CONFLICT ON CONSTRAINT streams_pkey DO UPDATE SET version = s.version WHERE false
$$;

-- Makes a workflow of a user's equal to a definition: its row, its nodes and its connections, by
-- difference. Rows that stay keep their ids, and rows that are equal are not written.
--
-- Fields of the workflow that are absent keep their value; nodes and connections are given whole, and of a node only its position
-- and notes are kept. Rows are written before the stream is locked, as every edit by SQL does, so the two cannot deadlock. The
-- version returned is the one that the commit makes, unless the transaction edits more.
--
-- grant: nobody
CREATE FUNCTION runfold.put_workflow(owner uuid, definition jsonb, expected_version bigint)
RETURNS TABLE (workflow_id uuid, version bigint, digest text, changed boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    whole constant jsonb := runfold.whole_definition(definition);
    id constant uuid := coalesce((definition ->> 'id')::uuid, runfold.new_id());
    now constant bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
    present public.workflows;
    wanted public.workflows;
    written bigint;
    last record;
BEGIN
    PERFORM runfold.require_definition(definition);
    IF EXISTS (SELECT FROM runfold.streams s
                WHERE s.stream_id IN (runfold.stream_id('definition', id::text), runfold.stream_id('deployment', id::text))
                  AND s.user_id <> owner)
       OR EXISTS (SELECT FROM public.workflows w WHERE w.id = id AND w.user_id IS DISTINCT FROM owner) THEN
        PERFORM runfold.refuse('workflow_unavailable', jsonb_build_object('workflow_id', id));
    ELSIF owner IS NOT NULL AND NOT EXISTS (SELECT FROM auth.users u WHERE u.id = owner) THEN
        PERFORM runfold.raise_fault('unknown_user', '/user_id', NULL, to_jsonb(owner));
    ELSIF whole ->> 'session_id' IS NOT NULL
          AND NOT EXISTS (SELECT FROM public.sessions s WHERE s.user_id = owner AND s.id = (whole ->> 'session_id')::uuid) THEN
        PERFORM runfold.raise_fault('unknown_session', '/session_id', NULL, whole -> 'session_id');
    END IF;
    SELECT * INTO present FROM public.workflows w WHERE w.id = id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM runfold.require_value('name', 1, 255, whole -> 'name', '/name');
        INSERT INTO public.workflows AS w (id, user_id, name, workflow_data, created_at, updated_at)
        VALUES (id, owner, whole ->> 'name', '{}', now, now) ON CONFLICT DO NOTHING RETURNING w.* INTO present;
        IF NOT FOUND THEN  -- taken at this moment
            PERFORM runfold.refuse('workflow_unavailable', jsonb_build_object('workflow_id', id));
        END IF;
    END IF;
    -- jsonb_populate_record keeps what is absent, and takes a null for NULL: what may not be NULL is left out then.
    wanted := jsonb_populate_record(present, (
        SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(whole) AS e
         WHERE e.key NOT IN ('id', 'nodes', 'connections')
           AND (e.value <> 'null' OR e.key NOT IN ('name', 'version', 'active', 'workflow_data', 'is_template'))));
    written := runfold.put_nodes(id, whole -> 'nodes') + runfold.put_connections(id, whole -> 'connections');
    IF written > 0 OR wanted IS DISTINCT FROM present THEN
        UPDATE public.workflows w
           SET session_id = wanted.session_id, name = wanted.name, description = wanted.description, version = wanted.version,
               active = wanted.active, workflow_data = wanted.workflow_data, settings = wanted.settings,
               static_data = wanted.static_data, pin_data = wanted.pin_data, tags = wanted.tags, is_template = wanted.is_template,
               template_category = wanted.template_category, icon_url = wanted.icon_url, updated_at = now
         WHERE w.id = id;
    END IF;
    PERFORM runfold.lock_definitions(ARRAY[id]);
    last := runfold.last_definition(id);
    IF expected_version <> last.version THEN
        PERFORM runfold.refuse('definition_changed', jsonb_build_object(
            'stream_id', runfold.stream_id('definition', id::text), 'version', last.version, 'expected_version', expected_version));
    END IF;
    workflow_id := id;
    digest := (runfold.digest_of_workflow(id)).digest;
    changed := owner IS NOT NULL AND digest IS DISTINCT FROM last.digest;
    version := last.version + changed::integer;
    RETURN NEXT;
END
$$;

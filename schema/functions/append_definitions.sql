-- Appends DefinitionSaved for each workflow that this transaction edited and whose digest is another
-- than that of its newest version; keeps the bodies.
--
-- A workflow without a user has no versions: nobody could see them, and nothing would ever delete their bodies.
--
-- The streams are locked before the definitions are read: of two transactions that edit one workflow
-- the second sees what the first committed. All streams are locked, and all bodies kept, in one order, so no two transactions
-- deadlock here. An append takes 1,000 streams. A stream's tenant stays, whoever the workflow is given to.
--
-- grant: nobody
CREATE FUNCTION runfold.append_definitions() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    edited uuid[];
    actor constant text := coalesce(auth.uid()::text, session_user);
    now constant text := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    appends jsonb;
BEGIN
    WITH noted AS (DELETE FROM runfold.edited_workflows e WHERE e.xid = pg_current_xact_id() RETURNING e.workflow_id)
    SELECT array_agg(n.workflow_id) INTO edited FROM noted n;
    IF edited IS NULL THEN
        RETURN;
    END IF;
    PERFORM runfold.lock_definitions(edited);
    WITH digested AS MATERIALIZED (
        SELECT w.id, w.user_id, d.digest, d.nodes, d.connections
          FROM public.workflows w, runfold.digest_of_workflow(w.id) AS d
         WHERE w.id = ANY (edited) AND w.user_id IS NOT NULL
    ), changed AS MATERIALIZED (
        SELECT d.* FROM digested d, runfold.last_definition(d.id) AS last WHERE d.digest IS DISTINCT FROM last.digest
    ), kept AS (
        INSERT INTO runfold.definitions (user_id, digest, body)
        SELECT c.user_id, c.digest, runfold.definition_of(c.id) FROM changed c
         WHERE NOT EXISTS (SELECT FROM runfold.definitions d WHERE d.user_id = c.user_id AND d.digest = c.digest)
         ORDER BY c.user_id, c.digest COLLATE "C"
            ON CONFLICT ON CONSTRAINT definitions_pkey DO NOTHING
    )
    SELECT jsonb_agg(jsonb_build_object(
               'stream_id', runfold.stream_id('definition', c.id::text),
               'events', jsonb_build_array(jsonb_build_object(
                   'event_id', runfold.new_id(), 'type', 'DefinitionSaved', 'schema_version', 1, 'occurred_at', now,
                   'data', jsonb_build_object(
                       'workflow_id', c.id, 'digest', c.digest, 'nodes', c.nodes, 'connections', c.connections,
                       'by', actor))))
               ORDER BY runfold.stream_id('definition', c.id::text) COLLATE "C")
      INTO appends
      FROM changed c;
    WHILE jsonb_array_length(appends) > 0 LOOP
        PERFORM runfold.append_reserved(jsonb_path_query_array(appends, '$[0 to 999]'));
        appends := jsonb_path_query_array(appends, '$[1000 to last]');
    END LOOP;
END
$$;

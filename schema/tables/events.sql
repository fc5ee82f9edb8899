CREATE SEQUENCE runfold.events_position AS bigint CACHE 1;

CREATE TABLE runfold.events (
    position bigint NOT NULL,
    append_end bigint NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    stream_version bigint NOT NULL,
    event_id uuid NOT NULL,
    category text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    user_id uuid,
    data jsonb,
    payload bytea,
    metadata jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (position)
) PARTITION BY RANGE (position);
CREATE INDEX idx_events_stream ON runfold.events (stream_id, stream_version);
-- The executions of a workflow as the log has them, with or without a row. Text, so that no value keeps an event out.
CREATE INDEX idx_events_execution_created ON runfold.events (lower(data ->> 'workflow_id' COLLATE "C"), position)
    WHERE category = 'execution' AND type = 'ExecutionCreated';
-- The executions that an execution started, as the log has them, with or without a row.
CREATE INDEX idx_events_child_created ON runfold.events ((data ->> 'parent_execution_id'), position)
    WHERE category = 'execution' AND type = 'ExecutionCreated' AND data ->> 'parent_execution_id' IS NOT NULL;
-- The interactions that an execution asked for, likewise.
CREATE INDEX idx_events_interaction_requested ON runfold.events ((data ->> 'execution_id'), position)
    WHERE category = 'interaction' AND type = 'InteractionRequested';
-- Opaque events are read by category; vocabulary events, which carry data, do not pay for this index.
CREATE INDEX idx_events_opaque ON runfold.events (category, position) WHERE payload IS NOT NULL;
-- The requests of a workflow in the log, for those behind the checkpoint. Text, so that nothing keeps an event out.
CREATE INDEX idx_events_requests_of_workflow ON runfold.events (lower(data ->> 'workflow_id' COLLATE "C"), position)
    WHERE category = 'interaction' AND type = 'InteractionRequested';
-- The responses that were matched to an interaction, as the log has them: who looks back at an execution finds them with its questions.
CREATE INDEX idx_events_response_matched ON runfold.events (lower(data ->> 'interaction_id' COLLATE "C"), position)
    WHERE category = 'response' AND type = 'ResponseMatched';

COMMENT ON SEQUENCE runfold.events_position IS
    'Global order of the log. Its oid is the tag of the appenders'' fences (runfold.safe_head). CACHE 1, or the order breaks.';
COMMENT ON TABLE runfold.events IS 'The log: append-only for every role. Read tables are folds of it.';
COMMENT ON COLUMN runfold.events.position IS 'Global order; may have holes.';
COMMENT ON COLUMN runfold.events.append_end IS 'Last position of the append_events call: its events become visible together.';
COMMENT ON COLUMN runfold.events.user_id IS 'Tenant of the stream; NULL: no tenant sees it.';
COMMENT ON COLUMN runfold.events.payload IS 'Opaque bytes, in place of data.';
COMMENT ON COLUMN runfold.events.occurred_at IS 'The producer''s clock.';
COMMENT ON COLUMN runfold.events.recorded_at IS 'The server''s clock.';

ALTER TABLE runfold.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON runfold.events FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON runfold.events FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role
    USING (true) WITH CHECK (true);

GRANT SELECT ON runfold.events
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;
GRANT SELECT ON runfold.events_position TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

-- after the functions

CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE ON runfold.events
    FOR EACH ROW EXECUTE FUNCTION runfold.refuse_change();
CREATE TRIGGER events_are_never_truncated BEFORE UPDATE OR DELETE OR TRUNCATE ON runfold.events
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change();
SELECT runfold.ensure_partitions();

-- What the platform's Data API calls, as supabase.rpc() does: it shows the schema public, and not runfold. Only the service
-- key may: a tenant that could append would write its own history, and user_id is the caller's word.
CREATE FUNCTION public.runfold_append(appends jsonb, command_id uuid DEFAULT NULL, repeats text DEFAULT NULL)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean,
               skipped integer, versions bigint[], positions bigint[])
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.stream_id, a.version, a.first_position, a.last_position, a.repeated, a.skipped, a.versions, a.positions
      FROM runfold.append_events(CASE jsonb_typeof(appends) WHEN 'string' THEN appends #>> '{}' ELSE appends::text END,
                                 command_id, repeats) AS a
$$;
COMMENT ON FUNCTION public.runfold_append IS
    'runfold.append_events for the Data API: appends is the array itself; its text is taken, too.';
REVOKE ALL ON FUNCTION public.runfold_append FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.runfold_append TO service_role;

CREATE FUNCTION public.runfold_read_stream(stream_id text, after bigint DEFAULT 0, max_count integer DEFAULT 1000)
RETURNS TABLE ("position" bigint, stream_version bigint, event_id uuid, type text, schema_version integer, user_id uuid,
               data jsonb, payload text, metadata jsonb, occurred_at timestamptz, recorded_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.position, e.stream_version, e.event_id, e.type, e.schema_version, e.user_id, e.data,
           replace(encode(e.payload, 'base64'), E'\n', ''), e.metadata, e.occurred_at, e.recorded_at
      FROM runfold.read_stream(runfold_read_stream.stream_id, after, max_count) AS e
     ORDER BY e.stream_version
$$;
COMMENT ON FUNCTION public.runfold_read_stream IS
    'runfold.read_stream for the Data API: events of a stream after a version, in order; a payload is base64.';
REVOKE ALL ON FUNCTION public.runfold_read_stream FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.runfold_read_stream TO service_role;

CREATE FUNCTION public.runfold_read_all(after bigint DEFAULT 0, max_count integer DEFAULT 1000, types text[] DEFAULT NULL,
                                        archived text DEFAULT NULL)
RETURNS TABLE ("position" bigint, stream_id text, stream_version bigint, event_id uuid, type text, schema_version integer,
               user_id uuid, data jsonb, payload text, metadata jsonb, occurred_at timestamptz, recorded_at timestamptz)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.position, e.stream_id, e.stream_version, e.event_id, e.type, e.schema_version, e.user_id, e.data,
           replace(encode(e.payload, 'base64'), E'\n', ''), e.metadata, e.occurred_at, e.recorded_at
      FROM runfold.read_all(after, max_count, types, archived => archived) AS e
     ORDER BY e.position
$$;
COMMENT ON FUNCTION public.runfold_read_all IS
    'runfold.read_all for the Data API: events after a position, in order; a payload is base64.';
REVOKE ALL ON FUNCTION public.runfold_read_all FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.runfold_read_all TO service_role;

CREATE FUNCTION public.runfold_execution(execution_id text, log_lines integer DEFAULT 50) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.execution_detail(execution_id, log_lines)
$$;
COMMENT ON FUNCTION public.runfold_execution IS 'runfold.execution_detail for the Data API: an execution with all its parts.';
REVOKE ALL ON FUNCTION public.runfold_execution FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.runfold_execution TO service_role;

CREATE TABLE public.workflow_executions (
    id uuid NOT NULL,
    execution_id varchar(255) COLLATE "C" NOT NULL,
    workflow_id uuid NOT NULL,
    user_id uuid,
    status varchar(50) NOT NULL DEFAULT 'NEW',
    mode varchar(50) NOT NULL DEFAULT 'MANUAL',
    triggered_by varchar(255),
    trigger_subtype varchar(100),
    trigger_data jsonb,
    parent_execution_id varchar(255),
    retry_of varchar(255),
    workflow_version varchar(50),
    deployment_version integer,
    order_time timestamptz NOT NULL,
    start_time bigint,
    end_time bigint,
    duration_ms bigint,
    run_data jsonb,
    metadata jsonb NOT NULL DEFAULT '{}',
    error_message text,
    error_details jsonb,
    open_pauses jsonb NOT NULL DEFAULT '{}',
    closed_pauses jsonb NOT NULL DEFAULT '{}',
    paused boolean NOT NULL DEFAULT false,
    first_event_position bigint NOT NULL,
    end_position bigint,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT workflow_executions_pkey PRIMARY KEY (id),
    CONSTRAINT workflow_executions_execution_id_key UNIQUE (execution_id),
    -- words: execution
    CONSTRAINT valid_execution_status CHECK (
        status IN ('NEW', 'RUNNING', 'PAUSED', 'WAITING_FOR_HUMAN', 'SUCCESS', 'ERROR', 'CANCELED', 'TIMEOUT')),
    -- words: Mode
    CONSTRAINT valid_execution_mode CHECK (mode IN ('MANUAL', 'TRIGGER', 'WEBHOOK', 'RETRY'))
) WITH (fillfactor = 90);
-- Lists without a filter, by keyset.
CREATE INDEX idx_executions_created ON public.workflow_executions (created_at DESC, id);
CREATE INDEX idx_executions_workflow_id ON public.workflow_executions (workflow_id, created_at DESC, id);
CREATE INDEX idx_executions_status ON public.workflow_executions (status);
CREATE INDEX idx_executions_status_created ON public.workflow_executions (status, created_at DESC);
CREATE INDEX idx_executions_user_created ON public.workflow_executions (user_id, created_at DESC, id);
-- A user's failed executions, or those that run, by keyset.
CREATE INDEX idx_executions_user_status ON public.workflow_executions (user_id, status, created_at DESC, id);
CREATE INDEX idx_executions_parent_execution_id ON public.workflow_executions (parent_execution_id)
    WHERE parent_execution_id IS NOT NULL;
-- Who searches an error text looks at failed executions only: a tenth of the table, or less.
CREATE INDEX idx_executions_failed ON public.workflow_executions (created_at DESC, id) WHERE error_message IS NOT NULL;
-- For runfold.search_executions; the fold pays only for executions that have metadata.
CREATE INDEX idx_executions_metadata ON public.workflow_executions USING gin (metadata jsonb_path_ops) WHERE metadata <> '{}';

COMMENT ON TABLE public.workflow_executions IS 'Executions of workflows: a fold of the execution streams.';
COMMENT ON COLUMN public.workflow_executions.order_time IS
    'When it began, or else was created, but not later than the log recorded that: what orders the executions of a workflow.';
COMMENT ON COLUMN public.workflow_executions.start_time IS 'Epoch milliseconds of the first start.';
COMMENT ON COLUMN public.workflow_executions.open_pauses IS 'Name -> reason of the pauses that are open.';
COMMENT ON COLUMN public.workflow_executions.closed_pauses IS 'Name -> status of the pauses that have ended: a name is used once.';
COMMENT ON COLUMN public.workflow_executions.paused IS 'An ExecutionPaused that no ExecutionResumed has answered.';
COMMENT ON COLUMN public.workflow_executions.end_position IS 'Position of the event that ended it.';

ALTER TABLE public.workflow_executions ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.workflow_executions FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflow_executions FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON public.workflow_executions TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_executions TO runfold_projector;

-- after the functions

-- Parts of error texts are found by trigrams, where the server has them and this role may create them; without them, a search
-- reads a tenant's failed executions.
DO $trigrams$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        IF to_regnamespace('extensions') IS NULL THEN
            CREATE EXTENSION pg_trgm SCHEMA public;
        ELSE
            CREATE EXTENSION pg_trgm SCHEMA extensions;
        END IF;
    END IF;
    EXECUTE (SELECT format('CREATE INDEX idx_executions_error_trigrams ON public.workflow_executions '
                           'USING gin (error_message %I.gin_trgm_ops) WHERE error_message IS NOT NULL', n.nspname)
               FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm');
EXCEPTION WHEN feature_not_supported OR undefined_file OR insufficient_privilege THEN
    RAISE NOTICE 'searches of error texts have no index, because pg_trgm cannot be created: %', SQLERRM;
END
$trigrams$;

-- Dashboards: see execution_hours and node_days.
CREATE TRIGGER added_rows_are_counted AFTER INSERT ON public.workflow_executions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.count_added_executions();
CREATE TRIGGER changed_rows_are_counted AFTER UPDATE ON public.workflow_executions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.count_changed_executions();
CREATE TRIGGER removed_rows_are_counted AFTER DELETE ON public.workflow_executions
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.count_removed_executions();
CREATE TRIGGER no_rows_are_counted AFTER TRUNCATE ON public.workflow_executions
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.forget_counts();

-- Partitioned by month of created_at, the producer's clock. Months ahead are made by the worker; a time outside
-- of them goes to the default partition, so that no producer's clock can stop the fold.
CREATE TABLE public.workflow_execution_logs (
    id uuid NOT NULL,
    execution_id varchar(255) COLLATE "C" NOT NULL,
    user_id uuid,
    log_category varchar(20) NOT NULL DEFAULT 'TECHNICAL',
    event_type varchar(50) NOT NULL,
    level varchar(10) NOT NULL DEFAULT 'INFO',
    message text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    node_id varchar(255),
    node_name varchar(255),
    node_type varchar(100),
    step_number integer,
    total_steps integer,
    progress_percentage numeric(5, 2),
    duration_seconds integer,
    user_friendly_message text,
    display_priority integer NOT NULL DEFAULT 5,
    is_milestone boolean NOT NULL DEFAULT false,
    technical_details jsonb NOT NULL DEFAULT '{}',
    stack_trace text,
    performance_metrics jsonb NOT NULL DEFAULT '{}',
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT workflow_execution_logs_pkey PRIMARY KEY (created_at, id),
    -- words: LogCategory
    CONSTRAINT valid_log_category CHECK (log_category IN ('TECHNICAL', 'BUSINESS')),
    -- words: LogEventType
    CONSTRAINT valid_event_type CHECK (
        event_type IN ('workflow_started', 'workflow_completed', 'workflow_progress', 'step_started', 'step_input',
        'step_output', 'step_completed', 'step_error', 'separator')),
    -- words: LogLevel
    CONSTRAINT valid_log_level CHECK (level IN ('DEBUG', 'INFO', 'WARNING', 'ERROR')),
    CONSTRAINT progress_is_a_percentage CHECK (progress_percentage BETWEEN 0 AND 100),
    CONSTRAINT display_priority_is_one_to_ten CHECK (display_priority BETWEEN 1 AND 10)
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_workflow_execution_logs_execution_id ON public.workflow_execution_logs (execution_id, created_at);
CREATE INDEX idx_workflow_execution_logs_category ON public.workflow_execution_logs (log_category);
CREATE INDEX idx_workflow_execution_logs_level ON public.workflow_execution_logs (level);
CREATE INDEX idx_workflow_execution_logs_priority ON public.workflow_execution_logs (display_priority);
CREATE INDEX idx_workflow_execution_logs_user_id ON public.workflow_execution_logs (user_id);

CREATE TABLE runfold_partitions.workflow_execution_logs_default PARTITION OF public.workflow_execution_logs DEFAULT;

COMMENT ON TABLE public.workflow_execution_logs IS 'Log lines of executions: a fold of the log streams.';

ALTER TABLE public.workflow_execution_logs ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.workflow_execution_logs FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflow_execution_logs FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON public.workflow_execution_logs TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_execution_logs TO runfold_projector;

-- after the functions

SELECT runfold.ensure_log_partitions();

CREATE FUNCTION public.cleanup_old_execution_logs(retention_days integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.expire_all('public.workflow_execution_logs', make_interval(days => retention_days))
$$;
COMMENT ON FUNCTION public.cleanup_old_execution_logs IS
    'Removes the log lines older than so many days, up to a day''s start, for good; returns how many. The worker does it daily.';
REVOKE ALL ON FUNCTION public.cleanup_old_execution_logs FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.cleanup_old_execution_logs TO runfold_operator, service_role;

-- migrate:up

-- The read tables of the execution and log groups: the specification's names, plus what docs/reference/read-tables.md lists as ours.
-- They are folds of the log (projections/) and are written by the worker only. No foreign key leads to what users edit.

-- The UUID of a row from names that are unique in their stream: no event can touch another stream's rows, and a rebuild
-- gives the same ids. One expression, so that it is inlined into folds (STABLE, as convert_to is: IMMUTABLE would not be inlined).
CREATE FUNCTION runfold.row_id(stream_id text, kind text, name text) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    -- Bits 52 to 55 are the version, 70 and 71 the variant; single bits, so that the hash is computed once.
    SELECT pg_catalog.encode(pg_catalog.substring(
               pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(
               pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(
               pg_catalog.sha256(pg_catalog.convert_to($1 || E'\x1f' || $2 || E'\x1f' || $3, 'UTF8')),
               55, 1), 54, 0), 53, 0), 52, 0), 71, 1), 70, 0), 1, 16), 'hex')::uuid
$$;
COMMENT ON FUNCTION runfold.row_id(text, text, text) IS 'The UUID of the row that a stream names so.';

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
    CONSTRAINT valid_execution_status CHECK (
        status IN ('NEW', 'RUNNING', 'SUCCESS', 'ERROR', 'CANCELED', 'PAUSED', 'WAITING_FOR_HUMAN', 'TIMEOUT')),
    CONSTRAINT valid_execution_mode CHECK (mode IN ('MANUAL', 'TRIGGER', 'WEBHOOK', 'RETRY'))
) WITH (fillfactor = 90);
-- Lists without a filter, by keyset.
CREATE INDEX idx_executions_created ON public.workflow_executions (created_at DESC, id);
CREATE INDEX idx_executions_workflow_id ON public.workflow_executions (workflow_id, created_at DESC, id);
CREATE INDEX idx_executions_status ON public.workflow_executions (status);
CREATE INDEX idx_executions_status_created ON public.workflow_executions (status, created_at DESC);
CREATE INDEX idx_executions_user_created ON public.workflow_executions (user_id, created_at DESC, id);
CREATE INDEX idx_executions_parent_execution_id ON public.workflow_executions (parent_execution_id)
    WHERE parent_execution_id IS NOT NULL;
COMMENT ON TABLE public.workflow_executions IS 'Executions of workflows: a fold of the execution streams.';
COMMENT ON COLUMN public.workflow_executions.start_time IS 'Epoch milliseconds of the first start.';
COMMENT ON COLUMN public.workflow_executions.open_pauses IS 'Name -> reason of the pauses that are open.';
COMMENT ON COLUMN public.workflow_executions.closed_pauses IS 'Name -> status of the pauses that have ended: a name is used once.';
COMMENT ON COLUMN public.workflow_executions.paused IS 'An ExecutionPaused that no ExecutionResumed has answered.';
COMMENT ON COLUMN public.workflow_executions.end_position IS 'Position of the event that ended it.';

CREATE TABLE public.node_executions (
    id uuid NOT NULL,
    execution_id varchar(255) COLLATE "C" NOT NULL,
    user_id uuid,
    activation varchar(255) NOT NULL,
    node_id varchar(255) NOT NULL,
    node_type varchar(100) NOT NULL,
    node_subtype varchar(100),
    node_name varchar(255),
    status varchar(50) NOT NULL DEFAULT 'PENDING',
    start_time bigint,
    end_time bigint,
    duration_ms bigint,
    input_data jsonb,
    output_data jsonb,
    error_data jsonb,
    attempt integer,
    retry_count integer NOT NULL DEFAULT 0,
    max_retries integer NOT NULL DEFAULT 3,
    iteration integer,
    parent_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT node_executions_pkey PRIMARY KEY (id),
    CONSTRAINT node_executions_execution_id_fkey FOREIGN KEY (execution_id)
        REFERENCES public.workflow_executions (execution_id) ON DELETE CASCADE,
    CONSTRAINT valid_node_status CHECK (
        status IN ('PENDING', 'RUNNING', 'SUCCESS', 'ERROR', 'SKIPPED', 'CANCELED', 'WAITING_INPUT', 'RETRYING'))
) WITH (fillfactor = 90);
CREATE INDEX idx_node_executions_execution_id ON public.node_executions (execution_id, start_time);
CREATE INDEX idx_node_executions_node_id ON public.node_executions (node_id);
CREATE INDEX idx_node_executions_status ON public.node_executions (status);
CREATE INDEX idx_node_executions_user_id ON public.node_executions (user_id);
COMMENT ON TABLE public.node_executions IS 'Activations of nodes, one row each: a fold of the execution streams.';
COMMENT ON COLUMN public.node_executions.activation IS 'The producer''s name of the activation, unique in its execution.';

CREATE TABLE public.workflow_execution_pauses (
    id uuid NOT NULL,
    execution_id uuid NOT NULL,
    user_id uuid,
    name varchar(255) NOT NULL,
    paused_at timestamptz NOT NULL,
    paused_node_id varchar(255) NOT NULL,
    pause_reason varchar(100) NOT NULL,
    resume_conditions jsonb NOT NULL,
    resumed_at timestamptz,
    resume_trigger varchar(100),
    interaction_id uuid,
    timeout_at timestamptz,
    status varchar(20) NOT NULL DEFAULT 'active',
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT workflow_execution_pauses_pkey PRIMARY KEY (id),
    CONSTRAINT workflow_execution_pauses_execution_id_fkey FOREIGN KEY (execution_id)
        REFERENCES public.workflow_executions (id) ON DELETE CASCADE,
    CONSTRAINT valid_pause_reason CHECK (pause_reason IN ('human_interaction', 'timeout', 'error', 'manual', 'timer')),
    CONSTRAINT valid_pause_status CHECK (status IN ('active', 'resumed', 'timeout', 'cancelled'))
);
CREATE INDEX idx_workflow_execution_pauses_execution ON public.workflow_execution_pauses (execution_id);
CREATE INDEX idx_workflow_execution_pauses_active ON public.workflow_execution_pauses (status, timeout_at)
    WHERE status = 'active';
CREATE INDEX idx_workflow_execution_pauses_node ON public.workflow_execution_pauses (paused_node_id);
CREATE INDEX idx_workflow_execution_pauses_user_id ON public.workflow_execution_pauses (user_id);
COMMENT ON TABLE public.workflow_execution_pauses IS 'Pauses of executions: a fold of the execution streams.';

-- Partitioned by month of created_at, the producer's clock. Months ahead are made by the worker; whatever lies outside
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
    CONSTRAINT valid_log_category CHECK (log_category IN ('TECHNICAL', 'BUSINESS')),
    CONSTRAINT valid_event_type CHECK (
        event_type IN ('workflow_started', 'workflow_completed', 'workflow_progress', 'step_started', 'step_input',
                       'step_output', 'step_completed', 'step_error', 'separator')),
    CONSTRAINT valid_log_level CHECK (level IN ('DEBUG', 'INFO', 'WARNING', 'ERROR')),
    CONSTRAINT progress_is_a_percentage CHECK (progress_percentage BETWEEN 0 AND 100),
    CONSTRAINT display_priority_is_one_to_ten CHECK (display_priority BETWEEN 1 AND 10)
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_workflow_execution_logs_execution_id ON public.workflow_execution_logs (execution_id, created_at);
CREATE INDEX idx_workflow_execution_logs_category ON public.workflow_execution_logs (log_category);
CREATE INDEX idx_workflow_execution_logs_level ON public.workflow_execution_logs (level);
CREATE INDEX idx_workflow_execution_logs_priority ON public.workflow_execution_logs (display_priority);
CREATE INDEX idx_workflow_execution_logs_user_id ON public.workflow_execution_logs (user_id);
CREATE TABLE public.workflow_execution_logs_default PARTITION OF public.workflow_execution_logs DEFAULT;
COMMENT ON TABLE public.workflow_execution_logs IS 'Log lines of executions: a fold of the log streams.';

CREATE TABLE public.workflow_status (
    workflow_id uuid NOT NULL,
    user_id uuid,
    latest_execution_id varchar(255) COLLATE "C",
    latest_execution_status varchar(50) NOT NULL DEFAULT 'IDLE',
    latest_execution_time timestamptz,
    deployment_status varchar(50) NOT NULL DEFAULT 'IDLE',
    deployed_at timestamptz,
    deployed_by uuid,
    undeployed_at timestamptz,
    deployment_version integer NOT NULL DEFAULT 1,
    deployment_config jsonb NOT NULL DEFAULT '{}',
    deployment_position bigint,
    last_event_position bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT workflow_status_pkey PRIMARY KEY (workflow_id)
);
CREATE INDEX idx_workflow_status_user_id ON public.workflow_status (user_id);
COMMENT ON TABLE public.workflow_status IS
    'What the log says about each workflow: its latest execution and deployment. The same columns of workflows are kept equal.';
COMMENT ON COLUMN public.workflow_status.deployment_position IS 'Position of the last event of a deployment.';

CREATE TABLE runfold.anomalies (
    position bigint NOT NULL,
    projection text NOT NULL,
    code text NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    user_id uuid,
    detail jsonb NOT NULL,
    CONSTRAINT anomalies_pkey PRIMARY KEY (position, projection)
) PARTITION BY LIST (projection);
CREATE INDEX idx_anomalies_stream ON runfold.anomalies (stream_id, position);
COMMENT ON TABLE runfold.anomalies IS 'Events that came where the vocabulary does not allow them: a fold of the log.';
-- One partition a group: each group folds its own, at its own checkpoint.
CREATE TABLE runfold.execution_anomalies PARTITION OF runfold.anomalies
    FOR VALUES IN ('workflow_executions', 'node_executions', 'workflow_execution_pauses', 'workflow_status');
COMMENT ON TABLE runfold.execution_anomalies IS 'The anomalies of the execution group.';

-- Outputs of an execution by node: what run_data holds only when the producer sent it.
CREATE VIEW public.execution_outputs WITH (security_invoker = true) AS
    SELECT n.execution_id, n.user_id, n.node_id, n.activation, n.iteration, n.output_data, n.end_time
      FROM public.node_executions n
     WHERE n.status = 'SUCCESS';
COMMENT ON VIEW public.execution_outputs IS 'Outputs of the nodes that succeeded, by execution and node.';

GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_executions, public.node_executions, public.workflow_execution_pauses,
    public.workflow_execution_logs, public.workflow_status, runfold.anomalies, runfold.execution_anomalies TO runfold_projector;
GRANT SELECT ON public.workflow_executions, public.node_executions, public.workflow_execution_pauses,
    public.workflow_execution_logs, public.workflow_status, public.execution_outputs
    TO runfold_engine, runfold_operator, service_role;
GRANT SELECT ON runfold.anomalies TO runfold_engine, runfold_operator, service_role;
GRANT SELECT ON public.execution_outputs TO runfold_projector;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261122000700';

-- migrate:down

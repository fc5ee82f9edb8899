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
    closed_by bigint,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT node_executions_pkey PRIMARY KEY (id),
    CONSTRAINT node_executions_execution_id_fkey FOREIGN KEY (execution_id)
        REFERENCES public.workflow_executions (execution_id) ON DELETE CASCADE,
    -- words: node
    CONSTRAINT valid_node_status CHECK (
        status IN ('PENDING', 'RUNNING', 'RETRYING', 'WAITING_INPUT', 'SUCCESS', 'ERROR', 'SKIPPED', 'CANCELED'))
) WITH (fillfactor = 90);
CREATE INDEX idx_node_executions_execution_id ON public.node_executions (execution_id, start_time);
CREATE INDEX idx_node_executions_node_id ON public.node_executions (node_id);
CREATE INDEX idx_node_executions_status ON public.node_executions (status);
CREATE INDEX idx_node_executions_user_id ON public.node_executions (user_id);

COMMENT ON TABLE public.node_executions IS 'Activations of nodes, one row each: a fold of the execution streams.';
COMMENT ON COLUMN public.node_executions.activation IS 'The producer''s name of the activation, unique in its execution.';
COMMENT ON COLUMN public.node_executions.attempt IS 'The last attempt that was started; an event of a lower one changes nothing.';
COMMENT ON COLUMN public.node_executions.closed_by IS
    'The position of the execution''s end that closed the activation; NULL while it is open, and when it ended by itself.';

ALTER TABLE public.node_executions ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.node_executions FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.node_executions FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON public.node_executions TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.node_executions TO runfold_projector;

-- after the functions

-- Dashboards: see execution_hours and node_days.
CREATE TRIGGER added_rows_are_counted AFTER INSERT ON public.node_executions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.count_added_nodes();
CREATE TRIGGER changed_rows_are_counted AFTER UPDATE ON public.node_executions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.count_changed_nodes();
CREATE TRIGGER removed_rows_are_counted AFTER DELETE ON public.node_executions
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.count_removed_nodes();
CREATE TRIGGER no_rows_are_counted AFTER TRUNCATE ON public.node_executions
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.forget_counts();

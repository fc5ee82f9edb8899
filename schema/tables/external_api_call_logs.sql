-- Calls of other services, without their secrets. A state table and no events: a body is the most secret data of all, and must
-- expire. Partitioned by month of called_at; months ahead are made by the worker.
CREATE TABLE public.external_api_call_logs (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    -- No foreign keys: the fold of the execution comes later than the call, and a node may be deleted. The view
    -- api_calls_without_row names what these columns do not find.
    workflow_execution_id uuid,
    node_id uuid,
    provider varchar(50) NOT NULL,
    operation varchar(100) NOT NULL,
    api_endpoint text,
    http_method varchar(10) NOT NULL DEFAULT 'POST',
    request_data jsonb,
    response_data jsonb,
    request_headers jsonb NOT NULL DEFAULT '{}',
    response_headers jsonb NOT NULL DEFAULT '{}',
    success boolean NOT NULL,
    status_code integer,
    error_type varchar(50),
    error_message text,
    response_time_ms integer,
    retry_count integer NOT NULL DEFAULT 0,
    rate_limit_remaining integer,
    rate_limit_reset_at timestamptz,
    called_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT external_api_call_logs_pkey PRIMARY KEY (called_at, id),
    CONSTRAINT external_api_call_logs_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT api_call_status_code_is_http CHECK (status_code BETWEEN 100 AND 599),
    CONSTRAINT api_call_response_time_is_not_negative CHECK (response_time_ms >= 0),
    CONSTRAINT api_call_retry_count_is_not_negative CHECK (retry_count >= 0),
    CONSTRAINT api_call_headers_are_objects
        CHECK (jsonb_typeof(request_headers) = 'object' AND jsonb_typeof(response_headers) = 'object')
) PARTITION BY RANGE (called_at);
CREATE INDEX idx_api_logs_user_provider ON public.external_api_call_logs (user_id, provider, called_at DESC);
CREATE INDEX idx_api_logs_execution ON public.external_api_call_logs (workflow_execution_id)
    WHERE workflow_execution_id IS NOT NULL;
CREATE INDEX idx_api_logs_provider_operation ON public.external_api_call_logs (provider, operation, called_at DESC);
CREATE INDEX idx_api_logs_time ON public.external_api_call_logs (called_at DESC);

CREATE TABLE runfold_partitions.external_api_call_logs_default PARTITION OF public.external_api_call_logs DEFAULT;

COMMENT ON TABLE public.external_api_call_logs IS
    'Calls of other services: what was asked and answered, without secrets, for a limited time. Rows are added and expire, and never change.';

ALTER TABLE public.external_api_call_logs ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.external_api_call_logs FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.external_api_call_logs FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
GRANT SELECT ON public.external_api_call_logs TO authenticated, runfold_operator, runfold_reader;
GRANT SELECT, INSERT ON public.external_api_call_logs TO runfold_engine, runfold_agent, service_role;

-- after the functions

SELECT runfold.make_api_log_months();

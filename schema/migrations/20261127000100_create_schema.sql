-- migrate:up

SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '10min';

-- The roles, the schemas, and stand-ins for what Supabase provides (auth.users, auth.uid() and the roles anon,
-- authenticated, service_role) where it is absent. What exists already is left as it is.
-- Needs no superuser: CREATEROLE, and CREATE on the database.
--
--   runfold_engine       appends and reads
--   runfold_projector    folds
--   runfold_operator     appends, reads and registers
--   runfold_scheduler    reads triggers and workflows, appends deployments
--   runfold_agent        reads workflows and registries, records what a model generated
--   runfold_reader       reads the log and the read tables, and folds them into temporary tables
--   runfold_gateway      becomes anon or authenticated for one transaction, for the user of a request
--   runfold_projections  the logins that fold users' projections. Such a login cannot become another role: SET ROLE could be
--                        undone from inside a statement, a login cannot.

-- Roles belong to the whole cluster: another database of it may be migrated at this very moment, and CREATE ROLE then
-- waits for that one and fails with unique_violation.
DO $roles$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'runfold_engine', 'runfold_projector', 'runfold_operator', 'runfold_projections', 'runfold_scheduler',
        'runfold_agent', 'runfold_reader', 'runfold_gateway', 'anon', 'authenticated'
    ] LOOP
        IF to_regrole(role_name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;

    IF to_regrole('service_role') IS NULL THEN
        BEGIN
            CREATE ROLE service_role NOLOGIN BYPASSRLS;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                -- Only who bypasses row security may create who does (PostgreSQL 15: only a superuser).
                BEGIN
                    CREATE ROLE service_role NOLOGIN;
                    RAISE NOTICE 'service_role does not bypass row security: a superuser has to ALTER ROLE service_role BYPASSRLS';
                EXCEPTION WHEN duplicate_object OR unique_violation THEN
                    NULL;
                END;
        END;
    END IF;
END
$roles$;

-- A login of the gateway becomes a tenant, or for a look at the past the reader that folds it. Only who may grant a role does so.
DO $gateway$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['anon', 'authenticated', 'runfold_reader'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_auth_members m
                               WHERE m.roleid = role_name::regrole AND m.member = 'runfold_gateway'::regrole);
        BEGIN
            EXECUTE format('GRANT %I TO runfold_gateway', role_name);
        EXCEPTION
            WHEN unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'runfold_gateway cannot become %: who may grant that role has to GRANT % TO runfold_gateway',
                    role_name, role_name;
        END;
    END LOOP;
END
$gateway$;

-- The log, and what runfold keeps about itself.
CREATE SCHEMA IF NOT EXISTS runfold;
REVOKE ALL ON SCHEMA runfold FROM PUBLIC;
-- A tenant reads its own part of the log there, and nothing else.
GRANT USAGE ON SCHEMA runfold
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_scheduler, runfold_agent,
       runfold_reader, service_role;

-- A partition that is queried by its own name has no row security of its parent's. Nobody may use their schema but their owner:
-- who reads or writes the parent needs no right on its partitions.
CREATE SCHEMA IF NOT EXISTS runfold_partitions;
COMMENT ON SCHEMA runfold_partitions IS 'Partitions of the log and of tables of log lines: reached through their parents only.';
REVOKE ALL ON SCHEMA runfold_partitions FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS runfold_shadow;
COMMENT ON SCHEMA runfold_shadow IS 'Tables that a rebuild folds the log into, before it compares them with the live ones.';
REVOKE ALL ON SCHEMA runfold_shadow FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA runfold_shadow TO runfold_projector, runfold_operator;

-- The shadows of users' groups have a schema of their own: a user's table may have the name of one of runfold's. An operator
-- makes and drops them; the login folds into those that it is granted.
CREATE SCHEMA IF NOT EXISTS runfold_user_shadow;
COMMENT ON SCHEMA runfold_user_shadow IS 'Tables that a rebuild of a user''s group folds the log into, before it compares them with the live ones.';
REVOKE ALL ON SCHEMA runfold_user_shadow FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA runfold_user_shadow TO runfold_projector, runfold_operator;
GRANT USAGE ON SCHEMA runfold_user_shadow TO runfold_projections;

-- What operators watch: views of the server's statistics and of ours.
CREATE SCHEMA IF NOT EXISTS runfold_stats;
COMMENT ON SCHEMA runfold_stats IS 'What operators watch: connections, slow queries, sizes, indexes, lags.';
REVOKE ALL ON SCHEMA runfold_stats FROM PUBLIC;
GRANT USAGE ON SCHEMA runfold_stats TO runfold_operator;

-- A place for users' tables. Those that the migrating role makes there are granted by default.
CREATE SCHEMA IF NOT EXISTS projections;
COMMENT ON SCHEMA projections IS 'Read tables of users, folded by projections of their own.';
REVOKE CREATE ON SCHEMA projections FROM PUBLIC;
GRANT USAGE ON SCHEMA projections
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO runfold_projections;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections GRANT USAGE ON SEQUENCES TO runfold_projections;
ALTER DEFAULT PRIVILEGES IN SCHEMA projections
    GRANT SELECT ON TABLES TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

DO $auth$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'auth') THEN
        CREATE SCHEMA auth;
        GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
    END IF;

    IF NOT EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'auth' AND c.relname = 'users'
    ) THEN
        CREATE TABLE auth.users (
            id uuid NOT NULL DEFAULT gen_random_uuid(),
            email text,
            created_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT users_pkey PRIMARY KEY (id)
        );
        COMMENT ON TABLE auth.users IS 'runfold''s stand-in for the users of Supabase Auth.';
        GRANT ALL ON auth.users TO service_role, runfold_operator;
        GRANT USAGE ON SCHEMA auth TO runfold_operator;
    END IF;

    IF NOT EXISTS (
        SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'auth' AND p.proname = 'uid' AND p.pronargs = 0
    ) THEN
        CREATE FUNCTION auth.uid() RETURNS uuid
        LANGUAGE sql STABLE PARALLEL SAFE
        SET search_path = ''
        AS $uid$
            SELECT coalesce(
                nullif(current_setting('request.jwt.claim.sub', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
            )::uuid
        $uid$;
        COMMENT ON FUNCTION auth.uid() IS 'runfold''s stand-in for Supabase''s: the user of the request''s JWT, or null.';
        REVOKE ALL ON FUNCTION auth.uid() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION auth.uid() TO anon, authenticated, service_role;
    END IF;
END
$auth$;

-- A temporary table that is named like a read table comes first in the search path of a pooled session's next user. Only who
-- folds into temporary tables may make them.
DO $temporary$
DECLARE
    makers constant text := 'runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role';
BEGIN
    IF NOT (SELECT pg_has_role(d.datdba, 'USAGE') FROM pg_database d WHERE d.datname = current_database()) THEN
        RAISE NOTICE 'everybody may make temporary tables here: the owner of the database has to REVOKE TEMPORARY ON DATABASE % FROM PUBLIC'
            ' and to GRANT it to %', quote_ident(current_database()), makers;
        RETURN;
    END IF;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %s', current_database(), makers);
END
$temporary$;

-- What a model generated for a user: a workflow from a prompt. Written by the agent, kept as long as its user.
CREATE TABLE public.ai_generation_history (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    -- No foreign keys: the record outlives the session and the workflow.
    session_id uuid,
    workflow_id uuid,
    prompt text NOT NULL,
    model varchar(100) NOT NULL,
    definition jsonb,
    accepted boolean,
    tokens integer,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT ai_generation_history_pkey PRIMARY KEY (id),
    CONSTRAINT generation_is_a_user_s FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT generation_tokens_are_not_negative CHECK (tokens >= 0)
);
CREATE INDEX idx_ai_generation_history_user ON public.ai_generation_history (user_id, created_at DESC);
CREATE INDEX idx_ai_generation_history_workflow ON public.ai_generation_history (user_id, workflow_id);

COMMENT ON TABLE public.ai_generation_history IS 'What a model generated for a user, by prompt.';
COMMENT ON COLUMN public.ai_generation_history.accepted IS 'Whether the user took it; NULL before the user has said so.';

ALTER TABLE public.ai_generation_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.ai_generation_history FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.ai_generation_history FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
-- A tenant says whether it took what was generated, and may forget it. It writes no key, nor what the agent recorded.
REVOKE ALL ON public.ai_generation_history FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, UPDATE (accepted), DELETE ON public.ai_generation_history TO authenticated;
GRANT SELECT, INSERT ON public.ai_generation_history TO runfold_agent;
GRANT SELECT ON public.ai_generation_history TO runfold_engine, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.ai_generation_history TO runfold_operator, service_role;

-- The models that nodes can call. Everybody reads it, operators write it.
CREATE TABLE public.ai_models (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name varchar(100) NOT NULL,
    provider varchar(50) NOT NULL,
    model_id varchar(100) NOT NULL,
    version varchar(50),
    cost_per_input_token numeric(18, 12),
    cost_per_output_token numeric(18, 12),
    cost_per_cached_token numeric(18, 12),
    max_context_tokens integer,
    supports_vision boolean NOT NULL DEFAULT false,
    supports_function_calling boolean NOT NULL DEFAULT false,
    supports_streaming boolean NOT NULL DEFAULT true,
    model_capabilities jsonb NOT NULL DEFAULT '{}',
    config jsonb NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    is_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    seed jsonb,

    CONSTRAINT ai_models_pkey PRIMARY KEY (id),
    CONSTRAINT ai_models_name_version_key UNIQUE NULLS NOT DISTINCT (name, version),
    CONSTRAINT ai_model_costs_are_not_negative
        CHECK (cost_per_input_token >= 0 AND cost_per_output_token >= 0 AND cost_per_cached_token >= 0),
    CONSTRAINT ai_model_context_is_positive CHECK (max_context_tokens > 0),
    CONSTRAINT ai_model_capabilities_are_an_object CHECK (jsonb_typeof(model_capabilities) = 'object'),
    CONSTRAINT ai_model_config_is_an_object CHECK (jsonb_typeof(config) = 'object')
);
CREATE UNIQUE INDEX ai_models_one_default_per_provider ON public.ai_models (provider) WHERE is_default;
CREATE INDEX idx_ai_models_provider_model_id ON public.ai_models (provider, model_id);

COMMENT ON TABLE public.ai_models IS 'The models by name and version. Set is_active to false to retire one.';
COMMENT ON COLUMN public.ai_models.cost_per_input_token IS
    'The present price of a token, a copy of ai_model_prices. NULL where no price is known: then a cost is unpriced, never 0.';
COMMENT ON COLUMN public.ai_models.seed IS 'What runfold wrote here last. A later version changes a column only where it has this value still.';

ALTER TABLE public.ai_models ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody reads" ON public.ai_models FOR SELECT TO authenticated USING (true);
CREATE POLICY "services see every row" ON public.ai_models FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
REVOKE ALL ON public.ai_models FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.ai_models TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
-- The costs are copies: who knows a price enters it in ai_model_prices.
GRANT SELECT, DELETE,
      INSERT (id, name, provider, model_id, version, max_context_tokens, supports_vision, supports_function_calling,
              supports_streaming, model_capabilities, config, is_active, is_default, created_at),
      UPDATE (name, provider, model_id, version, max_context_tokens, supports_vision, supports_function_calling,
              supports_streaming, model_capabilities, config, is_active, is_default)
   ON public.ai_models TO runfold_operator, service_role;

-- What a model costs, from a day on, by the size of its input. Everybody reads it, operators write it.
CREATE TABLE public.ai_model_prices (
    model uuid NOT NULL,
    valid_from timestamptz NOT NULL,
    above_input_tokens integer NOT NULL DEFAULT 0,
    input_per_million numeric(18, 9),
    cached_per_million numeric(18, 9),
    output_per_million numeric(18, 9),
    source text,
    seen_on date,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    -- Its first column leads the index of the foreign key too.
    CONSTRAINT ai_model_prices_pkey PRIMARY KEY (model, valid_from, above_input_tokens),
    CONSTRAINT price_is_of_a_model FOREIGN KEY (model) REFERENCES public.ai_models (id) ON DELETE CASCADE,
    CONSTRAINT price_tier_is_not_negative CHECK (above_input_tokens >= 0),
    CONSTRAINT prices_are_not_negative
        CHECK (input_per_million >= 0 AND cached_per_million >= 0 AND output_per_million >= 0),
    CONSTRAINT price_names_its_source CHECK (
        (source IS NOT NULL AND length(trim(source)) > 0 AND seen_on IS NOT NULL)
        OR num_nonnulls(input_per_million, cached_per_million, output_per_million) = 0)
);

COMMENT ON TABLE public.ai_model_prices IS
    'Prices per million tokens in US dollars. A price is valid until a later one of its model: a new price is a new row, and earlier calls keep their cost.';
COMMENT ON COLUMN public.ai_model_prices.above_input_tokens IS
    'The price is for calls with more input tokens than this; 0 for all. The highest such tier of the newest valid_from counts.';
COMMENT ON COLUMN public.ai_model_prices.source IS 'The provider''s own page that states the price.';
COMMENT ON COLUMN public.ai_model_prices.seen_on IS 'The day on which that page was read.';

ALTER TABLE public.ai_model_prices ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody reads" ON public.ai_model_prices FOR SELECT TO authenticated USING (true);
CREATE POLICY "services see every row" ON public.ai_model_prices FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
REVOKE ALL ON public.ai_model_prices FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.ai_model_prices TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.ai_model_prices TO runfold_operator, service_role;

CREATE TABLE runfold.allowed_discards (
    group_name text NOT NULL,
    pid integer NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    discarded_by text NOT NULL,
    role_name text NOT NULL DEFAULT session_user,
    CONSTRAINT allowed_discards_pkey PRIMARY KEY (group_name, pid)
);

COMMENT ON TABLE runfold.allowed_discards IS 'The discards that an operator has allowed to a session and that are not done.';
COMMENT ON COLUMN runfold.allowed_discards.pid IS 'The server process of the one session that may do it.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.allowed_discards TO runfold_projector, runfold_operator;

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

-- One partition a group: each group folds its own, at its own checkpoint.
CREATE TABLE runfold.execution_anomalies PARTITION OF runfold.anomalies
    FOR VALUES IN ('workflow_executions', 'node_executions', 'workflow_execution_pauses', 'workflow_status');

CREATE TABLE runfold.interaction_anomalies PARTITION OF runfold.anomalies FOR VALUES IN ('human_interactions', 'hil_responses');

CREATE TABLE runfold.deployment_anomalies PARTITION OF runfold.anomalies
    FOR VALUES IN ('workflow_deployment_history', 'trigger_index');

COMMENT ON TABLE runfold.anomalies IS 'Events that came where the vocabulary does not allow them: a fold of the log.';
COMMENT ON TABLE runfold.execution_anomalies IS 'The anomalies of the execution group.';
COMMENT ON TABLE runfold.interaction_anomalies IS 'The anomalies of the interaction group.';
COMMENT ON TABLE runfold.deployment_anomalies IS 'The anomalies of the deployment group.';

GRANT SELECT ON runfold.anomalies TO runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.anomalies TO runfold_projector;
GRANT SELECT ON runfold.deployment_anomalies TO runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.deployment_anomalies TO runfold_projector;
GRANT SELECT ON runfold.execution_anomalies TO runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.execution_anomalies TO runfold_projector;
GRANT SELECT ON runfold.interaction_anomalies TO runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.interaction_anomalies TO runfold_projector;

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
REVOKE ALL ON public.external_api_call_logs FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.external_api_call_logs TO authenticated, runfold_operator, runfold_reader;
GRANT SELECT, INSERT ON public.external_api_call_logs TO runfold_engine, runfold_agent, service_role;

CREATE TABLE public.sessions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    action_type varchar(50),
    -- No foreign key: workflows refer to sessions already, and the source may be gone.
    source_workflow_id uuid,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    -- For references that begin with the user: a foreign key looks past row security.
    CONSTRAINT session_is_unique_in_its_user UNIQUE (user_id, id),
    CONSTRAINT session_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);

COMMENT ON TABLE public.sessions IS 'A user''s editing session, from which workflows are created.';

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.sessions FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.sessions FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.sessions FROM PUBLIC, anon, authenticated, service_role;
GRANT ALL ON public.sessions TO runfold_operator, service_role;
-- By column, without the key: a key that is unique across tenants would tell which ids are taken.
GRANT SELECT, DELETE,
      INSERT (user_id, action_type, source_workflow_id), UPDATE (action_type, source_workflow_id, updated_at)
    ON public.sessions TO authenticated;
GRANT SELECT ON public.sessions TO runfold_engine, runfold_reader;

CREATE TABLE public.workflows (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    session_id uuid,

    name varchar(255) NOT NULL,
    description text,
    version varchar(50) NOT NULL DEFAULT '1.0.0',
    active boolean NOT NULL DEFAULT true,

    workflow_data jsonb NOT NULL,
    settings jsonb,
    static_data jsonb,
    pin_data jsonb,

    tags text[],
    is_template boolean NOT NULL DEFAULT false,
    template_category varchar(100),

    deployment_status varchar(50) NOT NULL DEFAULT 'IDLE',
    deployed_at timestamptz,
    deployed_by uuid,
    undeployed_at timestamptz,
    deployment_version integer NOT NULL DEFAULT 1,
    deployment_config jsonb NOT NULL DEFAULT '{}',

    latest_execution_status varchar(50) NOT NULL DEFAULT 'IDLE',
    latest_execution_id varchar(255),
    latest_execution_time timestamptz,

    icon_url varchar(500),

    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,

    CONSTRAINT workflows_pkey PRIMARY KEY (id),
    CONSTRAINT workflow_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    -- With the user: a foreign key looks past row security, and could name another tenant's session.
    CONSTRAINT workflow_comes_from_a_session_of_its_user FOREIGN KEY (user_id, session_id)
        REFERENCES public.sessions (user_id, id) ON DELETE SET NULL (session_id),
    CONSTRAINT workflow_with_a_session_has_a_user CHECK (session_id IS NULL OR user_id IS NOT NULL),
    CONSTRAINT workflow_is_unique_in_its_user UNIQUE (user_id, id),
    CONSTRAINT workflow_was_deployed_by_a_user FOREIGN KEY (deployed_by) REFERENCES auth.users (id) ON DELETE SET NULL,
    CONSTRAINT workflows_name_not_empty CHECK (length(trim(name)) > 0),
    CONSTRAINT workflows_valid_workflow_data CHECK (workflow_data IS NOT NULL),
    -- words: deployment
    CONSTRAINT workflows_valid_deployment_status CHECK (
        deployment_status IN ('IDLE', 'UNDEPLOYED', 'DEPLOYMENT_FAILED', 'DEPLOYING', 'DEPLOYED', 'UNDEPLOYING')),
    -- words: execution
    CONSTRAINT workflows_valid_latest_execution_status CHECK (
        latest_execution_status = 'IDLE' OR latest_execution_status IN ('NEW', 'RUNNING', 'PAUSED', 'WAITING_FOR_HUMAN',
        'SUCCESS', 'ERROR', 'CANCELED', 'TIMEOUT'))
);
CREATE INDEX idx_workflows_user_id ON public.workflows (user_id);
-- A user's dashboard: the active workflows, the newest first.
CREATE INDEX idx_workflows_active ON public.workflows (user_id, updated_at DESC) WHERE active;
CREATE INDEX idx_workflows_deployment_status ON public.workflows (deployment_status);
CREATE INDEX idx_workflows_tags ON public.workflows USING gin (tags);
-- For the beginning of a name, see runfold.search_workflows.
CREATE INDEX idx_workflows_name ON public.workflows (user_id, lower(name) text_pattern_ops);
-- Without these, deleting a session or a user reads all workflows.
CREATE INDEX idx_workflows_session_id ON public.workflows (user_id, session_id) WHERE session_id IS NOT NULL;
CREATE INDEX idx_workflows_deployed_by ON public.workflows (deployed_by) WHERE deployed_by IS NOT NULL;

COMMENT ON TABLE public.workflows IS 'Workflow definitions, as users edit them.';
COMMENT ON COLUMN public.workflows.user_id IS 'Whose workflow it is; NULL: no tenant sees it, services do.';
COMMENT ON COLUMN public.workflows.created_at IS 'Epoch milliseconds.';
COMMENT ON COLUMN public.workflows.updated_at IS 'Epoch milliseconds.';

ALTER TABLE public.workflows ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Users can manage own workflows" ON public.workflows FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflows FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_scheduler, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);

REVOKE ALL ON public.workflows FROM PUBLIC, anon, authenticated, service_role;
GRANT ALL ON public.workflows TO runfold_operator, service_role;
-- By column, without the key: a key that is unique across tenants would tell which ids are taken.
-- The columns that the log owns are set by a trigger.
GRANT SELECT, DELETE,
      INSERT (user_id, session_id, name, description, version, active, workflow_data, settings, static_data, pin_data, tags,
              is_template, template_category, icon_url, created_at, updated_at),
      UPDATE (session_id, name, description, version, active, workflow_data, settings, static_data, pin_data, tags,
              is_template, template_category, icon_url, updated_at)
    ON public.workflows TO authenticated;
GRANT SELECT ON public.workflows TO runfold_engine, runfold_scheduler, runfold_agent, runfold_reader;
-- Whose workflow it is, its name, which lists show, and the copies of workflow_status, which are verified: no definitions.
GRANT SELECT (id, user_id, name, latest_execution_id, latest_execution_status, latest_execution_time, deployment_status,
              deployed_at, deployed_by, undeployed_at, deployment_version, deployment_config)
    ON public.workflows TO runfold_projector;

CREATE TABLE public.nodes (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    node_id varchar(255) NOT NULL,
    workflow_id uuid,
    user_id uuid,

    node_type varchar(50) NOT NULL,
    node_subtype varchar(100) NOT NULL,
    type_version integer NOT NULL DEFAULT 1,

    name varchar(255) NOT NULL,
    description text,
    disabled boolean NOT NULL DEFAULT false,

    position_x float NOT NULL DEFAULT 0,
    position_y float NOT NULL DEFAULT 0,

    parameters jsonb NOT NULL DEFAULT '{}',
    credentials jsonb NOT NULL DEFAULT '{}',

    attached_nodes jsonb NOT NULL DEFAULT '[]',

    error_handling varchar(50) NOT NULL DEFAULT 'STOP_WORKFLOW_ON_ERROR',
    max_retries integer NOT NULL DEFAULT 3,
    retry_wait_time integer NOT NULL DEFAULT 5,

    notes text,
    webhooks text[],

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT nodes_pkey PRIMARY KEY (id),
    CONSTRAINT node_belongs_to_a_workflow FOREIGN KEY (workflow_id) REFERENCES public.workflows (id) ON DELETE CASCADE,
    CONSTRAINT node_belongs_to_a_workflow_of_its_user FOREIGN KEY (user_id, workflow_id)
        REFERENCES public.workflows (user_id, id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT node_id_is_unique_in_its_workflow UNIQUE (workflow_id, node_id),
    CONSTRAINT node_id_not_empty CHECK (length(trim(node_id)) > 0),
    CONSTRAINT max_retries_is_not_negative CHECK (max_retries >= 0),
    CONSTRAINT retry_wait_time_is_not_negative CHECK (retry_wait_time >= 0),
    CONSTRAINT attached_nodes_is_an_array CHECK (jsonb_typeof(attached_nodes) = 'array'),
    CONSTRAINT valid_node_type CHECK (
        node_type IN ('TRIGGER', 'AI_AGENT', 'EXTERNAL_ACTION', 'ACTION',
                      'FLOW', 'HUMAN_IN_THE_LOOP', 'TOOL', 'MEMORY')
    ),
    CONSTRAINT valid_error_handling CHECK (
        error_handling IN ('STOP_WORKFLOW_ON_ERROR',
                           'CONTINUE_REGULAR_OUTPUT_ON_ERROR',
                           'CONTINUE_ERROR_OUTPUT_ON_ERROR')
    )
);
CREATE INDEX idx_nodes_workflow_id ON public.nodes (workflow_id);
CREATE INDEX idx_nodes_user_id ON public.nodes (user_id, workflow_id);
CREATE INDEX idx_nodes_type ON public.nodes (node_type);
CREATE INDEX idx_nodes_type_subtype_active ON public.nodes (node_type, node_subtype) WHERE NOT disabled;

COMMENT ON TABLE public.nodes IS 'The nodes of a workflow and how they are configured.';
COMMENT ON COLUMN public.nodes.user_id IS 'The user of its workflow, set by a trigger; NULL: no tenant sees it.';
COMMENT ON COLUMN public.nodes.attached_nodes IS 'An AI_AGENT''s TOOL and MEMORY nodes, by node_id.';

ALTER TABLE public.nodes ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.nodes FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.nodes FOR ALL
    TO runfold_engine, runfold_operator, runfold_agent, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.nodes FROM PUBLIC, anon, authenticated, service_role;
GRANT ALL ON public.nodes TO runfold_operator, service_role;
-- By column, without the key: a key that is unique across tenants would tell which ids are taken.
GRANT SELECT, DELETE,
      INSERT (node_id, workflow_id, node_type, node_subtype, type_version, name, description, disabled, position_x, position_y,
              parameters, credentials, attached_nodes, error_handling, max_retries, retry_wait_time, notes, webhooks),
      UPDATE (node_id, node_type, node_subtype, type_version, name, description, disabled, position_x, position_y, parameters,
              credentials, attached_nodes, error_handling, max_retries, retry_wait_time, notes, webhooks, updated_at)
    ON public.nodes TO authenticated;
GRANT SELECT ON public.nodes TO runfold_engine, runfold_agent, runfold_reader;

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

REVOKE ALL ON public.workflow_executions FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.workflow_executions TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_executions TO runfold_projector;

-- Calls whose execution or node cannot be found: there are no foreign keys that would say so.
CREATE VIEW public.api_calls_without_row WITH (security_invoker = true) AS
    SELECT c.called_at, c.id, c.user_id, c.provider, c.operation, c.workflow_execution_id, c.node_id,
           c.workflow_execution_id IS NOT NULL AND x.id IS NULL AS execution_is_missing,
           c.node_id IS NOT NULL AND n.id IS NULL AS node_is_missing
      FROM public.external_api_call_logs c
      LEFT JOIN public.workflow_executions x ON x.id = c.workflow_execution_id
      LEFT JOIN public.nodes n ON n.id = c.node_id
     WHERE (c.workflow_execution_id IS NOT NULL AND x.id IS NULL) OR (c.node_id IS NOT NULL AND n.id IS NULL);

COMMENT ON VIEW public.api_calls_without_row IS
    'Calls of other services whose execution or node has no row: it was deleted, was never there, or is not folded yet.';

REVOKE ALL ON public.api_calls_without_row FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.api_calls_without_row TO runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.applications (
    category text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE runfold.applications IS
    'The applications that write opaque events, one a category.';

GRANT SELECT ON runfold.applications TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- The executions that are archived, by the workflows that they were created for. A deletion of a workflow takes their rows
-- along, and the log, where it looks for the others, has these no more.
CREATE TABLE runfold.archived_executions (
    workflow_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    CONSTRAINT archived_executions_pkey PRIMARY KEY (workflow_id, position),
    CONSTRAINT archived_executions_are_executions CHECK (starts_with(stream_id, 'execution-'))
);
CREATE INDEX idx_archived_executions_stream_id ON runfold.archived_executions (stream_id);

COMMENT ON TABLE runfold.archived_executions IS 'The executions that are archived, by the workflows that they were created for.';
COMMENT ON COLUMN runfold.archived_executions.workflow_id IS 'As the log has it, in lower case.';
COMMENT ON COLUMN runfold.archived_executions.position IS 'Where it was created: a later deletion of the workflow concerns it.';

GRANT SELECT ON runfold.archived_executions TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- Segments of the log whose events are in files outside the database. A segment is one partition's positions, and its file
-- holds all of its events, for ever: streams leave the log one after the other, and no file is ever written a second time.
CREATE TABLE runfold.archives (
    from_position bigint NOT NULL,
    to_position bigint NOT NULL,
    file text NOT NULL,
    sha256 bytea NOT NULL,
    bytes bigint NOT NULL,
    events bigint NOT NULL,
    digest bytea NOT NULL,
    seal jsonb,
    schema_version text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text COLLATE "C" NOT NULL DEFAULT 'written',
    swapped_at timestamptz,
    left_events bigint NOT NULL DEFAULT 0,
    left_streams bigint NOT NULL DEFAULT 0,
    erased jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT archives_pkey PRIMARY KEY (from_position),
    CONSTRAINT archives_file_is_of_one_segment UNIQUE (file),
    CONSTRAINT archives_file_is_a_name CHECK (file <> '' AND strpos(file, '/') = 0),
    CONSTRAINT archives_end_after_their_start CHECK (from_position > 0 AND to_position >= from_position),
    CONSTRAINT archives_sha256_has_32_bytes CHECK (octet_length(sha256) = 32),
    CONSTRAINT archives_digest_has_32_bytes CHECK (octet_length(digest) = 32),
    CONSTRAINT archives_bytes_are_counted CHECK (bytes > 0),
    CONSTRAINT archives_events_fit CHECK (events BETWEEN 0 AND to_position - from_position + 1),
    CONSTRAINT archives_state_is_known CHECK (state IN ('written', 'archived', 'restored')),
    CONSTRAINT archives_left_events_fit CHECK (left_events BETWEEN 0 AND events),
    CONSTRAINT archives_left_streams_fit CHECK (left_streams BETWEEN 0 AND left_events),
    CONSTRAINT archives_say_what_left CHECK ((state = 'archived') = (left_events > 0)),
    CONSTRAINT archives_erased_is_an_array CHECK (jsonb_typeof(erased) = 'array')
);

COMMENT ON TABLE runfold.archives IS 'Segments of the log that are written to files, and what of them left the log.';
COMMENT ON COLUMN runfold.archives.from_position IS 'The first position of the segment.';
COMMENT ON COLUMN runfold.archives.to_position IS 'The last position of the segment.';
COMMENT ON COLUMN runfold.archives.file IS 'The name of the Parquet file in the archive''s folder; its manifest is beside it.';
COMMENT ON COLUMN runfold.archives.bytes IS 'The size of the file.';
COMMENT ON COLUMN runfold.archives.events IS 'The events in the file: all of the segment, those that stay in the log, too.';
COMMENT ON COLUMN runfold.archives.digest IS 'The digest of these events: sha256 over the hashes of their records, in order.';
COMMENT ON COLUMN runfold.archives.seal IS 'The last seal of the segment when the file was written; NULL: it was not sealed.';
COMMENT ON COLUMN runfold.archives.schema_version IS 'The schema version of the database that wrote the file.';
COMMENT ON COLUMN runfold.archives.state IS
    'written: the log still holds everything; archived: some streams left; restored: they are all back.';
COMMENT ON COLUMN runfold.archives.swapped_at IS 'When streams left last; NULL: none did.';
COMMENT ON COLUMN runfold.archives.left_events IS 'The events that are in the file only.';
COMMENT ON COLUMN runfold.archives.left_streams IS 'The streams that have such events.';
COMMENT ON COLUMN runfold.archives.erased IS 'The tenants whose events the file holds as hashes only.';

GRANT SELECT ON runfold.archives TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

-- Changes of rows that follow a migration, in small steps of their own: a migration holds its locks to its end, so it
-- changes no table that grows. The migration enters a row here and makes its functions; `runfold backfill run` runs them.
CREATE TABLE runfold.backfills (
    name text COLLATE "C" NOT NULL,
    about text NOT NULL,
    index_name text COLLATE "C",
    index_definition text,
    since text COLLATE "C" NOT NULL,
    entered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reached text,
    changed bigint NOT NULL DEFAULT 0,
    steps bigint NOT NULL DEFAULT 0,
    started_at timestamptz,
    stepped_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT backfills_pkey PRIMARY KEY (name),
    CONSTRAINT name_is_part_of_a_function CHECK (name ~ '^[a-z][a-z0-9_]{0,29}$'),
    CONSTRAINT index_has_name_and_definition CHECK ((index_name IS NULL) = (index_definition IS NULL)),
    CONSTRAINT changed_is_not_negative CHECK (changed >= 0),
    CONSTRAINT steps_are_not_negative CHECK (steps >= 0),
    CONSTRAINT finished_was_started CHECK (finished_at IS NULL OR started_at IS NOT NULL)
);

COMMENT ON TABLE runfold.backfills IS
    'Changes of rows, and indexes, that follow a migration in steps of their own: `runfold backfill list`.';
COMMENT ON COLUMN runfold.backfills.about IS 'What it changes, for people.';
COMMENT ON COLUMN runfold.backfills.index_name IS
    'The index that it builds, with its schema; NULL: it changes rows, by runfold.backfill_<name> and runfold.backfill_<name>_left.';
COMMENT ON COLUMN runfold.backfills.index_definition IS
    'Of a table that is not partitioned: what follows CREATE INDEX CONCURRENTLY. Of a partitioned one the migration makes the index ON ONLY the parent.';
COMMENT ON COLUMN runfold.backfills.since IS 'The version of the migration that entered it.';
COMMENT ON COLUMN runfold.backfills.entered_at IS 'When the migration was applied: since then it is pending.';
COMMENT ON COLUMN runfold.backfills.reached IS 'How far it is, in its own form; NULL: not begun, or at its end.';
COMMENT ON COLUMN runfold.backfills.changed IS 'How many rows, or indexes, it has changed.';
COMMENT ON COLUMN runfold.backfills.finished_at IS 'When it ended; NULL: it is pending.';

GRANT SELECT ON runfold.backfills TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- The operator's marks: when base backups were made. Nothing is backed up by runfold.
CREATE TABLE runfold.backups (
    taken_at timestamptz NOT NULL,
    label text NOT NULL DEFAULT '',
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    noted_by text NOT NULL DEFAULT session_user,
    CONSTRAINT backups_pkey PRIMARY KEY (taken_at),
    CONSTRAINT backups_were_taken CHECK (taken_at <= noted_at),
    CONSTRAINT backups_label_is_short CHECK (length(label) <= 200)
);

COMMENT ON TABLE runfold.backups IS
    'When base backups were made, as operators noted it: `runfold doctor` and the metrics say when the last one is old.';
COMMENT ON COLUMN runfold.backups.label IS 'Where the backup is, or what it is called.';

GRANT SELECT ON runfold.backups TO runfold_engine, runfold_projector, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.backups TO runfold_operator;

CREATE TABLE runfold.blobs (
    user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
    sha256 bytea NOT NULL,
    bytes bigint NOT NULL,
    type text NOT NULL,
    content bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT blobs_pkey PRIMARY KEY (user_id, sha256),
    CONSTRAINT blob_sha256_has_its_length CHECK (octet_length(sha256) = 32),
    CONSTRAINT blob_has_a_size CHECK (bytes BETWEEN 0 AND 268435456),
    CONSTRAINT blob_type_is_short CHECK (length(type) BETWEEN 1 AND 255)
);

COMMENT ON TABLE runfold.blobs IS
    'Large values of tenants that events refer to as {"$blob": sha256, "bytes": …, "type": …}. One row a tenant and content.';
COMMENT ON COLUMN runfold.blobs.sha256 IS 'Of the content before it was encrypted; events name it in hexadecimal digits.';
COMMENT ON COLUMN runfold.blobs.bytes IS 'The length of the content before it was encrypted.';
COMMENT ON COLUMN runfold.blobs.type IS 'A media type, image/png for instance.';
COMMENT ON COLUMN runfold.blobs.content IS 'The bytes, encrypted where the tenant''s policies say so; NULL: they are in a folder or another home.';

ALTER TABLE runfold.blobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON runfold.blobs FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON runfold.blobs FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON runfold.blobs TO authenticated, runfold_reader;
GRANT SELECT, INSERT, DELETE ON runfold.blobs TO runfold_engine, runfold_operator, service_role;

CREATE TABLE runfold.checkpoints (
    group_name text PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    moved_at timestamptz,
    stopped_sqlstate text,
    stopped_error text,
    stopped_at timestamptz,
    retried_sqlstate text,
    retried_error text,
    retried_since timestamptz
);

COMMENT ON TABLE runfold.checkpoints IS
    'How far each group of projections has folded the log; moved in the transaction that writes the rows.';
COMMENT ON COLUMN runfold.checkpoints.stopped_error IS 'Why the group waits for an operator; NULL: it does not.';
COMMENT ON COLUMN runfold.checkpoints.retried_error IS
    'What the next batch fails with, again and again, though it may pass; NULL: the group moved since.';

GRANT SELECT ON runfold.checkpoints TO runfold_engine, runfold_projections, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.checkpoints TO runfold_projector, runfold_operator;

CREATE TABLE runfold.claim_rules (
    type text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    effect text NOT NULL,
    key_field text,
    finer_key_field text,
    name_field text,
    refusal text,
    function_name text,
    CONSTRAINT claim_rules_pkey PRIMARY KEY (type, kind),
    CONSTRAINT effect_is_known CHECK (effect IN ('takes', 'releases', 'follows')),
    CONSTRAINT a_claim_that_is_taken_has_key_name_and_refusal
        CHECK (effect <> 'takes' OR num_nulls(key_field, name_field, refusal) = 0),
    CONSTRAINT a_claim_that_follows_has_a_function CHECK ((effect = 'follows') = (function_name IS NOT NULL))
);

COMMENT ON TABLE runfold.claim_rules IS 'What events of our own vocabulary claim and release, generated from their classes.';
COMMENT ON COLUMN runfold.claim_rules.key_field IS 'The claim''s key is the stream''s id and this field of the event''s data.';
COMMENT ON COLUMN runfold.claim_rules.finer_key_field IS 'The field that is the key instead, in an event that has it.';
COMMENT ON COLUMN runfold.claim_rules.name_field IS 'The field with the claim''s name; an event without one releases all of its stream.';
COMMENT ON COLUMN runfold.claim_rules.refusal IS 'What runfold.refuse raises where another name holds the claim.';
COMMENT ON COLUMN runfold.claim_rules.function_name IS
    'Computes the claims that a stream holds: (stream_id text, events jsonb) returns (key text, held boolean).';

GRANT SELECT ON runfold.claim_rules TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.claims (
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    claimed_at timestamptz NOT NULL,
    name text,
    CONSTRAINT claims_pkey PRIMARY KEY (kind, key)
);
-- What an event releases is found by its stream.
CREATE INDEX idx_claims_stream ON runfold.claims (stream_id, kind);

COMMENT ON COLUMN runfold.claims.name IS 'What the stream calls the thing claimed, a pause for instance.';
COMMENT ON TABLE runfold.claims IS 'Uniqueness that spans streams, taken and released inside an append.';

GRANT SELECT ON runfold.claims TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.commands (
    command_id uuid PRIMARY KEY,
    digest bytea NOT NULL,
    result jsonb NOT NULL,
    recorded_at timestamptz NOT NULL
);

COMMENT ON TABLE runfold.commands IS 'Results of calls that named a command_id: sent again, the call returns its original result.';

GRANT SELECT ON runfold.commands TO runfold_operator;

CREATE TABLE public.conversation_buffers (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    session_id varchar(255) NOT NULL,
    user_id uuid NOT NULL,

    message_index integer NOT NULL,
    role varchar(50) NOT NULL,
    content text NOT NULL,

    metadata jsonb NOT NULL DEFAULT '{}',
    tokens_count integer,

    timestamp timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz,

    CONSTRAINT conversation_buffers_pkey PRIMARY KEY (id),
    CONSTRAINT conversation_buffers_session_id_message_index_key UNIQUE (user_id, session_id, message_index),
    CONSTRAINT message_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT conversation_buffers_role_check CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    CONSTRAINT message_index_counts_from_one CHECK (message_index > 0),
    CONSTRAINT message_tokens_not_negative CHECK (tokens_count >= 0),
    CONSTRAINT message_session_not_empty CHECK (length(session_id) > 0),
    CONSTRAINT message_metadata_is_an_object CHECK (jsonb_typeof(metadata) = 'object')
);
-- The unique key serves idx_conversation_buffers_session_id and _user_id of the specification: it begins with both.
CREATE INDEX idx_conversation_buffers_timestamp ON public.conversation_buffers (user_id, timestamp DESC);
CREATE INDEX idx_conversation_buffers_expires_at ON public.conversation_buffers (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE public.conversation_buffers IS 'The messages of conversations with agents, in order.';
COMMENT ON COLUMN public.conversation_buffers.message_index IS 'The place in the session, from 1 on; runfold.add_messages gives it.';
COMMENT ON COLUMN public.conversation_buffers.tokens_count IS 'As the model counts them; null: a quarter of the characters is taken.';
COMMENT ON COLUMN public.conversation_buffers.expires_at IS 'Not read from this time on, and deleted by the daily run; null: never.';

ALTER TABLE public.conversation_buffers ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.conversation_buffers FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.conversation_buffers FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.conversation_buffers FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.conversation_buffers TO runfold_engine;
GRANT ALL ON public.conversation_buffers TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.conversation_buffers TO authenticated;
GRANT INSERT (session_id, user_id, message_index, role, content, metadata, tokens_count, timestamp,
                created_at, expires_at)
    ON public.conversation_buffers TO authenticated;
GRANT UPDATE (session_id, user_id, message_index, role, content, metadata, tokens_count, timestamp,
                expires_at)
    ON public.conversation_buffers TO authenticated;

CREATE TABLE public.conversation_summaries (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    session_id varchar(255) NOT NULL,
    user_id uuid NOT NULL,
    sequence integer NOT NULL,

    summary text NOT NULL,
    key_points jsonb NOT NULL DEFAULT '[]',
    entities jsonb NOT NULL DEFAULT '[]',
    topics jsonb NOT NULL DEFAULT '[]',

    summary_type varchar(50) NOT NULL DEFAULT 'progressive',
    message_count integer NOT NULL DEFAULT 0,
    upto_index integer NOT NULL DEFAULT 0,
    token_count integer NOT NULL DEFAULT 0,
    model_used varchar(100),
    confidence_score double precision NOT NULL DEFAULT 0.0,

    previous_summary_id uuid,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT conversation_summaries_pkey PRIMARY KEY (id),
    CONSTRAINT conversation_summaries_user_id_id_key UNIQUE (user_id, id),
    -- The specification has created_at in place of sequence, which refuses two summaries of one transaction.
    CONSTRAINT conversation_summaries_session_id_created_at_key UNIQUE (user_id, session_id, sequence),
    CONSTRAINT summary_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT conversation_summaries_previous_summary_id_fkey FOREIGN KEY (user_id, previous_summary_id)
        REFERENCES public.conversation_summaries (user_id, id) ON DELETE SET NULL (previous_summary_id),
    CONSTRAINT valid_summary_type CHECK (summary_type IN ('progressive', 'hierarchical', 'key_points')),
    CONSTRAINT summary_sequence_counts_from_one CHECK (sequence > 0),
    CONSTRAINT summary_counts_not_negative CHECK (message_count >= 0 AND upto_index >= 0 AND token_count >= 0),
    CONSTRAINT summary_confidence_between_0_and_1 CHECK (confidence_score BETWEEN 0.0 AND 1.0),
    CONSTRAINT summary_session_not_empty CHECK (length(session_id) > 0),
    CONSTRAINT summary_lists_are_arrays CHECK (
        jsonb_typeof(key_points) = 'array' AND jsonb_typeof(entities) = 'array' AND jsonb_typeof(topics) = 'array'
    )
);
-- The unique key serves "the newest of a session" as well: it is read from its end.
CREATE INDEX idx_conversation_summaries_previous
    ON public.conversation_summaries (user_id, previous_summary_id) WHERE previous_summary_id IS NOT NULL;

COMMENT ON TABLE public.conversation_summaries IS 'Summaries of conversations; each is linked to the one before it.';
COMMENT ON COLUMN public.conversation_summaries.sequence IS 'The number of the summary in its session, from 1 on.';
COMMENT ON COLUMN public.conversation_summaries.upto_index IS 'The message_index of the last message that the summary covers.';
COMMENT ON COLUMN public.conversation_summaries.message_count IS 'How many messages it covers that the one before it does not.';

ALTER TABLE public.conversation_summaries ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.conversation_summaries FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.conversation_summaries FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.conversation_summaries FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.conversation_summaries TO runfold_engine;
GRANT ALL ON public.conversation_summaries TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.conversation_summaries TO authenticated;
GRANT INSERT (session_id, user_id, sequence, summary, key_points, entities, topics, summary_type,
                message_count, upto_index, token_count, model_used, confidence_score, previous_summary_id,
                created_at, updated_at)
    ON public.conversation_summaries TO authenticated;
GRANT UPDATE (session_id, user_id, sequence, summary, key_points, entities, topics, summary_type,
                message_count, upto_index, token_count, model_used, confidence_score, previous_summary_id,
                updated_at)
    ON public.conversation_summaries TO authenticated;

-- What the counts of dashboards need of rows that are alike: how many are added, or taken away where `number` is negative. The
-- key is a workflow, or a kind of node; the times are beginnings of hours or days.
CREATE TYPE runfold.counted_row AS (
    number bigint,
    user_id uuid,
    workflow_id uuid,
    node_type text,
    node_subtype text,
    created_at timestamptz,
    outcome text,
    ended_at timestamptz,
    part integer
);

COMMENT ON TYPE runfold.counted_row IS 'What the counts of dashboards need of rows that are alike; a negative number is taken away.';

-- What a user can connect with. Everybody reads it, operators write it.
CREATE TABLE public.integrations (
    integration_id varchar(255) NOT NULL,
    provider varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    config jsonb NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT integrations_pkey PRIMARY KEY (integration_id),
    CONSTRAINT integration_id_is_not_blank CHECK (length(trim(integration_id)) > 0),
    CONSTRAINT integration_config_is_an_object CHECK (jsonb_typeof(config) = 'object')
);

COMMENT ON TABLE public.integrations IS 'The services that users connect with, by name. Operators add to it.';
COMMENT ON COLUMN public.integrations.config IS 'What is public about it, as the address of its login. No secrets: everybody reads this table.';

ALTER TABLE public.integrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody reads" ON public.integrations FOR SELECT TO authenticated USING (true);
CREATE POLICY "services see every row" ON public.integrations FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
REVOKE ALL ON public.integrations FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.integrations TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.integrations TO runfold_operator, service_role;

INSERT INTO public.integrations (integration_id, provider, name)
VALUES ('slack', 'slack', 'Slack'),
       ('github', 'github', 'GitHub'),
       ('notion', 'notion', 'Notion'),
       ('google_calendar', 'google_calendar', 'Google Calendar')
    ON CONFLICT (integration_id) DO NOTHING;

-- Secrets are ciphertext before they come here: encrypted with a key of the tenant, for this row and column only.
CREATE TABLE public.user_external_credentials (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    provider varchar(50) NOT NULL,
    credential_type varchar(20) NOT NULL DEFAULT 'oauth2',

    encrypted_access_token bytea,
    encrypted_refresh_token bytea,
    encrypted_additional_data bytea,
    key_id uuid NOT NULL,

    token_expires_at timestamptz,
    scope text[] NOT NULL DEFAULT '{}',
    token_type varchar(20) NOT NULL DEFAULT 'Bearer',
    can_refresh boolean NOT NULL GENERATED ALWAYS AS (encrypted_refresh_token IS NOT NULL) STORED,

    is_valid boolean NOT NULL DEFAULT true,
    last_validated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    validation_error text,

    refresh_lease uuid,
    refresh_lease_until timestamptz,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT user_external_credentials_pkey PRIMARY KEY (id),
    CONSTRAINT user_external_credentials_user_id_provider_key UNIQUE (user_id, provider),
    CONSTRAINT credential_is_named_by_its_user UNIQUE (user_id, id),
    CONSTRAINT user_external_credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    -- words: CredentialProvider
    CONSTRAINT valid_provider CHECK (provider IN ('google_calendar', 'github', 'slack', 'notion', 'custom_http')),
    -- words: CredentialType
    CONSTRAINT valid_credential_type CHECK (credential_type IN ('oauth2', 'api_key', 'basic_auth', 'bearer_token')),
    CONSTRAINT valid_credential_holds_a_secret CHECK (
        NOT is_valid OR num_nonnulls(encrypted_access_token, encrypted_refresh_token, encrypted_additional_data) > 0),
    -- Nonce and tag alone have 28 bytes: what is shorter was never encrypted.
    CONSTRAINT secrets_are_ciphertext CHECK (
        least(octet_length(encrypted_access_token), octet_length(encrypted_refresh_token),
              octet_length(encrypted_additional_data)) >= 28),
    CONSTRAINT lease_has_an_end CHECK ((refresh_lease IS NULL) = (refresh_lease_until IS NULL))
);
-- What a list of a user's credentials shows comes from the index alone.
CREATE INDEX idx_user_credentials_user_provider ON public.user_external_credentials (user_id, provider)
    INCLUDE (is_valid, token_expires_at);
CREATE INDEX idx_user_credentials_expires_at ON public.user_external_credentials (token_expires_at) WHERE is_valid;
CREATE INDEX idx_user_credentials_valid ON public.user_external_credentials (user_id, last_validated_at) WHERE is_valid;

COMMENT ON TABLE public.user_external_credentials IS
    'What users have entrusted to reach services for them. `store.credentials` writes and opens it.';
COMMENT ON COLUMN public.user_external_credentials.key_id IS 'The tenant''s key that its secrets are encrypted with.';
COMMENT ON COLUMN public.user_external_credentials.token_expires_at IS 'NULL: never refreshed.';
COMMENT ON COLUMN public.user_external_credentials.refresh_lease IS 'The call that refreshes it now, until refresh_lease_until.';
COMMENT ON COLUMN public.user_external_credentials.updated_at IS 'When its secrets were written last.';

ALTER TABLE public.user_external_credentials ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.user_external_credentials FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.user_external_credentials FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
-- Without the ciphertext. Who writes encrypts, so users write through `store.credentials`; they may delete.
REVOKE ALL ON public.user_external_credentials FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT (id, user_id, provider, credential_type, token_expires_at, scope, token_type, can_refresh, is_valid, last_validated_at,
              validation_error, created_at, updated_at), DELETE
    ON public.user_external_credentials TO authenticated;
GRANT SELECT (id, user_id, provider, credential_type, token_expires_at, scope, token_type, can_refresh, is_valid, last_validated_at,
              validation_error, created_at, updated_at)
    ON public.user_external_credentials TO runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.user_external_credentials TO runfold_engine, runfold_operator, service_role;

-- Secrets are ciphertext before they come here: encrypted with a key of the tenant, for this row and column only.
CREATE TABLE public.oauth_tokens (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    integration_id varchar(255),
    provider varchar(100) NOT NULL,
    credential_id uuid,

    access_token bytea NOT NULL,
    refresh_token bytea,
    token_type varchar(50) NOT NULL DEFAULT 'Bearer',
    expires_at timestamptz,
    key_id uuid NOT NULL,
    can_refresh boolean NOT NULL GENERATED ALWAYS AS (refresh_token IS NOT NULL) STORED,

    credential_data jsonb NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,

    refresh_lease uuid,
    refresh_lease_until timestamptz,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT oauth_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT oauth_tokens_user_id_integration_id_key UNIQUE (user_id, integration_id),
    CONSTRAINT oauth_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT oauth_tokens_integration_id_fkey FOREIGN KEY (integration_id)
        REFERENCES public.integrations (integration_id) ON DELETE CASCADE,
    CONSTRAINT token_comes_from_a_credential FOREIGN KEY (user_id, credential_id)
        REFERENCES public.user_external_credentials (user_id, id) ON DELETE SET NULL (credential_id),
    CONSTRAINT oauth_provider_is_not_blank CHECK (length(trim(provider)) > 0),
    -- Nonce and tag alone have 28 bytes: what is shorter was never encrypted. A revoked token is empty.
    CONSTRAINT tokens_are_ciphertext CHECK (
        (octet_length(access_token) >= 28 OR NOT is_active AND octet_length(access_token) = 0)
        AND coalesce(octet_length(refresh_token) >= 28, true)),
    CONSTRAINT credential_data_is_encrypted CHECK (
        credential_data = '{}' OR (credential_data ?& '{$encrypted,v}' AND credential_data - '{$encrypted,v}'::text[] = '{}')),
    CONSTRAINT token_lease_has_an_end CHECK ((refresh_lease IS NULL) = (refresh_lease_until IS NULL))
);
CREATE INDEX idx_oauth_tokens_user_id ON public.oauth_tokens (user_id, credential_id);
CREATE INDEX idx_oauth_tokens_integration_id ON public.oauth_tokens (integration_id);

COMMENT ON TABLE public.oauth_tokens IS 'What a platform keeps for an integration of a user. `store.credentials` writes and opens it.';
COMMENT ON COLUMN public.oauth_tokens.credential_id IS
    'The credential that the token comes from: it is refreshed there, and both are written together.';
COMMENT ON COLUMN public.oauth_tokens.expires_at IS 'NULL: never refreshed.';
COMMENT ON COLUMN public.oauth_tokens.key_id IS 'The tenant''s key that its secrets are encrypted with.';
COMMENT ON COLUMN public.oauth_tokens.refresh_lease IS 'The call that refreshes it now, until refresh_lease_until.';
COMMENT ON COLUMN public.oauth_tokens.updated_at IS 'When its secrets were written last.';

ALTER TABLE public.oauth_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.oauth_tokens FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.oauth_tokens FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
-- Without the ciphertext. Who writes encrypts, so users write through `store.credentials`; they may delete.
REVOKE ALL ON public.oauth_tokens FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT (id, user_id, integration_id, provider, credential_id, token_type, expires_at, can_refresh, is_active, created_at,
              updated_at), DELETE
    ON public.oauth_tokens TO authenticated;
GRANT SELECT (id, user_id, integration_id, provider, credential_id, token_type, expires_at, can_refresh, is_active, created_at,
              updated_at)
    ON public.oauth_tokens TO runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.oauth_tokens TO runfold_engine, runfold_operator, service_role;

-- The credentials that somebody has to look at, each with the reason. It reads no ciphertext.
CREATE VIEW public.credentials_to_look_at WITH (security_invoker = true) AS
    SELECT c.id, c.user_id, 'user_external_credentials' AS kept_in, c.provider::text AS provider, NULL::text AS integration_id,
           CASE WHEN NOT c.is_valid THEN 'invalid'
                WHEN c.token_expires_at < now() THEN 'expired'
                WHEN c.token_expires_at < now() + interval '1 day' AND NOT c.can_refresh THEN 'expires soon'
                ELSE 'not validated' END AS reason,
           c.validation_error, c.token_expires_at AS expires_at, c.can_refresh, c.last_validated_at
      FROM public.user_external_credentials c
     WHERE NOT c.is_valid
        OR c.token_expires_at < now() + CASE WHEN c.can_refresh THEN interval '0' ELSE interval '1 day' END
        OR c.last_validated_at < now() - interval '30 days'
    UNION ALL
    SELECT t.id, t.user_id, 'oauth_tokens', t.provider::text, t.integration_id::text,
           CASE WHEN NOT t.is_active THEN 'invalid'
                WHEN t.expires_at < now() THEN 'expired'
                ELSE 'expires soon' END,
           NULL, t.expires_at, t.can_refresh, NULL
      FROM public.oauth_tokens t
     WHERE NOT t.is_active
        OR t.expires_at < now() + CASE WHEN t.can_refresh THEN interval '0' ELSE interval '1 day' END;

COMMENT ON VIEW public.credentials_to_look_at IS
    'Credentials that are invalid, expired, expire within a day and cannot be refreshed, or were not validated for 30 days.';

REVOKE ALL ON public.credentials_to_look_at FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.credentials_to_look_at TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.definitions (
    user_id uuid NOT NULL,
    digest text COLLATE "C" NOT NULL,
    body jsonb NOT NULL,
    CONSTRAINT definitions_pkey PRIMARY KEY (user_id, digest),
    CONSTRAINT definition_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT definition_has_a_digest CHECK (digest ~ '^[0-9a-f]{64}$')
);

COMMENT ON TABLE runfold.definitions IS
    'The bodies of workflow definitions that events name by their digests: in no event, so that they go with their tenant.';
COMMENT ON COLUMN runfold.definitions.digest IS 'runfold.definition_digest(body): without positions, notes and times.';

ALTER TABLE runfold.definitions ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON runfold.definitions FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON runfold.definitions FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON runfold.definitions TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;

-- Events that an operator gave up, so that the events behind them could be folded. Every fold of a group leaves them out: the
-- worker, retry, verify, rebuild, and every look at the past, also at one before they were given up.
CREATE TABLE runfold.discarded_events (
    group_name text NOT NULL,
    position bigint NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    stream_version bigint NOT NULL,
    event_id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    sqlstate text NOT NULL,
    error text NOT NULL,
    reason text NOT NULL,
    discarded_by text NOT NULL,
    role_name text NOT NULL DEFAULT session_user,
    discarded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT discarded_events_pkey PRIMARY KEY (group_name, position),
    CONSTRAINT reason_is_given CHECK (reason ~ '\S'),
    CONSTRAINT discarder_is_given CHECK (discarded_by ~ '\S')
);
CREATE INDEX idx_discarded_events_stream ON runfold.discarded_events (stream_id, position);

COMMENT ON TABLE runfold.discarded_events IS
    'Events that could not be folded and were given up, by group; append-only, like the log. No fold of the group meets them.';
COMMENT ON COLUMN runfold.discarded_events.error IS 'Why the event could not be folded.';
COMMENT ON COLUMN runfold.discarded_events.reason IS 'Why it was given up, as the operator said it.';
COMMENT ON COLUMN runfold.discarded_events.discarded_by IS 'Who gave it up, as the operator said it.';
COMMENT ON COLUMN runfold.discarded_events.role_name IS 'The role that the operator was logged in as.';

GRANT SELECT ON runfold.discarded_events TO runfold_engine, runfold_projections, runfold_reader, service_role;
GRANT SELECT, INSERT ON runfold.discarded_events TO runfold_projector, runfold_operator;

-- One configuration a language, so that an operator may alter its dictionaries: ALTER TEXT SEARCH CONFIGURATION needs its owner.
DO $configurations$
DECLARE
    language text;
BEGIN
    FOR language IN SELECT c.cfgname FROM pg_ts_config c WHERE c.cfgnamespace = 'pg_catalog'::regnamespace LOOP
        IF NOT EXISTS (SELECT FROM pg_ts_config c WHERE c.cfgnamespace = 'runfold'::regnamespace AND c.cfgname = 'runfold_' || language) THEN
            EXECUTE format('CREATE TEXT SEARCH CONFIGURATION runfold.%I (COPY = pg_catalog.%I)', 'runfold_' || language, language);
        END IF;
    END LOOP;
END
$configurations$;

CREATE TABLE public.document_store (
    id varchar(255) NOT NULL,
    -- By bytes, so that the collections below another one, a.b below a, are a range of the key.
    collection_name varchar(255) COLLATE "C" NOT NULL,
    title varchar(500),
    description text,
    content text NOT NULL,
    search_content text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    category varchar(100) NOT NULL DEFAULT 'general',
    tags text[] NOT NULL DEFAULT '{}',
    language varchar(20) NOT NULL DEFAULT 'english',
    user_id uuid NOT NULL,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz,
    ttl interval,

    CONSTRAINT document_store_pkey PRIMARY KEY (user_id, collection_name, id),
    CONSTRAINT document_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT document_names_not_empty CHECK (length(id) > 0 AND length(collection_name) > 0),
    CONSTRAINT document_ttl_is_positive CHECK (ttl > interval '0')
);
CREATE INDEX idx_document_store_collection ON public.document_store (user_id, collection_name, updated_at DESC);
CREATE INDEX idx_document_store_updated_at ON public.document_store (user_id, updated_at DESC);
-- Which languages a tenant's documents have.
CREATE INDEX idx_document_store_language ON public.document_store (user_id, language);
-- Row security keeps PostgreSQL from these, so runfold.search_documents reads them for a tenant.
CREATE INDEX idx_document_store_tags ON public.document_store USING gin (tags);
CREATE INDEX idx_document_store_metadata ON public.document_store USING gin (metadata jsonb_path_ops);
CREATE INDEX idx_document_store_expires_at ON public.document_store (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE public.document_store IS 'Documents of a tenant in collections, found by their words.';
COMMENT ON COLUMN public.document_store.search_content IS 'What is searched; the content, where none is given.';
COMMENT ON COLUMN public.document_store.language IS 'The language of its text, one of runfold.text_configuration.';
COMMENT ON COLUMN public.document_store.ttl IS 'By how much a read that asks for it moves expires_at.';
COMMENT ON COLUMN public.document_store.expires_at IS 'Not read from this time on, and deleted by the daily run; null: never.';

ALTER TABLE public.document_store ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.document_store FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.document_store FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.document_store FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.document_store TO runfold_engine;
GRANT ALL ON public.document_store TO runfold_operator, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.document_store TO authenticated;

-- The workflows that an open transaction edited. Its rows live until its commit, which appends an event for each definition that
-- changed; so no other transaction ever sees one.
CREATE TABLE runfold.edited_workflows (
    xid xid8 NOT NULL,
    workflow_id uuid NOT NULL,
    CONSTRAINT edited_workflows_pkey PRIMARY KEY (xid, workflow_id)
);

COMMENT ON TABLE runfold.edited_workflows IS 'Workflows whose definition an open transaction may have changed.';

CREATE TABLE runfold.encryption_policies (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid,
    event_type text COLLATE "C" NOT NULL DEFAULT '*',
    field text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_by text NOT NULL DEFAULT SESSION_USER,

    CONSTRAINT encryption_policies_pkey PRIMARY KEY (id),
    CONSTRAINT policy_is_stated_once UNIQUE NULLS NOT DISTINCT (user_id, event_type, field),
    CONSTRAINT policy_is_of_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT event_type_is_given CHECK (event_type <> ''),
    -- words: EncryptedField
    CONSTRAINT field_may_be_encrypted CHECK (
        field IN ('*', 'payload', 'trigger_data', 'run_data', 'input_data', 'output_data', 'error_data',
        'error_details', 'error_message', 'request_data', 'response_data', 'raw_payload', 'headers',
        'resume_conditions', 'message', 'user_friendly_message', 'stack_trace', 'data', 'technical_details',
        'performance_metrics', 'metadata'))
);

COMMENT ON TABLE runfold.encryption_policies IS
    'Which fields of which events clients encrypt before they append. A policy holds for values that are appended after it.';
COMMENT ON COLUMN runfold.encryption_policies.user_id IS 'The tenant it holds for; NULL: every tenant.';
COMMENT ON COLUMN runfold.encryption_policies.event_type IS 'The event type it holds for; *: every type.';
COMMENT ON COLUMN runfold.encryption_policies.field IS
    'The field; *: every field that may be encrypted, and payloads; metadata: its top-level values.';

GRANT SELECT ON runfold.encryption_policies TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;
GRANT INSERT, DELETE ON runfold.encryption_policies TO runfold_operator, service_role;

-- The engines that run, one row each. An engine beats once a second, in one statement, however many executions it
-- holds; each beat notes the leader's own beat, so that silence is counted in beats of the leader and by no clock.
--
-- No index has a column that a beat changes, and half of each page is free: a beat is a HOT update.
CREATE TABLE runfold.engines (
    engine_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    patience integer NOT NULL,
    beat bigint NOT NULL DEFAULT 0,
    leader_epoch bigint NOT NULL DEFAULT 0,
    leader_beat bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    gone_at timestamptz,
    CONSTRAINT engines_pkey PRIMARY KEY (engine_id),
    CONSTRAINT engines_have_a_name CHECK (name <> '' AND length(name) <= 255),
    CONSTRAINT patience_is_some_beats CHECK (patience BETWEEN 4 AND 100000)
) WITH (fillfactor = 50);

COMMENT ON TABLE runfold.engines IS 'The engines that run. One that stops says goodbye, and its row goes with its holds.';
COMMENT ON COLUMN runfold.engines.name IS 'Its name for people, as ExecutionTakenOver gives it.';
COMMENT ON COLUMN runfold.engines.patience IS 'How many beats of the leader it may miss before it is silent; the leader beats twice a second.';
COMMENT ON COLUMN runfold.engines.leader_epoch IS 'The epoch of the leader at the last beat.';
COMMENT ON COLUMN runfold.engines.leader_beat IS 'The beat of the leader at the last beat.';
COMMENT ON COLUMN runfold.engines.beat_at IS 'The server''s time of the last beat, for people: nothing is decided by it.';
COMMENT ON COLUMN runfold.engines.gone_at IS 'When an execution was taken from it while it was silent: it beats no more.';

GRANT SELECT ON runfold.engines TO runfold_projector, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.engines TO runfold_engine, runfold_operator;

CREATE TABLE public.entities (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name varchar(500) NOT NULL,
    type varchar(100) NOT NULL,
    aliases text[] NOT NULL DEFAULT '{}',
    attributes jsonb NOT NULL DEFAULT '{}',
    description text,

    importance_score double precision NOT NULL DEFAULT 0.5,
    first_seen timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    last_seen timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    mention_count integer NOT NULL DEFAULT 1,

    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT entities_pkey PRIMARY KEY (id),
    CONSTRAINT entities_user_id_id_key UNIQUE (user_id, id),
    CONSTRAINT entities_name_type_user_id_key UNIQUE (user_id, type, name),
    CONSTRAINT entity_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT entities_importance_score_check CHECK (importance_score BETWEEN 0.0 AND 1.0),
    CONSTRAINT entity_name_not_empty CHECK (length(name) > 0 AND length(type) > 0),
    CONSTRAINT entity_mention_count_positive CHECK (mention_count > 0),
    CONSTRAINT entity_attributes_are_an_object CHECK (jsonb_typeof(attributes) = 'object')
);
CREATE INDEX idx_entities_type ON public.entities (user_id, type, importance_score DESC);
CREATE INDEX idx_entities_name ON public.entities (user_id, name);
CREATE INDEX idx_entities_importance ON public.entities (user_id, importance_score DESC);
-- Row security keeps PostgreSQL from these, so runfold.search_entities reads them for a tenant.
CREATE INDEX idx_entities_aliases ON public.entities USING gin (aliases);
CREATE INDEX idx_entities_attributes ON public.entities USING gin (attributes jsonb_path_ops);

COMMENT ON TABLE public.entities IS 'What agents know by name: people, places, products.';
COMMENT ON COLUMN public.entities.mention_count IS 'How often the entity was seen; each upsert adds one.';

ALTER TABLE public.entities ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.entities FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.entities FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.entities FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.entities TO runfold_engine;
GRANT ALL ON public.entities TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.entities TO authenticated;
GRANT INSERT (name, type, aliases, attributes, description, importance_score, first_seen, last_seen,
                mention_count, user_id, created_at, updated_at)
    ON public.entities TO authenticated;
GRANT UPDATE (name, type, aliases, attributes, description, importance_score, first_seen, last_seen,
                mention_count, user_id, updated_at)
    ON public.entities TO authenticated;

CREATE TABLE public.entity_relationships (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    source_entity_id uuid NOT NULL,
    target_entity_id uuid NOT NULL,
    relationship_type varchar(100) NOT NULL,
    relationship_attributes jsonb NOT NULL DEFAULT '{}',
    confidence double precision NOT NULL DEFAULT 1.0,
    source varchar(255),

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT entity_relationships_pkey PRIMARY KEY (id),
    CONSTRAINT entity_relationships_source_entity_id_target_entity_id_rela_key
        UNIQUE (user_id, source_entity_id, target_entity_id, relationship_type),
    CONSTRAINT entity_relationship_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT entity_relationships_source_entity_id_fkey FOREIGN KEY (user_id, source_entity_id)
        REFERENCES public.entities (user_id, id) ON DELETE CASCADE,
    CONSTRAINT entity_relationships_target_entity_id_fkey FOREIGN KEY (user_id, target_entity_id)
        REFERENCES public.entities (user_id, id) ON DELETE CASCADE,
    CONSTRAINT entity_relationships_confidence_check CHECK (confidence BETWEEN 0.0 AND 1.0),
    CONSTRAINT entity_relationship_joins_two CHECK (source_entity_id <> target_entity_id),
    CONSTRAINT entity_relationship_type_not_empty CHECK (length(relationship_type) > 0),
    CONSTRAINT entity_relationship_attributes_are_an_object CHECK (jsonb_typeof(relationship_attributes) = 'object')
);
CREATE INDEX idx_entity_relationships_source ON public.entity_relationships (user_id, source_entity_id);
CREATE INDEX idx_entity_relationships_target ON public.entity_relationships (user_id, target_entity_id);

COMMENT ON TABLE public.entity_relationships IS 'How the entities of a tenant are related; both ends are of that tenant.';
COMMENT ON COLUMN public.entity_relationships.source IS 'Where it is known from.';

ALTER TABLE public.entity_relationships ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.entity_relationships FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.entity_relationships FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.entity_relationships FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.entity_relationships TO runfold_engine;
GRANT ALL ON public.entity_relationships TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.entity_relationships TO authenticated;
GRANT INSERT (user_id, source_entity_id, target_entity_id, relationship_type, relationship_attributes,
                confidence, source, created_at, updated_at)
    ON public.entity_relationships TO authenticated;
GRANT UPDATE (user_id, source_entity_id, target_entity_id, relationship_type, relationship_attributes,
                confidence, source, updated_at)
    ON public.entity_relationships TO authenticated;

CREATE TABLE public.episodic_memory (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    actor varchar(255) NOT NULL,
    action varchar(255) NOT NULL,
    object text,
    context jsonb NOT NULL DEFAULT '{}',
    outcome jsonb NOT NULL DEFAULT '{}',

    importance numeric(3,2) NOT NULL DEFAULT 0.5,
    timestamp timestamptz NOT NULL,
    session_id varchar(255),
    user_id uuid NOT NULL,
    event_description text,
    language varchar(20) NOT NULL DEFAULT 'english',

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz,

    CONSTRAINT episodic_memory_pkey PRIMARY KEY (id),
    CONSTRAINT episode_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT episodic_memory_importance_check CHECK (importance BETWEEN 0.0 AND 1.0),
    CONSTRAINT episode_names_not_empty CHECK (length(actor) > 0 AND length(action) > 0)
);
CREATE INDEX idx_episodic_memory_timestamp ON public.episodic_memory (user_id, timestamp DESC, id);
CREATE INDEX idx_episodic_memory_actor ON public.episodic_memory (user_id, actor, timestamp DESC);
CREATE INDEX idx_episodic_memory_importance ON public.episodic_memory (user_id, importance DESC, timestamp DESC);
CREATE INDEX idx_episodic_memory_session_id
    ON public.episodic_memory (user_id, session_id, timestamp DESC) WHERE session_id IS NOT NULL;
-- Which languages a tenant's episodes have.
CREATE INDEX idx_episodic_memory_language ON public.episodic_memory (user_id, language);
CREATE INDEX idx_episodic_memory_expires_at ON public.episodic_memory (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE public.episodic_memory IS 'What happened: who did what to what, in which context, with which outcome.';
COMMENT ON COLUMN public.episodic_memory.language IS 'The language of its text, one of runfold.text_configuration.';
COMMENT ON COLUMN public.episodic_memory.expires_at IS 'Not read from this time on, and deleted by the daily run; null: never.';

ALTER TABLE public.episodic_memory ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.episodic_memory FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.episodic_memory FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.episodic_memory FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.episodic_memory TO runfold_engine;
GRANT ALL ON public.episodic_memory TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.episodic_memory TO authenticated;
GRANT INSERT (actor, action, object, context, outcome, importance, timestamp, session_id, user_id,
                event_description, language, created_at, expires_at)
    ON public.episodic_memory TO authenticated;
GRANT UPDATE (actor, action, object, context, outcome, importance, timestamp, session_id, user_id,
                event_description, language, expires_at)
    ON public.episodic_memory TO authenticated;

-- Tenants that are erased, or being erased: from the commit of its row on, no stream of the tenant takes an event.
CREATE TABLE runfold.erased_tenants (
    user_id uuid NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    begun_by text NOT NULL DEFAULT session_user,
    begun_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    issued bigint,
    position bigint,
    erased_at timestamptz,
    CONSTRAINT erased_tenants_pkey PRIMARY KEY (user_id),
    CONSTRAINT erased_has_a_position CHECK (erased_at IS NULL OR position IS NOT NULL)
);

COMMENT ON TABLE runfold.erased_tenants IS
    'Tenants that are erased or being erased: appends to their streams are refused. A row stays for ever.';
COMMENT ON COLUMN runfold.erased_tenants.begun_in IS 'The transaction that entered it: before its commit nobody else knows.';
COMMENT ON COLUMN runfold.erased_tenants.issued IS
    'The last position that may have been given to an append that did not know yet; NULL: that is not asked yet.';
COMMENT ON COLUMN runfold.erased_tenants.position IS 'The position of its TenantErased; NULL: it is not appended yet.';
COMMENT ON COLUMN runfold.erased_tenants.erased_at IS 'When everything was done; NULL: `runfold tenant erase` is to be run again.';

GRANT SELECT ON runfold.erased_tenants TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, service_role;

CREATE TABLE runfold.event_fields (
    type text COLLATE "C" NOT NULL,
    ordinal integer NOT NULL,
    field text COLLATE "C" NOT NULL,
    required boolean NOT NULL,
    kind text NOT NULL,
    minimum bigint,
    maximum bigint,
    allowed text[],
    CONSTRAINT event_fields_pkey PRIMARY KEY (type, ordinal),
    CONSTRAINT field_is_unique_in_its_type UNIQUE (type, field),
    CONSTRAINT kind_is_known CHECK (kind IN ('name', 'text', 'enum', 'uuid', 'integer', 'number', 'boolean', 'timestamp',
                                             'json', 'object', 'strings'))
);

COMMENT ON TABLE runfold.event_fields IS 'The fields of the closed vocabulary, as the exact check walks them.';

GRANT SELECT ON runfold.event_fields TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.event_ids (
    event_id uuid PRIMARY KEY,
    stream_version bigint NOT NULL
);

COMMENT ON TABLE runfold.event_ids IS
    'Event ids are unique across the log; a unique index on the partitioned events cannot say so.';

GRANT SELECT ON runfold.event_ids TO runfold_operator;

CREATE TABLE runfold.event_types (
    category text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    opaque boolean NOT NULL DEFAULT false,
    closed boolean NOT NULL DEFAULT false,
    reserved boolean NOT NULL DEFAULT false,
    CONSTRAINT event_types_pkey PRIMARY KEY (category, type),
    CONSTRAINT schema_version_is_positive CHECK (schema_version > 0),
    CONSTRAINT category_is_an_identifier CHECK (category ~ '^[a-z][a-z0-9_]*$' AND length(category) <= 100)
);

COMMENT ON TABLE runfold.event_types IS
    'The event types that streams of a category take, with the current version of their shape; type * is any.';
COMMENT ON COLUMN runfold.event_types.opaque IS 'Takes a payload of bytes in place of data; * always does.';
COMMENT ON COLUMN runfold.event_types.closed IS 'Of our own vocabulary: register_event_types leaves its category alone.';
COMMENT ON COLUMN runfold.event_types.reserved IS 'Appended by functions of ours only: append_events refuses it from everybody else.';

GRANT SELECT ON runfold.event_types TO runfold_engine, runfold_projector, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.event_types TO runfold_operator;

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

CREATE TABLE public.model_calls (
    id uuid NOT NULL,
    execution_id varchar(255) COLLATE "C" NOT NULL,
    user_id uuid,
    activation varchar(255),
    provider varchar(50) NOT NULL,
    model_id varchar(100) NOT NULL,
    version varchar(50),
    input_tokens integer NOT NULL,
    cached_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    latency_ms integer,
    last_event_position bigint NOT NULL,
    called_at timestamptz NOT NULL,
    CONSTRAINT model_calls_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_model_calls_execution_id ON public.model_calls (execution_id, called_at);
CREATE INDEX idx_model_calls_user ON public.model_calls (user_id, called_at DESC);
CREATE INDEX idx_model_calls_model ON public.model_calls (provider, model_id, called_at DESC);

COMMENT ON TABLE public.model_calls IS 'Calls of models, with the tokens that each used: a fold of the execution streams.';
COMMENT ON COLUMN public.model_calls.input_tokens IS 'All tokens of the input, those from the cache as well.';

ALTER TABLE public.model_calls ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.model_calls FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.model_calls FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
REVOKE ALL ON public.model_calls FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.model_calls TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.model_calls TO runfold_projector;

-- The cost of each call, by the price that was valid when it was made. A call without a price is unpriced: its cost is NULL.
CREATE VIEW public.model_call_costs WITH (security_invoker = true) AS
    SELECT c.id, c.execution_id, c.user_id, c.activation, c.provider, c.model_id, c.version, c.called_at, c.input_tokens,
           c.cached_tokens, c.output_tokens, m.id AS model, p.valid_from, p.above_input_tokens,
           (greatest(c.input_tokens - c.cached_tokens, 0) * p.input_per_million
            -- A model without a cache needs no price of it.
            + CASE WHEN c.cached_tokens = 0 THEN 0 ELSE c.cached_tokens * p.cached_per_million END
            + c.output_tokens * p.output_per_million) / 1000000 AS cost
      FROM public.model_calls c
      LEFT JOIN LATERAL (SELECT m.id
                           FROM public.ai_models m
                          WHERE m.provider = c.provider AND m.model_id = c.model_id
                            AND (m.version IS NOT DISTINCT FROM c.version OR m.version IS NULL)
                          ORDER BY m.version NULLS LAST, m.name COLLATE "C"
                          LIMIT 1) AS m ON true
      LEFT JOIN LATERAL (SELECT p.valid_from, p.above_input_tokens, p.input_per_million, p.cached_per_million,
                                p.output_per_million
                           FROM public.ai_model_prices p
                          WHERE p.model = m.id AND p.valid_from <= c.called_at
                            AND (p.above_input_tokens = 0 OR c.input_tokens > p.above_input_tokens)
                          ORDER BY p.valid_from DESC, p.above_input_tokens DESC
                          LIMIT 1) AS p ON true;

COMMENT ON VIEW public.model_call_costs IS
    'Each call of a model with its cost in US dollars, by the price that was valid when it was made; NULL where none is known.';

REVOKE ALL ON public.model_call_costs FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.model_call_costs TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;

-- What the calls of models of an execution cost.
CREATE VIEW public.execution_costs WITH (security_invoker = true) AS
    SELECT c.execution_id, c.user_id, count(*) AS calls, sum(c.input_tokens) AS input_tokens,
           sum(c.cached_tokens) AS cached_tokens, sum(c.output_tokens) AS output_tokens,
           count(*) FILTER (WHERE c.cost IS NULL) AS unpriced_calls,
           CASE WHEN bool_and(c.cost IS NOT NULL) THEN 'priced' ELSE 'unpriced' END AS pricing,
           -- Never the sum of a part: it would be read as the whole.
           CASE WHEN bool_and(c.cost IS NOT NULL) THEN sum(c.cost) END AS cost,
           sum(c.cost) AS priced_cost
      FROM public.model_call_costs c
     GROUP BY c.execution_id, c.user_id;

COMMENT ON VIEW public.execution_costs IS
    'The tokens that an execution used and their cost in US dollars. Where a call has no price, pricing is unpriced and cost is NULL.';
COMMENT ON COLUMN public.execution_costs.priced_cost IS 'The cost of the calls that have a price; NULL if none has.';

REVOKE ALL ON public.execution_costs FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.execution_costs TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;

-- What became of executions, by day: kept right by triggers of workflow_executions, in the transaction that changes a row.
CREATE TABLE public.execution_days (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    workflow_id uuid NOT NULL,
    day date NOT NULL,
    created bigint NOT NULL DEFAULT 0,
    succeeded bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    canceled bigint NOT NULL DEFAULT 0,
    timed_out bigint NOT NULL DEFAULT 0,
    ended_succeeded bigint NOT NULL DEFAULT 0,
    ended_failed bigint NOT NULL DEFAULT 0,
    ended_canceled bigint NOT NULL DEFAULT 0,
    ended_timed_out bigint NOT NULL DEFAULT 0,
    durations bigint[] NOT NULL,
    CONSTRAINT execution_days_pkey PRIMARY KEY (id),
    -- A tenant that is NULL is one, too.
    CONSTRAINT execution_days_key UNIQUE NULLS NOT DISTINCT (user_id, workflow_id, day),
    CONSTRAINT execution_days_have_224_durations CHECK (cardinality(durations) = 224)
);
CREATE INDEX idx_execution_days_workflow ON public.execution_days (workflow_id, day);
CREATE INDEX idx_execution_days_day ON public.execution_days (day);

COMMENT ON TABLE public.execution_days IS
    'What became of executions, by workflow and day (UTC). Never stale: the transaction that changes an execution''s row changes it.';
COMMENT ON COLUMN public.execution_days.created IS 'How many executions were created on the day.';
COMMENT ON COLUMN public.execution_days.succeeded IS 'How many of those that were created on the day have succeeded, whenever that was.';
COMMENT ON COLUMN public.execution_days.ended_succeeded IS 'How many executions succeeded on the day, whenever they were created.';
COMMENT ON COLUMN public.execution_days.durations IS
    'How many executions that ended on the day took how long, by the 224 parts of runfold.duration_part.';

ALTER TABLE public.execution_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.execution_days FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.execution_days FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
REVOKE ALL ON public.execution_days FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.execution_days
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- What became of executions, by hour: kept right by triggers of workflow_executions, in the transaction that changes a row.
CREATE TABLE public.execution_hours (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    workflow_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    created bigint NOT NULL DEFAULT 0,
    succeeded bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    canceled bigint NOT NULL DEFAULT 0,
    timed_out bigint NOT NULL DEFAULT 0,
    ended_succeeded bigint NOT NULL DEFAULT 0,
    ended_failed bigint NOT NULL DEFAULT 0,
    ended_canceled bigint NOT NULL DEFAULT 0,
    ended_timed_out bigint NOT NULL DEFAULT 0,
    durations bigint[] NOT NULL,
    CONSTRAINT execution_hours_pkey PRIMARY KEY (id),
    -- A tenant that is NULL is one, too.
    CONSTRAINT execution_hours_key UNIQUE NULLS NOT DISTINCT (user_id, workflow_id, hour),
    CONSTRAINT execution_hours_have_224_durations CHECK (cardinality(durations) = 224)
);
CREATE INDEX idx_execution_hours_workflow ON public.execution_hours (workflow_id, hour);
CREATE INDEX idx_execution_hours_hour ON public.execution_hours (hour);

COMMENT ON TABLE public.execution_hours IS
    'What became of executions, by workflow and hour (UTC). Never stale: the transaction that changes an execution''s row changes it.';
COMMENT ON COLUMN public.execution_hours.created IS 'How many executions were created in the hour.';
COMMENT ON COLUMN public.execution_hours.succeeded IS 'How many of those that were created in the hour have succeeded, whenever that was.';
COMMENT ON COLUMN public.execution_hours.ended_succeeded IS 'How many executions succeeded in the hour, whenever they were created.';
COMMENT ON COLUMN public.execution_hours.durations IS
    'How many executions that ended in the hour took how long, by the 224 parts of runfold.duration_part.';

ALTER TABLE public.execution_hours ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.execution_hours FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.execution_hours FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
REVOKE ALL ON public.execution_hours FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.execution_hours
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

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

REVOKE ALL ON public.node_executions FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.node_executions TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.node_executions TO runfold_projector;

-- Outputs of an execution by node: what run_data holds only when the producer sent it.
CREATE VIEW public.execution_outputs WITH (security_invoker = true) AS
    SELECT n.execution_id, n.user_id, n.node_id, n.activation, n.iteration, n.output_data, n.end_time
      FROM public.node_executions n
     WHERE n.status = 'SUCCESS';

COMMENT ON VIEW public.execution_outputs IS 'Outputs of the nodes that succeeded, by execution and node.';

REVOKE ALL ON public.execution_outputs FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.execution_outputs TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- What depends on the order of an execution's events: status, open pauses, first start, the end, and the anomalies found on
-- the way. A type of its own, not the table's row type, which changes with what the table is bound to.
CREATE TYPE runfold.execution_state AS (
    status text,
    start_time bigint,
    end_time bigint,
    run_data jsonb,
    metadata jsonb,
    error_message text,
    error_details jsonb,
    open_pauses jsonb,
    closed_pauses jsonb,
    paused boolean,
    first_event_position bigint,
    end_position bigint,
    last_event_position bigint,
    created_at timestamptz,
    updated_at timestamptz,
    order_time timestamptz,
    anomalies jsonb
);

COMMENT ON TYPE runfold.execution_state IS 'The state of an execution that its events change in order.';

GRANT USAGE ON TYPE runfold.execution_state TO runfold_projector, runfold_operator;

CREATE TABLE runfold.faults (
    code text COLLATE "C" PRIMARY KEY,
    message text NOT NULL,
    hint text NOT NULL
);

COMMENT ON TABLE runfold.faults IS 'Every code with which an append can be refused.';

GRANT SELECT ON runfold.faults TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- By oid: a partition that was swapped for another table, or came out of a dump, is another one.
CREATE TABLE runfold.frozen_partitions (
    partition oid NOT NULL,
    name text NOT NULL,
    frozen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT frozen_partitions_pkey PRIMARY KEY (partition)
);

COMMENT ON TABLE runfold.frozen_partitions IS
    'The closed partitions of the log that the leader has frozen: no vacuum has anything to do there any more.';

GRANT SELECT ON runfold.frozen_partitions TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, DELETE ON runfold.frozen_partitions TO runfold_projector, runfold_operator;

CREATE TABLE public.graph_nodes (
    id varchar(255) NOT NULL,
    label varchar(500) NOT NULL,
    type varchar(100) NOT NULL,
    properties jsonb NOT NULL DEFAULT '{}',
    user_id uuid NOT NULL,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT graph_nodes_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT graph_nodes_label_type_user_id_key UNIQUE (user_id, type, label),
    CONSTRAINT graph_node_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT graph_node_names_not_empty CHECK (length(id) > 0 AND length(label) > 0 AND length(type) > 0),
    CONSTRAINT graph_node_properties_are_an_object CHECK (jsonb_typeof(properties) = 'object')
);
CREATE INDEX idx_graph_nodes_properties ON public.graph_nodes USING gin (properties jsonb_path_ops);

COMMENT ON TABLE public.graph_nodes IS 'The nodes of a tenant''s graph; their ids are the tenant''s own.';

ALTER TABLE public.graph_nodes ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.graph_nodes FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.graph_nodes FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.graph_nodes FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.graph_nodes TO runfold_engine;
GRANT ALL ON public.graph_nodes TO runfold_operator, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.graph_nodes TO authenticated;

CREATE TABLE public.graph_relationships (
    id varchar(255) NOT NULL DEFAULT gen_random_uuid()::text,
    user_id uuid NOT NULL,
    source_node_id varchar(255) NOT NULL,
    target_node_id varchar(255) NOT NULL,
    relationship_type varchar(100) NOT NULL,
    properties jsonb NOT NULL DEFAULT '{}',
    weight double precision NOT NULL DEFAULT 1.0,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT graph_relationships_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT graph_relationships_source_node_id_target_node_id_relations_key
        UNIQUE (user_id, source_node_id, target_node_id, relationship_type),
    CONSTRAINT graph_relationship_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT graph_relationships_source_node_id_fkey FOREIGN KEY (user_id, source_node_id)
        REFERENCES public.graph_nodes (user_id, id) ON DELETE CASCADE,
    CONSTRAINT graph_relationships_target_node_id_fkey FOREIGN KEY (user_id, target_node_id)
        REFERENCES public.graph_nodes (user_id, id) ON DELETE CASCADE,
    CONSTRAINT graph_relationships_weight_check CHECK (weight BETWEEN 0.0 AND 1.0),
    CONSTRAINT graph_relationship_names_not_empty CHECK (length(id) > 0 AND length(relationship_type) > 0),
    CONSTRAINT graph_relationship_properties_are_an_object CHECK (jsonb_typeof(properties) = 'object')
);
-- Both directions by index alone; the second serves the foreign key of the target as well.
CREATE INDEX idx_graph_relationships_target ON public.graph_relationships (user_id, target_node_id, source_node_id);

COMMENT ON TABLE public.graph_relationships IS 'The edges of a tenant''s graph; both ends are of that tenant.';
COMMENT ON COLUMN public.graph_relationships.weight IS 'How strong the edge is, from 0 to 1.';

ALTER TABLE public.graph_relationships ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.graph_relationships FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.graph_relationships FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.graph_relationships FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.graph_relationships TO runfold_engine;
GRANT ALL ON public.graph_relationships TO runfold_operator, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.graph_relationships TO authenticated;

CREATE TABLE public.human_interactions (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    -- The id of the row in workflow_executions; no foreign key, that is another group's table.
    execution_id uuid,
    node_id varchar(255) NOT NULL,
    interaction_type varchar(50) NOT NULL,
    channel_type varchar(50) NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'pending',
    priority varchar(20) NOT NULL DEFAULT 'normal',
    request_data jsonb NOT NULL,
    response_data jsonb,
    responder text,
    error text,
    responded_at timestamptz,
    timeout_at timestamptz,
    correlation_id varchar(255),
    tags text[],
    user_id uuid,
    first_event_position bigint NOT NULL,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT human_interactions_pkey PRIMARY KEY (id),
    -- words: InteractionType
    CONSTRAINT valid_interaction_type CHECK (interaction_type IN ('approval', 'input', 'selection', 'review')),
    -- words: Channel
    CONSTRAINT valid_channel_type CHECK (channel_type IN ('slack', 'email', 'webhook', 'in_app')),
    -- words: interaction
    CONSTRAINT valid_status CHECK (status IN ('pending', 'error', 'responded', 'timeout', 'cancelled')),
    -- words: InteractionPriority
    CONSTRAINT valid_priority CHECK (priority IN ('low', 'normal', 'high', 'critical'))
);
CREATE INDEX idx_human_interactions_workflow ON public.human_interactions (workflow_id);
CREATE INDEX idx_human_interactions_status ON public.human_interactions (status);
CREATE INDEX idx_human_interactions_pending_timeout ON public.human_interactions (timeout_at) WHERE status = 'pending';
CREATE INDEX idx_human_interactions_correlation ON public.human_interactions (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX idx_human_interactions_execution_id ON public.human_interactions (execution_id);
CREATE INDEX idx_human_interactions_user_id ON public.human_interactions (user_id);
CREATE INDEX idx_human_interactions_open ON public.human_interactions (workflow_id) WHERE status IN ('pending', 'error');
-- Each open one is looked at in turn: its execution may have ended.
CREATE INDEX idx_human_interactions_pending ON public.human_interactions (id) WHERE status = 'pending';
-- For what ended last on a channel: an answer that names nothing may be late for it.
CREATE INDEX idx_human_interactions_ended ON public.human_interactions (workflow_id, channel_type, last_event_position DESC)
    WHERE status IN ('responded', 'timeout', 'cancelled');

COMMENT ON TABLE public.human_interactions IS 'What people are asked, and their answers: a fold of the interaction streams.';
COMMENT ON COLUMN public.human_interactions.error IS 'Why the request could not be made, the last time it failed.';

ALTER TABLE public.human_interactions ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.human_interactions FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.human_interactions FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.human_interactions FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.human_interactions TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.human_interactions TO runfold_projector;

CREATE TABLE public.hil_responses (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    source_channel varchar(50) NOT NULL,
    raw_payload jsonb NOT NULL,
    headers jsonb,
    status varchar(20) NOT NULL DEFAULT 'unprocessed',
    processed_at timestamptz,
    matched_interaction_id uuid,
    ai_relevance_score numeric(3, 2),
    ai_reasoning text,
    error text,
    received_at timestamptz NOT NULL,
    user_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT hil_responses_pkey PRIMARY KEY (id),
    -- A match is within one workflow, whose interactions and responses are deleted together: what this sets null is about to
    -- go itself, so the rows are the same without the key.
    CONSTRAINT hil_responses_matched_interaction_id_fkey FOREIGN KEY (matched_interaction_id)
        REFERENCES public.human_interactions (id) ON DELETE SET NULL,
    -- words: Channel
    CONSTRAINT valid_source_channel CHECK (source_channel IN ('slack', 'email', 'webhook', 'in_app')),
    -- words: response
    CONSTRAINT valid_processing_status CHECK (status IN ('unprocessed', 'error', 'filtered_out', 'matched')),
    CONSTRAINT relevance_is_zero_to_one CHECK (ai_relevance_score BETWEEN 0 AND 1)
);
CREATE INDEX idx_hil_responses_workflow ON public.hil_responses (workflow_id);
CREATE INDEX idx_hil_responses_status ON public.hil_responses (status);
CREATE INDEX idx_hil_responses_unprocessed ON public.hil_responses (received_at) WHERE status = 'unprocessed';
CREATE INDEX idx_hil_responses_matched ON public.hil_responses (matched_interaction_id) WHERE matched_interaction_id IS NOT NULL;
CREATE INDEX idx_hil_responses_user_id ON public.hil_responses (user_id);

COMMENT ON TABLE public.hil_responses IS 'What came in, and what it was found to answer: a fold of the response streams.';

ALTER TABLE public.hil_responses ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.hil_responses FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.hil_responses FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.hil_responses FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.hil_responses TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.hil_responses TO runfold_projector;

-- Which engine works on which execution. A row is written when an execution is taken and when it is let go, never by a
-- beat.
CREATE TABLE runfold.holds (
    execution_id text COLLATE "C" NOT NULL,
    engine_id uuid NOT NULL,
    epoch bigint NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT holds_pkey PRIMARY KEY (execution_id),
    CONSTRAINT holds_engine_fkey FOREIGN KEY (engine_id) REFERENCES runfold.engines (engine_id) ON DELETE CASCADE,
    CONSTRAINT epoch_is_not_negative CHECK (epoch >= 0)
);
CREATE INDEX holds_engine_idx ON runfold.holds (engine_id);

COMMENT ON TABLE runfold.holds IS 'Which engine works on which execution.';
COMMENT ON COLUMN runfold.holds.epoch IS 'How often the execution was taken over: the epoch of the last ExecutionTakenOver in its stream, 0 without one.';

GRANT SELECT ON runfold.holds TO runfold_projector, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.holds TO runfold_engine, runfold_operator;

CREATE TABLE public.knowledge_facts (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    subject varchar(500) NOT NULL,
    predicate varchar(255) NOT NULL,
    object jsonb NOT NULL,
    -- Its hash, because an index entry ends at 2,700 bytes.
    object_hash text NOT NULL GENERATED ALWAYS AS (md5(object::text)) STORED,
    confidence double precision NOT NULL DEFAULT 1.0,
    source varchar(255),
    domain varchar(100),
    fact_type varchar(100),
    metadata jsonb NOT NULL DEFAULT '{}',
    user_id uuid NOT NULL,

    valid_from timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    valid_to timestamptz,
    -- No foreign key: the fact that took its place may expire or be deleted, and this one stays superseded.
    superseded_by uuid,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    validated_at timestamptz,
    expires_at timestamptz,

    CONSTRAINT knowledge_facts_pkey PRIMARY KEY (id),
    CONSTRAINT fact_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT knowledge_facts_confidence_check CHECK (confidence BETWEEN 0.0 AND 1.0),
    CONSTRAINT fact_names_not_empty CHECK (length(subject) > 0 AND length(predicate) > 0),
    CONSTRAINT fact_ends_after_it_begins CHECK (valid_to >= valid_from),
    CONSTRAINT fact_metadata_is_an_object CHECK (jsonb_typeof(metadata) = 'object')
);
-- What was superseded is history, and may say the same more than once.
CREATE UNIQUE INDEX knowledge_facts_subject_predicate_object_user_id_key
    ON public.knowledge_facts (user_id, subject, predicate, object_hash) WHERE superseded_by IS NULL;
CREATE INDEX idx_knowledge_facts_history ON public.knowledge_facts (user_id, subject, predicate, valid_from DESC);
CREATE INDEX idx_knowledge_facts_domain ON public.knowledge_facts (user_id, domain) WHERE domain IS NOT NULL;
-- Row security keeps PostgreSQL from these, so runfold.search_facts reads them for a tenant.
CREATE INDEX idx_knowledge_facts_object ON public.knowledge_facts USING gin (object jsonb_path_ops);
CREATE INDEX idx_knowledge_facts_metadata ON public.knowledge_facts USING gin (metadata jsonb_path_ops);
CREATE INDEX idx_knowledge_facts_expires_at ON public.knowledge_facts (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE public.knowledge_facts IS 'What agents know: subject, predicate, object, and from when to when it holds.';
COMMENT ON COLUMN public.knowledge_facts.valid_from IS 'From when the fact holds in the world; created_at is when it was learnt.';
COMMENT ON COLUMN public.knowledge_facts.valid_to IS 'Until when it holds, exclusive; null: it holds still.';
COMMENT ON COLUMN public.knowledge_facts.superseded_by IS 'The fact that took its place; null: nothing did.';
COMMENT ON COLUMN public.knowledge_facts.validated_at IS 'When it was learnt again without a change.';
COMMENT ON COLUMN public.knowledge_facts.expires_at IS 'Not read from this time on, and deleted by the daily run; null: never.';

ALTER TABLE public.knowledge_facts ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.knowledge_facts FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.knowledge_facts FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.knowledge_facts FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.knowledge_facts TO runfold_engine;
GRANT ALL ON public.knowledge_facts TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.knowledge_facts TO authenticated;
GRANT INSERT (subject, predicate, object, confidence, source, domain, fact_type, metadata, user_id,
                created_at, updated_at, validated_at, valid_from, valid_to, superseded_by, expires_at)
    ON public.knowledge_facts TO authenticated;
GRANT UPDATE (subject, predicate, object, confidence, source, domain, fact_type, metadata, user_id,
                updated_at, validated_at, valid_from, valid_to, superseded_by, expires_at)
    ON public.knowledge_facts TO authenticated;

CREATE TABLE public.knowledge_rules (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    rule_name varchar(255) NOT NULL,
    description text,
    conditions jsonb NOT NULL,
    actions jsonb NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true,
    user_id uuid NOT NULL,

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT knowledge_rules_pkey PRIMARY KEY (id),
    CONSTRAINT knowledge_rules_rule_name_key UNIQUE (user_id, rule_name),
    CONSTRAINT rule_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    CONSTRAINT rule_name_not_empty CHECK (length(rule_name) > 0)
);
CREATE INDEX idx_knowledge_rules_active ON public.knowledge_rules (user_id, priority DESC, rule_name) WHERE active;

COMMENT ON TABLE public.knowledge_rules IS 'Rules that agents follow; runfold keeps them, and evaluates none.';
COMMENT ON COLUMN public.knowledge_rules.priority IS 'The greatest comes first.';

ALTER TABLE public.knowledge_rules ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.knowledge_rules FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.knowledge_rules FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.knowledge_rules FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.knowledge_rules TO runfold_engine;
GRANT ALL ON public.knowledge_rules TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.knowledge_rules TO authenticated;
GRANT INSERT (rule_name, description, conditions, actions, priority, active, user_id, created_at, updated_at)
    ON public.knowledge_rules TO authenticated;
GRANT UPDATE (rule_name, description, conditions, actions, priority, active, user_id, updated_at)
    ON public.knowledge_rules TO authenticated;

CREATE TABLE runfold.leader (
    singleton boolean PRIMARY KEY DEFAULT true,
    epoch bigint NOT NULL DEFAULT 0,
    beat bigint NOT NULL DEFAULT 0,
    worker text,
    backends jsonb NOT NULL DEFAULT '[]',
    led_since timestamptz,
    beat_at timestamptz,
    CONSTRAINT leader_is_one_row CHECK (singleton)
);
INSERT INTO runfold.leader DEFAULT VALUES;

COMMENT ON TABLE runfold.leader IS 'The worker that leads, by epoch; `beat` grows while it lives, so no clock is compared.';
COMMENT ON COLUMN runfold.leader.backends IS 'Its connections, [pid, backend_start], which a successor terminates.';

GRANT SELECT ON runfold.leader TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.leader TO runfold_projector, runfold_operator;

-- The streams that leave the log next, with what was true of them when they were chosen. The swap looks again.
CREATE UNLOGGED TABLE runfold.leaving_streams (
    stream_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT leaving_streams_pkey PRIMARY KEY (stream_id)
);

COMMENT ON TABLE runfold.leaving_streams IS 'The streams that leave the log in the archive''s next swap.';
COMMENT ON COLUMN runfold.leaving_streams.digest IS 'SHA-256 over the leaves of its events in their order: runfold.event_leaf.';

GRANT SELECT ON runfold.leaving_streams TO runfold_projector, runfold_operator;

CREATE TABLE runfold.log_identity (
    singleton boolean PRIMARY KEY DEFAULT true,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    adopted_at timestamptz,
    CONSTRAINT log_identity_is_one_row CHECK (singleton)
);
INSERT INTO runfold.log_identity DEFAULT VALUES;

COMMENT ON TABLE runfold.log_identity IS
    'Which log this is. It travels with dumps and replicas; a spool is sent to no other log than its own.';
COMMENT ON COLUMN runfold.log_identity.adopted_at IS
    'When `runfold db adopt --new-identity` made this copy a log of its own; NULL for the first one.';

GRANT SELECT ON runfold.log_identity
    TO runfold_engine, runfold_projector, runfold_projections, runfold_scheduler, runfold_agent, runfold_reader,
    runfold_gateway, service_role;
GRANT SELECT, UPDATE ON runfold.log_identity TO runfold_operator;

-- The tools that agents can call by the Model Context Protocol. Everybody reads it, operators write it.
CREATE TABLE public.mcp_tools (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    tool_name varchar(255) NOT NULL,
    tool_type varchar(100) NOT NULL,
    provider varchar(100) NOT NULL,
    version varchar(50) NOT NULL DEFAULT '1.0.0',
    description text,
    tool_schema jsonb NOT NULL,
    configuration_schema jsonb NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    is_system_tool boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT mcp_tools_pkey PRIMARY KEY (id),
    CONSTRAINT mcp_tools_tool_name_provider_version_key UNIQUE (tool_name, provider, version),
    CONSTRAINT tool_name_is_not_blank CHECK (length(trim(tool_name)) > 0)
);
CREATE INDEX idx_mcp_tools_name ON public.mcp_tools (tool_name);
CREATE INDEX idx_mcp_tools_type ON public.mcp_tools (tool_type);
CREATE INDEX idx_mcp_tools_active ON public.mcp_tools (tool_name) WHERE is_active;

COMMENT ON TABLE public.mcp_tools IS 'The tools of the Model Context Protocol by name, provider and version.';
COMMENT ON COLUMN public.mcp_tools.tool_schema IS
    'A JSON Schema of what the tool takes, or an object with inputSchema and outputSchema. It is checked when it is written.';
COMMENT ON COLUMN public.mcp_tools.configuration_schema IS 'A JSON Schema of what the tool is set up with, checked likewise.';

ALTER TABLE public.mcp_tools ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody reads" ON public.mcp_tools FOR SELECT TO authenticated USING (true);
CREATE POLICY "services see every row" ON public.mcp_tools FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
REVOKE ALL ON public.mcp_tools FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.mcp_tools TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.mcp_tools TO runfold_operator, service_role;

CREATE TABLE public.node_connections (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    workflow_id uuid NOT NULL,
    user_id uuid,
    source_node_id varchar(255) NOT NULL,
    target_node_id varchar(255) NOT NULL,

    connection_type varchar(50) NOT NULL DEFAULT 'MAIN',
    connection_index integer NOT NULL DEFAULT 0,
    label varchar(255),
    conditions jsonb NOT NULL DEFAULT '{}',

    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT node_connections_pkey PRIMARY KEY (id),
    CONSTRAINT node_connection_belongs_to_a_workflow
        FOREIGN KEY (workflow_id) REFERENCES public.workflows (id) ON DELETE CASCADE,
    CONSTRAINT node_connection_belongs_to_a_workflow_of_its_user FOREIGN KEY (user_id, workflow_id)
        REFERENCES public.workflows (user_id, id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- It serves the foreign keys of the workflow and of the source, too, by its first columns.
    CONSTRAINT node_connection_is_unique_in_its_workflow
        UNIQUE (workflow_id, source_node_id, target_node_id, connection_type, connection_index),
    CONSTRAINT node_connection_starts_at_a_node
        FOREIGN KEY (workflow_id, source_node_id) REFERENCES public.nodes (workflow_id, node_id) ON DELETE CASCADE,
    CONSTRAINT node_connection_ends_at_a_node
        FOREIGN KEY (workflow_id, target_node_id) REFERENCES public.nodes (workflow_id, node_id) ON DELETE CASCADE,
    CONSTRAINT valid_connection_type CHECK (
        connection_type IN ('MAIN', 'ERROR', 'SUCCESS', 'CONDITIONAL',
                           'AI_AGENT', 'AI_CHAIN', 'AI_DOCUMENT', 'AI_EMBEDDING',
                           'AI_LANGUAGE_MODEL', 'AI_MEMORY', 'AI_OUTPUT_PARSER',
                           'AI_RETRIEVER', 'AI_RERANKER', 'AI_TEXT_SPLITTER',
                           'AI_TOOL', 'AI_VECTOR_STORE',
                           'MEMORY_ATTACHMENT', 'CONTEXT_PROVIDER')
    ),
    CONSTRAINT source_target_different CHECK (source_node_id <> target_node_id)
);
CREATE INDEX idx_node_connections_user_id ON public.node_connections (user_id, workflow_id);
CREATE INDEX idx_node_connections_target ON public.node_connections (workflow_id, target_node_id);

COMMENT ON TABLE public.node_connections IS 'The data flow between the nodes of a workflow.';
COMMENT ON COLUMN public.node_connections.user_id IS 'The user of its workflow, set by a trigger; NULL: no tenant sees it.';

ALTER TABLE public.node_connections ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.node_connections FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.node_connections FOR ALL
    TO runfold_engine, runfold_operator, runfold_agent, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.node_connections FROM PUBLIC, anon, authenticated, service_role;
GRANT ALL ON public.node_connections TO runfold_operator, service_role;
-- By column, without the key: a key that is unique across tenants would tell which ids are taken.
GRANT SELECT, DELETE,
      INSERT (workflow_id, source_node_id, target_node_id, connection_type, connection_index, label, conditions),
      UPDATE (source_node_id, target_node_id, connection_type, connection_index, label, conditions)
    ON public.node_connections TO authenticated;
GRANT SELECT ON public.node_connections TO runfold_engine, runfold_agent, runfold_reader;

-- What became of activations, by kind of node and day: kept right by triggers of node_executions.
CREATE TABLE public.node_days (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    node_type varchar(100) NOT NULL,
    node_subtype varchar(100),
    day date NOT NULL,
    created bigint NOT NULL DEFAULT 0,
    succeeded bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    canceled bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    ended_succeeded bigint NOT NULL DEFAULT 0,
    ended_failed bigint NOT NULL DEFAULT 0,
    ended_canceled bigint NOT NULL DEFAULT 0,
    ended_skipped bigint NOT NULL DEFAULT 0,
    durations bigint[] NOT NULL,
    CONSTRAINT node_days_pkey PRIMARY KEY (id),
    CONSTRAINT node_days_key UNIQUE NULLS NOT DISTINCT (user_id, node_type, node_subtype, day),
    CONSTRAINT node_days_have_224_durations CHECK (cardinality(durations) = 224)
);
CREATE INDEX idx_node_days_day ON public.node_days (day);

COMMENT ON TABLE public.node_days IS
    'What became of activations, by kind of node and day (UTC). Never stale: the transaction that changes an activation''s row changes it.';
COMMENT ON COLUMN public.node_days.created IS 'How many activations were begun on the day.';
COMMENT ON COLUMN public.node_days.durations IS
    'How many activations that ended on the day took how long, by the 224 parts of runfold.duration_part.';

ALTER TABLE public.node_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.node_days FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.node_days FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
REVOKE ALL ON public.node_days FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.node_days
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- What kinds of nodes there are, and which parameters each takes. Everybody reads it, operators write it.
CREATE TABLE public.node_specifications (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    node_type varchar(50) NOT NULL,
    node_subtype varchar(100) NOT NULL,
    specification_version varchar(20) NOT NULL DEFAULT '1.0.0',
    specification_data jsonb NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    is_system_spec boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT node_specifications_pkey PRIMARY KEY (id),
    CONSTRAINT node_specifications_node_type_node_subtype_specification_ve_key
        UNIQUE (node_type, node_subtype, specification_version),
    CONSTRAINT valid_spec_node_type CHECK (
        node_type IN ('TRIGGER', 'AI_AGENT', 'EXTERNAL_ACTION', 'ACTION',
                      'FLOW', 'HUMAN_IN_THE_LOOP', 'TOOL', 'MEMORY')
    )
);
CREATE INDEX idx_node_specifications_type_subtype ON public.node_specifications (node_type, node_subtype);
CREATE INDEX idx_node_specifications_active ON public.node_specifications (node_type, node_subtype) WHERE is_active;

COMMENT ON TABLE public.node_specifications IS 'The kinds of nodes by type, subtype and version.';
COMMENT ON COLUMN public.node_specifications.specification_data IS
    'A JSON Schema of the node''s parameters. It is checked when it is written; keywords that JSON Schema does not know are kept.';

ALTER TABLE public.node_specifications ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody reads" ON public.node_specifications FOR SELECT TO authenticated USING (true);
CREATE POLICY "services see every row" ON public.node_specifications FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
REVOKE ALL ON public.node_specifications FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.node_specifications
    TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.node_specifications TO runfold_operator, service_role;

CREATE TABLE runfold.parked_streams (
    group_name text NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    sqlstate text NOT NULL,
    error text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT parked_streams_pkey PRIMARY KEY (group_name, stream_id)
);

COMMENT ON TABLE runfold.parked_streams IS
    'Streams with an event that cannot be folded: from that position on their events wait, everything else flows.';

GRANT SELECT ON runfold.parked_streams TO runfold_engine, runfold_projections, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.parked_streams TO runfold_projector, runfold_operator;

-- Who may append a reserved event: nobody but functions of the owner, which note its id here, append it, and forget the id, all in
-- one transaction. A setting or a parameter could be given by anybody.
CREATE TABLE runfold.permits (
    event_id uuid PRIMARY KEY
);

COMMENT ON TABLE runfold.permits IS 'The ids of the reserved events that a function of ours appends at this moment; empty for everybody else.';

-- The exact check of a call looks here, whoever asks for it.
GRANT SELECT ON runfold.permits TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.projections (
    name text PRIMARY KEY,
    group_name text NOT NULL,
    version integer NOT NULL,
    digest text NOT NULL,
    built_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE runfold.projections IS 'The version of the file each read table was built with.';

GRANT SELECT ON runfold.projections TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.projections TO runfold_projector, runfold_operator;

CREATE TABLE runfold.published_head (
    singleton boolean PRIMARY KEY DEFAULT true,
    position bigint NOT NULL,
    published_at timestamptz NOT NULL,
    CONSTRAINT published_head_is_one_row CHECK (singleton)
);
INSERT INTO runfold.published_head (position, published_at) VALUES (0, clock_timestamp());

COMMENT ON TABLE runfold.published_head IS
    'The safe head as the worker saw it last, for readers on a replica, which cannot see the primary''s locks.';

GRANT SELECT ON runfold.published_head TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.published_head TO runfold_projector, runfold_operator;

CREATE UNLOGGED TABLE runfold.rebuild_parked (
    group_name text NOT NULL,
    stream_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    sqlstate text NOT NULL,
    error text NOT NULL,
    found boolean NOT NULL DEFAULT false,
    CONSTRAINT rebuild_parked_pkey PRIMARY KEY (group_name, stream_id)
);

COMMENT ON TABLE runfold.rebuild_parked IS 'The streams that a rebuild leaves out from a position on.';
COMMENT ON COLUMN runfold.rebuild_parked.found IS 'The rebuild could not fold it; otherwise it was parked already.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.rebuild_parked TO runfold_projector, runfold_operator;
GRANT SELECT ON runfold.rebuild_parked TO runfold_projections;

CREATE UNLOGGED TABLE runfold.rebuild_slices (
    group_name text NOT NULL,
    slice integer NOT NULL,
    CONSTRAINT rebuild_slices_pkey PRIMARY KEY (group_name, slice)
);

COMMENT ON TABLE runfold.rebuild_slices IS 'The slices of a rebuild that are done: noted in the transaction that writes their rows.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.rebuild_slices TO runfold_projector, runfold_operator;

CREATE UNLOGGED TABLE runfold.rebuilds (
    group_name text PRIMARY KEY,
    digest text NOT NULL,
    position bigint NOT NULL,
    slices integer NOT NULL,
    tables text[] NOT NULL,
    events bigint NOT NULL,
    folded boolean NOT NULL DEFAULT false,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE runfold.rebuilds IS 'The rebuild of each group that was begun and has not landed: it resumes from here.';
COMMENT ON COLUMN runfold.rebuilds.digest IS 'What is built, and from which files: another one begins again.';
COMMENT ON COLUMN runfold.rebuilds.position IS 'The position that the shadows are folded up to, once all slices are done.';
COMMENT ON COLUMN runfold.rebuilds.tables IS 'The names of its shadows.';
COMMENT ON COLUMN runfold.rebuilds.folded IS 'Whether all slices are done and the shadows have their keys.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.rebuilds TO runfold_projector, runfold_operator;

CREATE TABLE runfold.refusals (
    name text COLLATE "C" PRIMARY KEY,
    sqlstate text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    hint text
);

COMMENT ON TABLE runfold.refusals IS 'What runfold.refuse raises, generated from runfold.errors. Faults of appends are in runfold.faults.';
COMMENT ON COLUMN runfold.refusals.message IS 'With {name} for the value of a fact.';

GRANT SELECT ON runfold.refusals TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- Where events of the archive come in before they are compared with what left, and put back into the log.
CREATE UNLOGGED TABLE runfold.restored_events (
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
    CONSTRAINT restored_events_pkey PRIMARY KEY (position)
);

COMMENT ON TABLE runfold.restored_events IS 'Events of the archive on their way back into the log: `runfold archive restore`.';

GRANT INSERT ON runfold.restored_events TO runfold_operator;

-- How long the rows of a table are kept. Of a read table the log keeps the events, so the cutoff is what keeps its rows
-- from coming back: no rebuild, verify, replay or retry looks below it, and it only grows.
-- Also how long the streams of a category stay in the log after their last event: then they are archived.
CREATE TABLE runfold.retention (
    table_name text COLLATE "C",
    column_name text COLLATE "C" NOT NULL,
    group_name text,
    keep interval,
    cutoff timestamptz,
    ran_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    blocked_since timestamptz,
    kind text COLLATE "C" NOT NULL DEFAULT 'table',
    category text COLLATE "C",
    subject text COLLATE "C" NOT NULL GENERATED ALWAYS AS (coalesce(table_name, category)) STORED,
    CONSTRAINT retention_pkey PRIMARY KEY (kind, subject),
    CONSTRAINT kind_is_known CHECK (kind IN ('table', 'archive')),
    CONSTRAINT tables_are_named CHECK ((kind = 'table') = (table_name IS NOT NULL)),
    CONSTRAINT archives_are_of_a_category CHECK ((kind = 'archive') = (category IS NOT NULL)),
    CONSTRAINT barriers_are_never_archived CHECK (category NOT IN ('deployment', 'definition', 'tenant')),
    CONSTRAINT keep_is_not_negative CHECK (keep >= interval '0'),
    CONSTRAINT read_tables_are_kept_a_day CHECK (group_name IS NULL OR keep >= interval '1 day'),
    CONSTRAINT cutoff_is_a_days_start CHECK ((cutoff AT TIME ZONE 'UTC')::time = '00:00'),
    CONSTRAINT only_read_tables_have_a_cutoff CHECK (group_name IS NOT NULL OR cutoff IS NULL)
);
INSERT INTO runfold.retention (table_name, column_name, group_name, keep)
VALUES ('public.workflow_execution_logs', 'created_at', 'log', '30 days'),
       ('public.external_api_call_logs', 'called_at', NULL, '30 days'),
       -- Those that a summary covers, see runfold.expired_messages; and at their expires_at in any case.
       ('public.conversation_buffers', 'timestamp', NULL, '30 days'),
       ('public.document_store', 'expires_at', NULL, '0'),
       ('public.episodic_memory', 'expires_at', NULL, '0'),
       ('public.knowledge_facts', 'expires_at', NULL, '0');

INSERT INTO runfold.retention (kind, category, column_name)
VALUES ('archive', 'execution', 'recorded_at'), ('archive', 'log', 'recorded_at'), ('archive', 'interaction', 'recorded_at'),
       ('archive', 'response', 'recorded_at');

COMMENT ON TABLE runfold.retention IS
    'How long the rows of a table are kept, and up to where they were removed; and how long streams stay in the log.';
COMMENT ON COLUMN runfold.retention.kind IS 'table: rows are removed; archive: streams leave the log for the archive.';
COMMENT ON COLUMN runfold.retention.category IS 'Of an archive policy: the category of the streams.';
COMMENT ON COLUMN runfold.retention.subject IS 'The table, or the category.';
COMMENT ON COLUMN runfold.retention.table_name IS 'With its schema. A table that does not exist is passed over.';
COMMENT ON COLUMN runfold.retention.column_name IS 'The time by which a row expires: of its creation, or of its end.';
COMMENT ON COLUMN runfold.retention.group_name IS 'The group of projections that folds the table; NULL: it is no read table.';
COMMENT ON COLUMN runfold.retention.keep IS 'How long after that time a row is kept, or a stream stays in the log; NULL: for ever.';
COMMENT ON COLUMN runfold.retention.cutoff IS
    'Rows of a read table before it have expired: they are removed or will be, and nothing brings them back. It only grows.';
COMMENT ON COLUMN runfold.retention.ran_at IS 'When the last daily run over the table ended; at first, when the table was entered.';
COMMENT ON COLUMN runfold.retention.blocked_since IS
    'Since when a partition that has expired could not be locked to be dropped; NULL: none waits.';

GRANT SELECT ON runfold.retention TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, service_role;
GRANT UPDATE (keep) ON runfold.retention TO runfold_operator;

-- Verifications of a sample have a table of their own, apart from those of a whole table.
CREATE TABLE runfold.sample_verifications (
    projection text PRIMARY KEY,
    position bigint NOT NULL,
    streams bigint NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    differences bigint NOT NULL
);

COMMENT ON TABLE runfold.sample_verifications IS 'The last verification of each projection that looked at some streams only.';

GRANT SELECT ON runfold.sample_verifications TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.sample_verifications TO runfold_projector, runfold_operator;

-- The chain of seals: each seals a range of the log, and the seals before it. What a seal is made of is in the functions
-- event_leaf, range_digest and seal_of; format 1 is theirs.
CREATE TABLE runfold.seals (
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    events bigint NOT NULL,
    range_digest bytea NOT NULL,
    seal bytea NOT NULL,
    format integer NOT NULL DEFAULT 1,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT seals_pkey PRIMARY KEY (first_position),
    CONSTRAINT seals_end_once UNIQUE (last_position),
    CONSTRAINT seals_begin_at_one CHECK (first_position >= 1),
    CONSTRAINT seals_count_what_fits CHECK (events BETWEEN 0 AND last_position - first_position + 1),
    CONSTRAINT digests_are_sha256 CHECK (octet_length(range_digest) = 32 AND octet_length(seal) = 32),
    CONSTRAINT the_format_is_known CHECK (format = 1)
);

COMMENT ON TABLE runfold.seals IS
    'The chain of seals over the log: what was settled cannot be changed without a difference. Ranges adjoin, from position 1 on.';
COMMENT ON COLUMN runfold.seals.last_position IS 'The last position of the range, holes included. The next range begins behind it.';
COMMENT ON COLUMN runfold.seals.events IS 'How many events the range held when it was sealed.';
COMMENT ON COLUMN runfold.seals.range_digest IS 'SHA-256 over the leaves of the range''s events in their order: runfold.range_digest.';
COMMENT ON COLUMN runfold.seals.seal IS 'SHA-256 over the seal before, the range and its digest: runfold.seal_of.';
COMMENT ON COLUMN runfold.seals.format IS 'Of leaf, digest and seal.';

GRANT SELECT ON runfold.seals TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

-- What tells which event of a range differs. A range is proved by its seal alone; without marks it is the range that is named.
CREATE TABLE runfold.seal_marks (
    first_position bigint NOT NULL,
    marks bytea NOT NULL,
    CONSTRAINT seal_marks_pkey PRIMARY KEY (first_position),
    CONSTRAINT marks_belong_to_a_seal FOREIGN KEY (first_position) REFERENCES runfold.seals (first_position),
    CONSTRAINT marks_have_twelve_bytes CHECK (octet_length(marks) % 12 = 0)
);
-- Parts of hashes do not become smaller.
ALTER TABLE runfold.seal_marks ALTER COLUMN marks SET STORAGE EXTERNAL;

COMMENT ON TABLE runfold.seal_marks IS
    'Twelve bytes of each event of a sealed range, by which the event that differs is named. They prove nothing and may be deleted.';
COMMENT ON COLUMN runfold.seal_marks.marks IS
    'Of each event in order: 4 bytes of its place in the range, from 0; the first 4 of its leaf; the last 4 of its id.';

GRANT SELECT ON runfold.seal_marks TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.settings (
    name text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL,
    CONSTRAINT limit_leaves_room CHECK (value >= CASE name WHEN 'max_event_bytes' THEN 65536 ELSE 16384 END)
);
INSERT INTO runfold.settings (name, value) VALUES ('max_event_bytes', 1048576), ('max_metadata_bytes', 65536);

COMMENT ON TABLE runfold.settings IS 'Limits of appends. Operators change them by UPDATE; engines only read them.';

GRANT SELECT ON runfold.settings TO runfold_engine, runfold_projector, runfold_reader, service_role;
GRANT SELECT, UPDATE ON runfold.settings TO runfold_operator;

CREATE TABLE runfold.snapshots (
    category text COLLATE "C" NOT NULL,
    originator_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    call_id uuid NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (category, originator_id, version)
);

COMMENT ON TABLE runfold.snapshots IS
    'Aggregates as they stood at a version, to shorten their reading. May be deleted at any time: the log is the truth.';
COMMENT ON COLUMN runfold.snapshots.call_id IS 'The call that recorded it: the same call sent again is not a conflict.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.snapshots TO runfold_engine, runfold_operator, service_role;

-- workflows is edited by users and keeps a copy of workflow_status. No edit may stop the projection, so no fold writes the copy:
-- what changed, or is not yet committed, is noted here, and copied after the fold. A note waits for nobody: it has a key of its own.
CREATE TABLE runfold.stale_workflows (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id uuid NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    try_at timestamptz NOT NULL DEFAULT '-infinity',
    tries integer NOT NULL DEFAULT 0,
    sqlstate text,
    error text
);

COMMENT ON TABLE runfold.stale_workflows IS 'Workflows whose copy of workflow_status is to be made again.';
COMMENT ON COLUMN runfold.stale_workflows.try_at IS 'Before this time the copy is not tried again.';
COMMENT ON COLUMN runfold.stale_workflows.error IS 'Why the copy could not be made: a constraint or trigger of workflows; NULL: nothing failed.';

-- Verify leaves out the copies that are noted here.
GRANT SELECT ON runfold.stale_workflows TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE ON runfold.stale_workflows TO runfold_projector, runfold_operator;

-- What operators watch. Each view says with `alarms` what is above the threshold of the alert rules.
CREATE VIEW runfold_stats.connection_use WITH (security_invoker = true) AS
    SELECT d.used, d.most, round(d.used::numeric / d.most, 3) AS share, d.used > 0.8 * d.most AS alarms
      -- Of pg_stat_activity only members of pg_read_all_stats see all.
      FROM (SELECT sum(b.numbackends) AS used, current_setting('max_connections')::integer AS most
              FROM pg_catalog.pg_stat_database b) AS d;

CREATE VIEW runfold_stats.connections_by_application WITH (security_invoker = true) AS
    SELECT a.usename::text AS role, a.application_name, count(*) AS connections
      FROM pg_catalog.pg_stat_activity a
     WHERE a.datname = current_database()
     GROUP BY a.usename, a.application_name;

CREATE VIEW runfold_stats.index_hits WITH (security_invoker = true) AS
    SELECT format('%I.%I', s.schemaname, s.relname) AS table_name, s.heap_blks_hit + s.heap_blks_read AS table_blocks,
           round(s.heap_blks_hit::numeric / nullif(s.heap_blks_hit + s.heap_blks_read, 0), 4) AS table_hit_ratio,
           coalesce(s.idx_blks_hit, 0) + coalesce(s.idx_blks_read, 0) AS index_blocks,
           round(s.idx_blks_hit::numeric / nullif(s.idx_blks_hit + s.idx_blks_read, 0), 4) AS index_hit_ratio
      FROM pg_catalog.pg_statio_user_tables s
     WHERE s.schemaname IN ('public', 'runfold', 'runfold_partitions', 'projections');

CREATE VIEW runfold_stats.unused_indexes WITH (security_invoker = true) AS
    SELECT format('%I.%I', s.schemaname, s.relname) AS table_name, format('%I.%I', s.schemaname, s.indexrelname) AS index_name,
           pg_relation_size(s.indexrelid) AS bytes, d.stats_reset AS counted_since
      FROM pg_catalog.pg_stat_user_indexes s
      JOIN pg_catalog.pg_index i ON i.indexrelid = s.indexrelid
      JOIN pg_catalog.pg_stat_database d ON d.datname = current_database()
     WHERE s.idx_scan = 0 AND NOT i.indisunique AND s.schemaname IN ('public', 'runfold', 'projections');

CREATE VIEW runfold_stats.dead_rows WITH (security_invoker = true) AS
    SELECT format('%I.%I', s.schemaname, s.relname) AS table_name, s.n_live_tup AS live, s.n_dead_tup AS dead,
           round(s.n_dead_tup::numeric / nullif(s.n_live_tup + s.n_dead_tup, 0), 3) AS dead_share,
           greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed_at, greatest(s.last_analyze, s.last_autoanalyze) AS analyzed_at,
           s.n_dead_tup > greatest(s.n_live_tup, 100000) AS alarms
      FROM pg_catalog.pg_stat_user_tables s
     WHERE s.schemaname IN ('public', 'runfold', 'runfold_partitions', 'projections');

CREATE VIEW runfold_stats.replication_lag WITH (security_invoker = true) AS
    SELECT r.application_name, r.state, r.sync_state, r.replay_lag,
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                           r.replay_lsn) AS bytes,
           coalesce(r.replay_lag > interval '10 s', false) AS alarms
      FROM pg_catalog.pg_stat_replication r;

CREATE VIEW runfold_stats.fold_lag WITH (security_invoker = true) AS
    SELECT c.group_name, c.position AS checkpoint, h.position AS published_head, greatest(h.position - c.position, 0) AS lag,
           c.stopped_error, c.stopped_error IS NOT NULL AS alarms
      FROM runfold.checkpoints c
     CROSS JOIN runfold.published_head h;

CREATE VIEW runfold_stats.retention_lag WITH (security_invoker = true) AS
    SELECT r.table_name, r.keep, r.cutoff, r.ran_at, clock_timestamp() - r.ran_at AS since, r.blocked_since,
           clock_timestamp() - r.ran_at > interval '2 days' OR clock_timestamp() - r.blocked_since > interval '1 day' AS alarms
      FROM runfold.retention r
     WHERE r.kind = 'table' AND r.keep IS NOT NULL AND to_regclass(r.table_name) IS NOT NULL;

COMMENT ON VIEW runfold_stats.connection_use IS 'How many of the server''s connections are used; it alarms above 80 percent.';
COMMENT ON VIEW runfold_stats.connections_by_application IS 'Who uses the server''s connections.';
COMMENT ON VIEW runfold_stats.index_hits IS 'How much of each table and its indexes is found in memory.';
COMMENT ON VIEW runfold_stats.unused_indexes IS 'Indexes that no query has used since the statistics were reset.';
COMMENT ON VIEW runfold_stats.dead_rows IS 'How many rows of each table are dead, and when it was last vacuumed and analyzed.';
COMMENT ON VIEW runfold_stats.replication_lag IS 'How far each standby is behind; it alarms above 10 seconds.';
COMMENT ON VIEW runfold_stats.fold_lag IS 'How far each group of projections is behind the published head; it alarms when one has stopped.';

COMMENT ON VIEW runfold_stats.retention_lag IS
    'When rows that have expired were last removed from each table; it alarms after two days, or after a day in which a partition could not be locked.';

GRANT SELECT ON runfold_stats.connection_use, runfold_stats.connections_by_application, runfold_stats.index_hits,
                runfold_stats.unused_indexes, runfold_stats.dead_rows, runfold_stats.replication_lag, runfold_stats.fold_lag,
                runfold_stats.retention_lag
   TO runfold_operator;

CREATE TABLE runfold.streams (
    stream_id text COLLATE "C" PRIMARY KEY,
    user_id uuid,
    version bigint NOT NULL,
    first_position bigint,
    last_position bigint,
    archived_at timestamptz,
    archived_version bigint,
    archived_digest bytea,
    CONSTRAINT archived_streams_have_a_version CHECK ((archived_at IS NULL) = (archived_version IS NULL)),
    CONSTRAINT archived_streams_have_a_digest CHECK ((archived_at IS NULL) = (archived_digest IS NULL))
) WITH (fillfactor = 70);

-- A tenant's streams. It never changes, so that an append's update of the row stays HOT.
CREATE INDEX idx_streams_user_id ON runfold.streams (user_id) WHERE user_id IS NOT NULL;

COMMENT ON TABLE runfold.streams IS 'One row a stream; its row lock is the optimistic concurrency check.';
COMMENT ON COLUMN runfold.streams.archived_at IS 'When its events left the log for the archive; NULL: they are in the log.';
COMMENT ON COLUMN runfold.streams.archived_version IS 'The version up to which they left; what was appended since then is in the log.';
COMMENT ON COLUMN runfold.streams.archived_digest IS
    'SHA-256 over the leaves of the events that left: nothing else is ever restored in their place.';

ALTER TABLE runfold.streams ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON runfold.streams FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON runfold.streams FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT SELECT ON runfold.streams
    TO authenticated, runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.subscriptions (
    name text COLLATE "C" NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    event_id uuid,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    filters jsonb NOT NULL DEFAULT '{}',
    server text NOT NULL,
    restored_position bigint,
    failed_code text,
    failed_error text,
    failed_since timestamptz,
    failed_tries integer NOT NULL DEFAULT 0,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (name),
    CONSTRAINT subscriptions_name_is_short CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT subscriptions_position_is_a_position CHECK (position >= 0),
    CONSTRAINT subscriptions_event_has_a_position CHECK (event_id IS NULL OR position > 0),
    CONSTRAINT subscriptions_filters_are_an_object CHECK (jsonb_typeof(filters) = 'object'),
    CONSTRAINT subscriptions_tries_are_counted CHECK (failed_tries >= 0),
    CONSTRAINT subscriptions_failure_is_whole CHECK ((failed_error IS NULL) = (failed_since IS NULL))
);

COMMENT ON TABLE runfold.subscriptions IS 'The bookmarks of the subscriptions that have a name: how far each consumer is.';
COMMENT ON COLUMN runfold.subscriptions.position IS 'The last event of any type that the consumer is done with, or looked past; 0: none.';
COMMENT ON COLUMN runfold.subscriptions.event_id IS 'The id of that event: a log that has another one there is another log.';
COMMENT ON COLUMN runfold.subscriptions.filters IS 'What the consumer asked for when it began last: types, streams, category.';
COMMENT ON COLUMN runfold.subscriptions.server IS 'The server on which the consumer began last: runfold.server_identity().';
COMMENT ON COLUMN runfold.subscriptions.restored_position IS
    'Where the bookmark was when the consumer began on another server, as after a restore; NULL: it did not. What it had done further on is not known here.';
COMMENT ON COLUMN runfold.subscriptions.failed_error IS 'What the handler fails with, again and again; NULL: it is not failing.';

GRANT SELECT ON runfold.subscriptions TO runfold_projector, runfold_reader;
GRANT SELECT, INSERT, UPDATE ON runfold.subscriptions TO runfold_engine, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.subscriptions TO runfold_operator;

-- Segments whose remainder is built, or has taken the segment's place: what a run that was interrupted has to end.
CREATE TABLE runfold.swaps (
    from_position bigint NOT NULL,
    to_position bigint NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'built',
    left_events bigint NOT NULL,
    left_streams bigint NOT NULL,
    forgotten bigint NOT NULL,
    CONSTRAINT swaps_pkey PRIMARY KEY (from_position),
    CONSTRAINT swaps_end_after_their_start CHECK (to_position >= from_position),
    CONSTRAINT swaps_state_is_known CHECK (state IN ('built', 'swapped')),
    CONSTRAINT swaps_streams_have_events CHECK (left_streams BETWEEN 0 AND left_events)
);

COMMENT ON TABLE runfold.swaps IS 'Segments of the log that are being replaced by what remains of them.';
COMMENT ON COLUMN runfold.swaps.state IS
    'built: runfold_partitions.remains_… waits to be swapped in; swapped: runfold_partitions.left_… waits to be dropped.';
COMMENT ON COLUMN runfold.swaps.left_events IS 'The events that the remainder does not hold.';
COMMENT ON COLUMN runfold.swaps.forgotten IS 'Up to there the ids of what left are deleted from event_ids.';

GRANT SELECT ON runfold.swaps TO runfold_projector, runfold_operator;

CREATE TABLE runfold.table_size_samples (
    day date NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    row_estimate bigint NOT NULL,
    CONSTRAINT table_size_samples_pkey PRIMARY KEY (day, table_name)
);

COMMENT ON TABLE runfold.table_size_samples IS
    'The size of each table once a day, for 400 days, from which runfold_stats.table_sizes computes its growth.';

GRANT SELECT ON runfold.table_size_samples TO runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.tenant_keys (
    key_id uuid NOT NULL,
    -- No foreign key: the record of a destroyed key outlives its user.
    user_id uuid NOT NULL,
    wrapped bytea,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    destroyed_at timestamptz,
    value_count bigint NOT NULL DEFAULT 0,

    CONSTRAINT tenant_keys_pkey PRIMARY KEY (key_id),
    CONSTRAINT key_is_destroyed_or_there CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
    CONSTRAINT key_retires_after_its_creation CHECK (retired_at >= created_at),
    CONSTRAINT values_are_counted CHECK (value_count >= 0)
);
CREATE INDEX idx_tenant_keys_user_id ON runfold.tenant_keys (user_id, created_at);

COMMENT ON TABLE runfold.tenant_keys IS
    'Keys of tenants, wrapped by a master key that is not in the database. Used where RUNFOLD_KEY_HOME is `database`.';
COMMENT ON COLUMN runfold.tenant_keys.wrapped IS 'The key, encrypted by a master key; NULL: it was destroyed.';
COMMENT ON COLUMN runfold.tenant_keys.retired_at IS 'When a newer key of the tenant took over; this one still opens values.';
COMMENT ON COLUMN runfold.tenant_keys.value_count IS 'How many values processes have reserved under this key.';

GRANT SELECT, INSERT ON runfold.tenant_keys TO runfold_engine, runfold_operator, service_role;
GRANT UPDATE (retired_at, value_count) ON runfold.tenant_keys TO runfold_engine;
GRANT UPDATE ON runfold.tenant_keys TO runfold_operator, service_role;

CREATE TABLE runfold.tracking (
    tracker text COLLATE "C" NOT NULL,
    application_name text COLLATE "C" NOT NULL,
    notification_id bigint NOT NULL,
    call_id uuid NOT NULL,
    CONSTRAINT tracking_pkey PRIMARY KEY (tracker, application_name)
) WITH (fillfactor = 50);

COMMENT ON TABLE runfold.tracking IS 'How far a tracker (a projection or a process) has followed the notifications of an application.';
COMMENT ON COLUMN runfold.tracking.call_id IS 'The call that recorded it: the same call sent again is not a conflict.';

GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.tracking TO runfold_engine, runfold_operator, service_role;

CREATE TABLE public.trigger_index (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    node_id varchar(255),
    trigger_type varchar(50) NOT NULL DEFAULT 'TRIGGER',
    trigger_subtype varchar(100) NOT NULL,
    trigger_config jsonb NOT NULL DEFAULT '{}',
    index_key varchar(255) NOT NULL,
    deployment_status varchar(50) NOT NULL DEFAULT 'pending',
    is_active boolean NOT NULL DEFAULT false,
    user_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT trigger_index_pkey PRIMARY KEY (id),
    CONSTRAINT valid_trigger_type CHECK (trigger_type IN ('TRIGGER')),
    -- words: TriggerSubtype
    CONSTRAINT valid_trigger_subtype CHECK (
        trigger_subtype IN ('CRON', 'MANUAL', 'WEBHOOK', 'EMAIL', 'GITHUB', 'SLACK')),
    -- words: trigger
    CONSTRAINT valid_deployment_status CHECK (deployment_status IN ('pending', 'active', 'inactive', 'failed')),
    CONSTRAINT active_is_a_status CHECK (is_active = (deployment_status = 'active'))
);
CREATE INDEX idx_trigger_index_type ON public.trigger_index (trigger_subtype);
CREATE INDEX idx_trigger_index_key ON public.trigger_index (trigger_subtype, index_key);
CREATE INDEX idx_trigger_index_lookup ON public.trigger_index (trigger_subtype, index_key, deployment_status);
CREATE INDEX idx_trigger_index_workflow_id ON public.trigger_index (workflow_id);
CREATE INDEX idx_trigger_index_user_id ON public.trigger_index (user_id);

COMMENT ON TABLE public.trigger_index IS 'The triggers of workflows, for matching what comes in: a fold of the deployment streams.';
COMMENT ON COLUMN public.trigger_index.name IS 'The producer''s name of the trigger, unique in its workflow.';
COMMENT ON COLUMN public.trigger_index.index_key IS
    'What is matched: a cron expression, webhook path, workspace, address or repository.';

ALTER TABLE public.trigger_index ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.trigger_index FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.trigger_index FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, runfold_scheduler, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.trigger_index FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.trigger_index TO authenticated, runfold_engine, runfold_operator, runfold_reader, runfold_scheduler, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.trigger_index TO runfold_projector;

CREATE TABLE runfold.upcasters (
    type text COLLATE "C" NOT NULL,
    from_version integer NOT NULL,
    function_name text NOT NULL,
    CONSTRAINT upcasters_pkey PRIMARY KEY (type, from_version),
    CONSTRAINT from_version_is_positive CHECK (from_version > 0)
);

COMMENT ON TABLE runfold.upcasters IS 'The functions (jsonb to jsonb) that runfold.upcast is made of, one a step.';

GRANT SELECT ON runfold.upcasters TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.user_groups (
    group_name text PRIMARY KEY,
    role_name text NOT NULL,
    batch xid8,
    settled boolean NOT NULL DEFAULT true
);

COMMENT ON TABLE runfold.user_groups IS 'The groups of users'' projections, and the login that folds each. No group of runfold''s is here.';
COMMENT ON COLUMN runfold.user_groups.batch IS 'The transaction that folds, or folded last.';
COMMENT ON COLUMN runfold.user_groups.settled IS 'Whether that transaction has moved the checkpoint or ended the batch: without it, it cannot commit.';

GRANT SELECT, INSERT, UPDATE ON runfold.user_groups TO runfold_projector, runfold_operator;

-- What was found wrong, wherever it was: events that the vocabulary does not allow at their place, and streams that wait.
CREATE VIEW public.validation_logs WITH (security_invoker = true) AS
    SELECT 'anomaly' AS kind, a.stream_id AS subject, a.user_id, a.code, e.recorded_at AS found_at, a.position,
           a.projection AS found_by, a.detail
      FROM runfold.anomalies a
      LEFT JOIN runfold.events e ON e.position = a.position
    UNION ALL
    SELECT 'parked_stream', p.stream_id, s.user_id, p.sqlstate, p.parked_at, p.position, p.group_name,
           jsonb_build_object('error', p.error)
      FROM runfold.parked_streams p
      LEFT JOIN runfold.streams s ON s.stream_id = p.stream_id;

COMMENT ON VIEW public.validation_logs IS
    'What was found wrong: anomalies, parked streams and credentials that are not valid. For operators.';

REVOKE ALL ON public.validation_logs FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.validation_logs TO runfold_operator, runfold_reader, service_role;

CREATE TABLE runfold.verifications (
    projection text PRIMARY KEY,
    position bigint NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    differences bigint NOT NULL
);

COMMENT ON TABLE runfold.verifications IS 'The last verification of each projection.';

GRANT SELECT ON runfold.verifications TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.verifications TO runfold_projector, runfold_operator;

CREATE TABLE runfold.verify_differences (
    group_name text NOT NULL,
    projection text NOT NULL,
    derived boolean NOT NULL DEFAULT false,
    key jsonb NOT NULL,
    kind text NOT NULL,
    columns jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT verify_differences_pkey PRIMARY KEY (group_name, projection, derived, key)
);

COMMENT ON TABLE runfold.verify_differences IS 'The rows that differ, as the slices of the last verification in slices found them.';
COMMENT ON COLUMN runfold.verify_differences.derived IS 'Of a copy or a count of the table''s rows, in another table.';

GRANT SELECT ON runfold.verify_differences TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.verify_differences TO runfold_projector, runfold_operator;

CREATE TABLE runfold.verify_slices (
    group_name text NOT NULL,
    part text NOT NULL,
    slice integer NOT NULL,
    digest text NOT NULL,
    upto text NOT NULL,
    position bigint NOT NULL,
    events bigint NOT NULL,
    rows bigint NOT NULL,
    seconds double precision NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT verify_slices_pkey PRIMARY KEY (group_name, part, slice)
);

COMMENT ON TABLE runfold.verify_slices IS
    'The slices of each group''s last verification in slices: a verification that was interrupted goes on after them.';
COMMENT ON COLUMN runfold.verify_slices.part IS 'A category of streams, or the rows of a table: what is cut into slices.';
COMMENT ON COLUMN runfold.verify_slices.digest IS 'What is verified, and by which files: another one begins again.';
COMMENT ON COLUMN runfold.verify_slices.upto IS 'Its last stream, or its last value of the column that names the stream.';
COMMENT ON COLUMN runfold.verify_slices.position IS 'The checkpoint in the slice''s snapshot: the rows were compared as of there.';

GRANT SELECT ON runfold.verify_slices TO runfold_engine, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON runfold.verify_slices TO runfold_projector, runfold_operator;

CREATE TABLE public.workflow_deployment_history (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    deployment_id uuid NOT NULL,
    deployment_action varchar(50) NOT NULL,
    from_status varchar(50) NOT NULL,
    to_status varchar(50) NOT NULL,
    deployment_version integer NOT NULL,
    deployment_config jsonb NOT NULL DEFAULT '{}',
    triggered_by uuid,
    started_at timestamptz NOT NULL,
    completed_at timestamptz,
    error_message text,
    deployment_logs jsonb NOT NULL DEFAULT '[]',
    user_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT workflow_deployment_history_pkey PRIMARY KEY (id),
    CONSTRAINT valid_deployment_action CHECK (
        deployment_action IN ('DEPLOY', 'UNDEPLOY', 'UPDATE', 'ROLLBACK', 'DEPLOY_STARTED', 'DEPLOY_COMPLETED', 'DEPLOY_FAILED',
                              'UNDEPLOY_STARTED', 'UNDEPLOY_COMPLETED', 'UNDEPLOY_FAILED')),
    -- words: deployment
    CONSTRAINT valid_from_status CHECK (
        from_status IN ('IDLE', 'UNDEPLOYED', 'DEPLOYMENT_FAILED', 'DEPLOYING', 'DEPLOYED', 'UNDEPLOYING')),
    -- words: deployment
    CONSTRAINT valid_to_status CHECK (
        to_status IN ('IDLE', 'UNDEPLOYED', 'DEPLOYMENT_FAILED', 'DEPLOYING', 'DEPLOYED', 'UNDEPLOYING'))
);
CREATE INDEX idx_deployment_history_workflow_id ON public.workflow_deployment_history (workflow_id, started_at DESC);
CREATE INDEX idx_deployment_history_action ON public.workflow_deployment_history (deployment_action);
CREATE INDEX idx_deployment_history_started_at ON public.workflow_deployment_history (started_at DESC);
CREATE INDEX idx_deployment_history_user_id ON public.workflow_deployment_history (user_id);
-- For who looks for deployments that never end.
CREATE INDEX idx_deployment_history_under_way ON public.workflow_deployment_history (started_at) WHERE completed_at IS NULL;

COMMENT ON TABLE public.workflow_deployment_history IS
    'Deployments of workflows, a row each: a fold of the deployment streams. Outlives its workflow: it is an audit trail.';
COMMENT ON COLUMN public.workflow_deployment_history.deployment_logs IS 'An array of {level, message, at}.';

ALTER TABLE public.workflow_deployment_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.workflow_deployment_history FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflow_deployment_history FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, runfold_scheduler, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.workflow_deployment_history FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.workflow_deployment_history TO authenticated, runfold_engine, runfold_operator, runfold_reader, runfold_scheduler, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_deployment_history TO runfold_projector;

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

REVOKE ALL ON public.workflow_execution_logs FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.workflow_execution_logs TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_execution_logs TO runfold_projector;

CREATE TABLE public.workflow_execution_pauses (
    id uuid NOT NULL,
    execution_id uuid NOT NULL,
    user_id uuid,
    name varchar(255) NOT NULL,
    paused_at timestamptz NOT NULL,
    paused_node_id varchar(255) NOT NULL,
    activation varchar(255),
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
    -- words: PauseReason
    CONSTRAINT valid_pause_reason CHECK (pause_reason IN ('human_interaction', 'timeout', 'error', 'manual', 'timer')),
    -- words: pause
    CONSTRAINT valid_pause_status CHECK (status IN ('active', 'resumed', 'timeout', 'cancelled'))
);
CREATE INDEX idx_workflow_execution_pauses_execution ON public.workflow_execution_pauses (execution_id);
CREATE INDEX idx_workflow_execution_pauses_active ON public.workflow_execution_pauses (status, timeout_at)
    WHERE status = 'active';
CREATE INDEX idx_workflow_execution_pauses_node ON public.workflow_execution_pauses (paused_node_id);
CREATE INDEX idx_workflow_execution_pauses_user_id ON public.workflow_execution_pauses (user_id);

COMMENT ON TABLE public.workflow_execution_pauses IS 'Pauses of executions: a fold of the execution streams.';
COMMENT ON COLUMN public.workflow_execution_pauses.activation IS 'The activation that waits, where the pause is not of the whole node.';

ALTER TABLE public.workflow_execution_pauses ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.workflow_execution_pauses FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflow_execution_pauses FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.workflow_execution_pauses FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.workflow_execution_pauses TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_execution_pauses TO runfold_projector;

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
    'What the log says about each workflow: its latest execution and deployment. The same columns of workflows are copies, made after each fold.';
COMMENT ON COLUMN public.workflow_status.deployment_position IS 'Position of the last event of a deployment.';

ALTER TABLE public.workflow_status ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.workflow_status FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.workflow_status FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

REVOKE ALL ON public.workflow_status FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.workflow_status TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.workflow_status TO runfold_projector;

-- The triggers of workflows: those that are deployed, and the nodes that are to become some.
CREATE VIEW public.workflow_triggers WITH (security_invoker = true) AS
    SELECT coalesce(t.workflow_id, n.workflow_id) AS workflow_id, coalesce(t.user_id, n.user_id) AS user_id,
           coalesce(t.node_id, n.node_id) AS node_id, t.name, n.name AS node_name,
           coalesce(t.trigger_subtype, n.node_subtype) AS trigger_subtype, t.index_key,
           coalesce(t.trigger_config, n.parameters) AS trigger_config, t.deployment_status,
           coalesce(t.is_active, false) AS is_active, t.id IS NOT NULL AS is_deployed, n.id IS NOT NULL AS is_defined
      FROM public.trigger_index t
      FULL JOIN (SELECT n.id, n.workflow_id, n.user_id, n.node_id, n.node_subtype, n.name, n.parameters
                   FROM public.nodes n
                  WHERE n.node_type = 'TRIGGER') AS n
        ON n.workflow_id = t.workflow_id AND n.node_id = t.node_id;

COMMENT ON VIEW public.workflow_triggers IS
    'The triggers of each workflow: as they are deployed, and the nodes of type TRIGGER that its definition has.';
COMMENT ON COLUMN public.workflow_triggers.is_deployed IS 'Whether the deployment has registered it; only then can it be active.';
COMMENT ON COLUMN public.workflow_triggers.is_defined IS 'Whether the definition has a node for it still.';

REVOKE ALL ON public.workflow_triggers FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.workflow_triggers
    TO authenticated, runfold_engine, runfold_operator, runfold_scheduler, runfold_agent, runfold_reader, service_role;

INSERT INTO runfold.claim_rules (type, kind, effect, key_field, finer_key_field, name_field, refusal, function_name) VALUES
    ('PauseOpened', 'pause', 'takes', 'paused_node_id', 'activation', 'pause', 'node_paused', NULL),
    ('PauseResumed', 'pause', 'releases', NULL, NULL, 'pause', NULL, NULL),
    ('PauseTimedOut', 'pause', 'releases', NULL, NULL, 'pause', NULL, NULL),
    ('PauseCanceled', 'pause', 'releases', NULL, NULL, 'pause', NULL, NULL),
    ('ExecutionSucceeded', 'pause', 'releases', NULL, NULL, NULL, NULL, NULL),
    ('ExecutionFailed', 'pause', 'releases', NULL, NULL, NULL, NULL, NULL),
    ('ExecutionCanceled', 'pause', 'releases', NULL, NULL, NULL, NULL, NULL),
    ('ExecutionTimedOut', 'pause', 'releases', NULL, NULL, NULL, NULL, NULL),
    ('ExecutionDeclaredLost', 'pause', 'releases', NULL, NULL, NULL, NULL, NULL),
    ('TriggerRegistered', 'webhook', 'follows', NULL, NULL, NULL, NULL, 'runfold.webhooks_after'),
    ('TriggerActivated', 'webhook', 'follows', NULL, NULL, NULL, NULL, 'runfold.webhooks_after'),
    ('TriggerDeactivated', 'webhook', 'follows', NULL, NULL, NULL, NULL, 'runfold.webhooks_after'),
    ('TriggerFailed', 'webhook', 'follows', NULL, NULL, NULL, NULL, 'runfold.webhooks_after'),
    ('TriggerRemoved', 'webhook', 'follows', NULL, NULL, NULL, NULL, 'runfold.webhooks_after'),
    ('WorkflowDeleted', 'webhook', 'follows', NULL, NULL, NULL, NULL, 'runfold.webhooks_after');

INSERT INTO runfold.event_fields (type, ordinal, field, required, kind, minimum, maximum, allowed) VALUES
    ('ExecutionCreated', 1, 'execution_id', true, 'name', 1, 255, NULL),
    ('ExecutionCreated', 2, 'workflow_id', true, 'uuid', NULL, NULL, NULL),
    ('ExecutionCreated', 3, 'mode', true, 'enum', NULL, NULL, '{MANUAL,TRIGGER,WEBHOOK,RETRY}'),
    ('ExecutionCreated', 4, 'workflow_version', false, 'text', NULL, 50, NULL),
    ('ExecutionCreated', 5, 'deployment_version', false, 'integer', 0, 2147483647, NULL),
    ('ExecutionCreated', 6, 'trigger_subtype', false, 'text', NULL, 100, NULL),
    ('ExecutionCreated', 7, 'trigger_data', false, 'object', NULL, NULL, NULL),
    ('ExecutionCreated', 8, 'triggered_by', false, 'text', NULL, 255, NULL),
    ('ExecutionCreated', 9, 'parent_execution_id', false, 'name', 1, 255, NULL),
    ('ExecutionCreated', 10, 'retry_of', false, 'name', 1, 255, NULL),
    ('ExecutionCreated', 11, 'metadata', false, 'object', NULL, NULL, NULL),
    ('ExecutionStarted', 1, 'start_time', true, 'integer', 0, 253402214399999, NULL),
    ('ExecutionPaused', 1, 'by', false, 'text', NULL, NULL, NULL),
    ('ExecutionPaused', 2, 'reason', false, 'text', NULL, NULL, NULL),
    ('ExecutionResumed', 1, 'by', false, 'text', NULL, NULL, NULL),
    ('ExecutionResumed', 2, 'reason', false, 'text', NULL, NULL, NULL),
    ('ExecutionSucceeded', 1, 'end_time', true, 'integer', 0, 253402214399999, NULL),
    ('ExecutionSucceeded', 2, 'run_data', false, 'json', NULL, NULL, NULL),
    ('ExecutionFailed', 1, 'end_time', true, 'integer', 0, 253402214399999, NULL),
    ('ExecutionFailed', 2, 'error_message', true, 'text', NULL, NULL, NULL),
    ('ExecutionFailed', 3, 'error_details', false, 'json', NULL, NULL, NULL),
    ('ExecutionFailed', 4, 'node_id', false, 'name', 1, 255, NULL),
    ('ExecutionCanceled', 1, 'end_time', true, 'integer', 0, 253402214399999, NULL),
    ('ExecutionCanceled', 2, 'by', false, 'text', NULL, NULL, NULL),
    ('ExecutionCanceled', 3, 'reason', false, 'text', NULL, NULL, NULL),
    ('ExecutionTimedOut', 1, 'end_time', true, 'integer', 0, 253402214399999, NULL),
    ('ExecutionDeclaredLost', 1, 'end_time', true, 'integer', 0, 253402214399999, NULL),
    ('ExecutionDeclaredLost', 2, 'detector', true, 'text', NULL, NULL, NULL),
    ('ExecutionDeclaredLost', 3, 'last_seen', true, 'timestamp', NULL, NULL, NULL),
    ('ExecutionMetadataSet', 1, 'metadata', true, 'object', NULL, NULL, NULL),
    ('ExecutionTakenOver', 1, 'engine', true, 'name', 1, 255, NULL),
    ('ExecutionTakenOver', 2, 'epoch', true, 'integer', 1, 2147483647, NULL),
    ('ExecutionTakenOver', 3, 'from_engine', false, 'name', 1, 255, NULL),
    ('ExecutionSignaled', 1, 'signal', true, 'name', 1, 255, NULL),
    ('ExecutionSignaled', 2, 'data', false, 'json', NULL, NULL, NULL),
    ('ExecutionSignaled', 3, 'by', false, 'text', NULL, NULL, NULL),
    ('SignalTaken', 1, 'signal', true, 'name', 1, 255, NULL),
    ('SignalTaken', 2, 'version', true, 'integer', 1, 2147483647, NULL),
    ('SignalTaken', 3, 'key', false, 'name', 1, 255, NULL),
    ('ModelCalled', 1, 'activation', false, 'name', 1, 255, NULL),
    ('ModelCalled', 2, 'provider', true, 'name', 1, 50, NULL),
    ('ModelCalled', 3, 'model_id', true, 'name', 1, 100, NULL),
    ('ModelCalled', 4, 'version', false, 'name', 1, 50, NULL),
    ('ModelCalled', 5, 'input_tokens', true, 'integer', 0, 2147483647, NULL),
    ('ModelCalled', 6, 'cached_tokens', true, 'integer', 0, 2147483647, NULL),
    ('ModelCalled', 7, 'output_tokens', true, 'integer', 0, 2147483647, NULL),
    ('ModelCalled', 8, 'latency_ms', false, 'integer', 0, 2147483647, NULL),
    ('NodeScheduled', 1, 'activation', true, 'name', 1, 255, NULL),
    ('NodeScheduled', 2, 'node_id', true, 'name', 1, 255, NULL),
    ('NodeScheduled', 3, 'node_type', true, 'text', NULL, 100, NULL),
    ('NodeScheduled', 4, 'node_name', false, 'text', NULL, 255, NULL),
    ('NodeScheduled', 5, 'node_subtype', false, 'text', NULL, 100, NULL),
    ('NodeScheduled', 6, 'max_retries', false, 'integer', 0, 2147483647, NULL),
    ('NodeScheduled', 7, 'iteration', false, 'integer', 0, 2147483647, NULL),
    ('NodeScheduled', 8, 'parent_activation', false, 'name', 1, 255, NULL),
    ('NodeStarted', 1, 'activation', true, 'name', 1, 255, NULL),
    ('NodeStarted', 2, 'node_id', true, 'name', 1, 255, NULL),
    ('NodeStarted', 3, 'node_type', true, 'text', NULL, 100, NULL),
    ('NodeStarted', 4, 'node_name', false, 'text', NULL, 255, NULL),
    ('NodeStarted', 5, 'node_subtype', false, 'text', NULL, 100, NULL),
    ('NodeStarted', 6, 'max_retries', false, 'integer', 0, 2147483647, NULL),
    ('NodeStarted', 7, 'iteration', false, 'integer', 0, 2147483647, NULL),
    ('NodeStarted', 8, 'parent_activation', false, 'name', 1, 255, NULL),
    ('NodeStarted', 9, 'attempt', true, 'integer', 1, 2147483647, NULL),
    ('NodeStarted', 10, 'start_time', true, 'integer', 0, 253402214399999, NULL),
    ('NodeStarted', 11, 'input_data', false, 'json', NULL, NULL, NULL),
    ('NodeAttemptFailed', 1, 'activation', true, 'name', 1, 255, NULL),
    ('NodeAttemptFailed', 2, 'node_id', true, 'name', 1, 255, NULL),
    ('NodeAttemptFailed', 3, 'attempt', true, 'integer', 1, 2147483647, NULL),
    ('NodeAttemptFailed', 4, 'error_data', true, 'json', NULL, NULL, NULL),
    ('NodeAttemptFailed', 5, 'will_retry', true, 'boolean', NULL, NULL, NULL),
    ('NodeAttemptFailed', 6, 'next_retry_at', false, 'timestamp', NULL, NULL, NULL),
    ('NodeWaiting', 1, 'activation', true, 'name', 1, 255, NULL),
    ('NodeWaiting', 2, 'node_id', true, 'name', 1, 255, NULL),
    ('NodeWaiting', 3, 'attempt', false, 'integer', 1, 2147483647, NULL),
    ('NodeWaiting', 4, 'pause', false, 'name', 1, 255, NULL),
    ('NodeContinued', 1, 'activation', true, 'name', 1, 255, NULL),
    ('NodeContinued', 2, 'node_id', true, 'name', 1, 255, NULL),
    ('NodeContinued', 3, 'attempt', false, 'integer', 1, 2147483647, NULL),
    ('NodeContinued', 4, 'pause', false, 'name', 1, 255, NULL),
    ('NodeSucceeded', 1, 'activation', true, 'name', 1, 255, NULL),
    ('NodeSucceeded', 2, 'node_id', true, 'name', 1, 255, NULL),
    ('NodeSucceeded', 3, 'node_type', false, 'text', NULL, 100, NULL),
    ('NodeSucceeded', 4, 'attempt', false, 'integer', 1, 2147483647, NULL),
    ('NodeSucceeded', 5, 'end_time', true, 'integer', 0, 253402214399999, NULL),
    ('NodeSucceeded', 6, 'output_data', false, 'json', NULL, NULL, NULL),
    ('NodeFailed', 1, 'activation', true, 'name', 1, 255, NULL),
    ('NodeFailed', 2, 'node_id', true, 'name', 1, 255, NULL),
    ('NodeFailed', 3, 'attempt', false, 'integer', 1, 2147483647, NULL),
    ('NodeFailed', 4, 'end_time', true, 'integer', 0, 253402214399999, NULL),
    ('NodeFailed', 5, 'error_data', true, 'json', NULL, NULL, NULL),
    ('NodeSkipped', 1, 'activation', true, 'name', 1, 255, NULL),
    ('NodeSkipped', 2, 'node_id', true, 'name', 1, 255, NULL),
    ('NodeSkipped', 3, 'node_type', false, 'text', NULL, 100, NULL),
    ('NodeSkipped', 4, 'end_time', true, 'integer', 0, 253402214399999, NULL),
    ('NodeSkipped', 5, 'reason', false, 'text', NULL, NULL, NULL),
    ('NodeCanceled', 1, 'activation', true, 'name', 1, 255, NULL),
    ('NodeCanceled', 2, 'node_id', true, 'name', 1, 255, NULL),
    ('NodeCanceled', 3, 'node_type', false, 'text', NULL, 100, NULL),
    ('NodeCanceled', 4, 'end_time', true, 'integer', 0, 253402214399999, NULL),
    ('NodeCanceled', 5, 'reason', false, 'text', NULL, NULL, NULL),
    ('PauseOpened', 1, 'pause', true, 'name', 1, 255, NULL),
    ('PauseOpened', 2, 'paused_node_id', true, 'name', 1, 255, NULL),
    ('PauseOpened', 3, 'activation', false, 'name', 1, 255, NULL),
    ('PauseOpened', 4, 'pause_reason', true, 'enum', NULL, NULL, '{human_interaction,timeout,error,manual,timer}'),
    ('PauseOpened', 5, 'paused_at', true, 'timestamp', NULL, NULL, NULL),
    ('PauseOpened', 6, 'resume_conditions', true, 'object', NULL, NULL, NULL),
    ('PauseOpened', 7, 'interaction_id', false, 'uuid', NULL, NULL, NULL),
    ('PauseOpened', 8, 'timeout_at', false, 'timestamp', NULL, NULL, NULL),
    ('PauseResumed', 1, 'pause', true, 'name', 1, 255, NULL),
    ('PauseResumed', 2, 'resumed_at', true, 'timestamp', NULL, NULL, NULL),
    ('PauseResumed', 3, 'resume_trigger', true, 'text', NULL, 100, NULL),
    ('PauseResumed', 4, 'data', false, 'json', NULL, NULL, NULL),
    ('PauseTimedOut', 1, 'pause', true, 'name', 1, 255, NULL),
    ('PauseTimedOut', 2, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('PauseTimedOut', 3, 'action', true, 'text', NULL, NULL, NULL),
    ('PauseCanceled', 1, 'pause', true, 'name', 1, 255, NULL),
    ('PauseCanceled', 2, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('LogAppended', 1, 'level', true, 'enum', NULL, NULL, '{DEBUG,INFO,WARNING,ERROR}'),
    ('LogAppended', 2, 'event_type', true, 'enum', NULL, NULL, '{workflow_started,workflow_completed,workflow_progress,step_started,step_input,step_output,step_completed,step_error,separator}'),
    ('LogAppended', 3, 'message', true, 'text', NULL, NULL, NULL),
    ('LogAppended', 4, 'log_category', false, 'enum', NULL, NULL, '{TECHNICAL,BUSINESS}'),
    ('LogAppended', 5, 'data', false, 'object', NULL, NULL, NULL),
    ('LogAppended', 6, 'node_id', false, 'name', 1, 255, NULL),
    ('LogAppended', 7, 'node_name', false, 'text', NULL, 255, NULL),
    ('LogAppended', 8, 'node_type', false, 'text', NULL, 100, NULL),
    ('LogAppended', 9, 'step_number', false, 'integer', 0, 2147483647, NULL),
    ('LogAppended', 10, 'total_steps', false, 'integer', 0, 2147483647, NULL),
    ('LogAppended', 11, 'progress_percentage', false, 'number', 0, 100, NULL),
    ('LogAppended', 12, 'duration_seconds', false, 'integer', 0, 2147483647, NULL),
    ('LogAppended', 13, 'user_friendly_message', false, 'text', NULL, NULL, NULL),
    ('LogAppended', 14, 'display_priority', false, 'integer', 1, 10, NULL),
    ('LogAppended', 15, 'is_milestone', false, 'boolean', NULL, NULL, NULL),
    ('LogAppended', 16, 'technical_details', false, 'object', NULL, NULL, NULL),
    ('LogAppended', 17, 'stack_trace', false, 'text', NULL, NULL, NULL),
    ('LogAppended', 18, 'performance_metrics', false, 'object', NULL, NULL, NULL),
    ('InteractionRequested', 1, 'workflow_id', true, 'uuid', NULL, NULL, NULL),
    ('InteractionRequested', 2, 'execution_id', true, 'name', 1, 255, NULL),
    ('InteractionRequested', 3, 'node_id', true, 'name', 1, 255, NULL),
    ('InteractionRequested', 4, 'interaction_type', true, 'enum', NULL, NULL, '{approval,input,selection,review}'),
    ('InteractionRequested', 5, 'channel_type', true, 'enum', NULL, NULL, '{slack,email,webhook,in_app}'),
    ('InteractionRequested', 6, 'priority', true, 'enum', NULL, NULL, '{low,normal,high,critical}'),
    ('InteractionRequested', 7, 'request_data', true, 'object', NULL, NULL, NULL),
    ('InteractionRequested', 8, 'timeout_at', false, 'timestamp', NULL, NULL, NULL),
    ('InteractionRequested', 9, 'correlation_id', false, 'text', NULL, 255, NULL),
    ('InteractionRequested', 10, 'tags', false, 'strings', NULL, NULL, NULL),
    ('InteractionRequested', 11, 'pause', false, 'name', 1, 255, NULL),
    ('InteractionNotified', 1, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('InteractionReminderSent', 1, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('InteractionResponded', 1, 'response_id', false, 'uuid', NULL, NULL, NULL),
    ('InteractionResponded', 2, 'response_data', true, 'json', NULL, NULL, NULL),
    ('InteractionResponded', 3, 'responded_at', true, 'timestamp', NULL, NULL, NULL),
    ('InteractionResponded', 4, 'responder', false, 'text', NULL, NULL, NULL),
    ('InteractionTimedOut', 1, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('InteractionTimedOut', 2, 'action', true, 'text', NULL, NULL, NULL),
    ('InteractionFailed', 1, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('InteractionFailed', 2, 'error', true, 'text', NULL, NULL, NULL),
    ('InteractionReopened', 1, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('InteractionReopened', 2, 'by', true, 'text', NULL, NULL, NULL),
    ('InteractionCanceled', 1, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('InteractionCanceled', 2, 'by', false, 'text', NULL, NULL, NULL),
    ('InteractionCanceled', 3, 'reason', false, 'text', NULL, NULL, NULL),
    ('ResponseReceived', 1, 'workflow_id', true, 'uuid', NULL, NULL, NULL),
    ('ResponseReceived', 2, 'source_channel', true, 'enum', NULL, NULL, '{slack,email,webhook,in_app}'),
    ('ResponseReceived', 3, 'raw_payload', true, 'json', NULL, NULL, NULL),
    ('ResponseReceived', 4, 'headers', false, 'object', NULL, NULL, NULL),
    ('ResponseReceived', 5, 'received_at', true, 'timestamp', NULL, NULL, NULL),
    ('ResponseMatched', 1, 'interaction_id', true, 'uuid', NULL, NULL, NULL),
    ('ResponseMatched', 2, 'ai_relevance_score', true, 'number', 0, 1, NULL),
    ('ResponseMatched', 3, 'ai_reasoning', true, 'text', NULL, NULL, NULL),
    ('ResponseMatched', 4, 'processed_at', true, 'timestamp', NULL, NULL, NULL),
    ('ResponseMatched', 5, 'classifier', false, 'text', NULL, NULL, NULL),
    ('ResponseFilteredOut', 1, 'ai_relevance_score', true, 'number', 0, 1, NULL),
    ('ResponseFilteredOut', 2, 'ai_reasoning', true, 'text', NULL, NULL, NULL),
    ('ResponseFilteredOut', 3, 'processed_at', true, 'timestamp', NULL, NULL, NULL),
    ('ResponseErrored', 1, 'error', true, 'text', NULL, NULL, NULL),
    ('ResponseErrored', 2, 'processed_at', true, 'timestamp', NULL, NULL, NULL),
    ('ResponseReopened', 1, 'by', true, 'text', NULL, NULL, NULL),
    ('ResponseReopened', 2, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('DeploymentStarted', 1, 'deployment_id', true, 'uuid', NULL, NULL, NULL),
    ('DeploymentStarted', 2, 'deployment_action', true, 'enum', NULL, NULL, '{DEPLOY,UPDATE,ROLLBACK,UNDEPLOY}'),
    ('DeploymentStarted', 3, 'from_status', true, 'enum', NULL, NULL, '{IDLE,DEPLOYING,DEPLOYED,DEPLOYMENT_FAILED,UNDEPLOYING,UNDEPLOYED}'),
    ('DeploymentStarted', 4, 'to_status', true, 'enum', NULL, NULL, '{IDLE,DEPLOYING,DEPLOYED,DEPLOYMENT_FAILED,UNDEPLOYING,UNDEPLOYED}'),
    ('DeploymentStarted', 5, 'deployment_version', true, 'integer', 0, 2147483647, NULL),
    ('DeploymentStarted', 6, 'deployment_config', true, 'object', NULL, NULL, NULL),
    ('DeploymentStarted', 7, 'definition', false, 'object', NULL, NULL, NULL),
    ('DeploymentStarted', 8, 'definition_digest', false, 'text', NULL, 100, NULL),
    ('DeploymentStarted', 9, 'triggered_by', false, 'uuid', NULL, NULL, NULL),
    ('DeploymentStarted', 10, 'started_at', true, 'timestamp', NULL, NULL, NULL),
    ('DeploymentLogAppended', 1, 'deployment_id', true, 'uuid', NULL, NULL, NULL),
    ('DeploymentLogAppended', 2, 'level', true, 'enum', NULL, NULL, '{DEBUG,INFO,WARNING,ERROR}'),
    ('DeploymentLogAppended', 3, 'message', true, 'text', NULL, NULL, NULL),
    ('DeploymentLogAppended', 4, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('DeploymentCompleted', 1, 'deployment_id', true, 'uuid', NULL, NULL, NULL),
    ('DeploymentCompleted', 2, 'deployment_action', true, 'enum', NULL, NULL, '{DEPLOY,UPDATE,ROLLBACK,UNDEPLOY}'),
    ('DeploymentCompleted', 3, 'to_status', true, 'enum', NULL, NULL, '{IDLE,DEPLOYING,DEPLOYED,DEPLOYMENT_FAILED,UNDEPLOYING,UNDEPLOYED}'),
    ('DeploymentCompleted', 4, 'deployment_version', true, 'integer', 0, 2147483647, NULL),
    ('DeploymentCompleted', 5, 'deployment_config', true, 'object', NULL, NULL, NULL),
    ('DeploymentCompleted', 6, 'triggered_by', false, 'uuid', NULL, NULL, NULL),
    ('DeploymentCompleted', 7, 'completed_at', true, 'timestamp', NULL, NULL, NULL),
    ('DeploymentFailed', 1, 'deployment_id', true, 'uuid', NULL, NULL, NULL),
    ('DeploymentFailed', 2, 'deployment_action', true, 'enum', NULL, NULL, '{DEPLOY,UPDATE,ROLLBACK,UNDEPLOY}'),
    ('DeploymentFailed', 3, 'to_status', true, 'enum', NULL, NULL, '{IDLE,DEPLOYING,DEPLOYED,DEPLOYMENT_FAILED,UNDEPLOYING,UNDEPLOYED}'),
    ('DeploymentFailed', 4, 'deployment_version', true, 'integer', 0, 2147483647, NULL),
    ('DeploymentFailed', 5, 'deployment_config', true, 'object', NULL, NULL, NULL),
    ('DeploymentFailed', 6, 'triggered_by', false, 'uuid', NULL, NULL, NULL),
    ('DeploymentFailed', 7, 'completed_at', true, 'timestamp', NULL, NULL, NULL),
    ('DeploymentFailed', 8, 'error_message', true, 'text', NULL, NULL, NULL),
    ('TriggerRegistered', 1, 'trigger', true, 'name', 1, 255, NULL),
    ('TriggerRegistered', 2, 'node_id', false, 'name', 1, 255, NULL),
    ('TriggerRegistered', 3, 'trigger_subtype', true, 'enum', NULL, NULL, '{CRON,MANUAL,WEBHOOK,EMAIL,GITHUB,SLACK}'),
    ('TriggerRegistered', 4, 'trigger_config', true, 'object', NULL, NULL, NULL),
    ('TriggerRegistered', 5, 'index_key', true, 'text', NULL, 255, NULL),
    ('TriggerActivated', 1, 'trigger', true, 'name', 1, 255, NULL),
    ('TriggerDeactivated', 1, 'trigger', true, 'name', 1, 255, NULL),
    ('TriggerFailed', 1, 'trigger', true, 'name', 1, 255, NULL),
    ('TriggerRemoved', 1, 'trigger', true, 'name', 1, 255, NULL),
    ('WorkflowDeleted', 1, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('WorkflowDeleted', 2, 'by', false, 'text', NULL, NULL, NULL),
    ('DefinitionSaved', 1, 'workflow_id', true, 'uuid', NULL, NULL, NULL),
    ('DefinitionSaved', 2, 'digest', true, 'text', NULL, 100, NULL),
    ('DefinitionSaved', 3, 'nodes', true, 'integer', 0, 2147483647, NULL),
    ('DefinitionSaved', 4, 'connections', true, 'integer', 0, 2147483647, NULL),
    ('DefinitionSaved', 5, 'by', false, 'text', NULL, 255, NULL),
    ('TenantErased', 1, 'at', true, 'timestamp', NULL, NULL, NULL),
    ('TenantErased', 2, 'by', false, 'text', NULL, NULL, NULL);

INSERT INTO runfold.event_types (category, type, schema_version, closed, reserved) VALUES
    ('execution', 'ExecutionCreated', 1, true, false),
    ('execution', 'ExecutionStarted', 1, true, false),
    ('execution', 'ExecutionPaused', 1, true, false),
    ('execution', 'ExecutionResumed', 1, true, false),
    ('execution', 'ExecutionSucceeded', 1, true, false),
    ('execution', 'ExecutionFailed', 1, true, false),
    ('execution', 'ExecutionCanceled', 1, true, false),
    ('execution', 'ExecutionTimedOut', 1, true, false),
    ('execution', 'ExecutionDeclaredLost', 1, true, false),
    ('execution', 'ExecutionMetadataSet', 1, true, false),
    ('execution', 'ExecutionTakenOver', 1, true, false),
    ('execution', 'ExecutionSignaled', 1, true, false),
    ('execution', 'SignalTaken', 1, true, false),
    ('execution', 'ModelCalled', 1, true, false),
    ('execution', 'NodeScheduled', 1, true, false),
    ('execution', 'NodeStarted', 1, true, false),
    ('execution', 'NodeAttemptFailed', 1, true, false),
    ('execution', 'NodeWaiting', 1, true, false),
    ('execution', 'NodeContinued', 1, true, false),
    ('execution', 'NodeSucceeded', 1, true, false),
    ('execution', 'NodeFailed', 1, true, false),
    ('execution', 'NodeSkipped', 1, true, false),
    ('execution', 'NodeCanceled', 1, true, false),
    ('execution', 'PauseOpened', 1, true, false),
    ('execution', 'PauseResumed', 1, true, false),
    ('execution', 'PauseTimedOut', 1, true, false),
    ('execution', 'PauseCanceled', 1, true, false),
    ('log', 'LogAppended', 1, true, false),
    ('interaction', 'InteractionRequested', 1, true, false),
    ('interaction', 'InteractionNotified', 1, true, false),
    ('interaction', 'InteractionReminderSent', 1, true, false),
    ('interaction', 'InteractionResponded', 1, true, false),
    ('interaction', 'InteractionTimedOut', 1, true, false),
    ('interaction', 'InteractionFailed', 1, true, false),
    ('interaction', 'InteractionReopened', 1, true, false),
    ('interaction', 'InteractionCanceled', 1, true, false),
    ('response', 'ResponseReceived', 1, true, false),
    ('response', 'ResponseMatched', 1, true, false),
    ('response', 'ResponseFilteredOut', 1, true, false),
    ('response', 'ResponseErrored', 1, true, false),
    ('response', 'ResponseReopened', 1, true, false),
    ('deployment', 'DeploymentStarted', 1, true, false),
    ('deployment', 'DeploymentLogAppended', 1, true, false),
    ('deployment', 'DeploymentCompleted', 1, true, false),
    ('deployment', 'DeploymentFailed', 1, true, false),
    ('deployment', 'TriggerRegistered', 1, true, false),
    ('deployment', 'TriggerActivated', 1, true, false),
    ('deployment', 'TriggerDeactivated', 1, true, false),
    ('deployment', 'TriggerFailed', 1, true, false),
    ('deployment', 'TriggerRemoved', 1, true, false),
    ('deployment', 'WorkflowDeleted', 1, true, true),
    ('definition', 'DefinitionSaved', 1, true, true),
    ('tenant', 'TenantErased', 1, true, true);

INSERT INTO runfold.faults (code, message, hint) VALUES
    ('invalid_json', '{at} is not valid JSON: {found}', 'Send one JSON array of appends.'),
    ('nul_character', '{at} contains the character U+0000', 'PostgreSQL cannot store it: remove or encode it.'),
    ('lone_surrogate', '{at} contains half of a surrogate pair', 'Send whole characters only.'),
    ('not_finite', '{at} is {found}, which JSON has no number for', 'Send null or a string instead.'),
    ('integer_too_large', '{at} is an integer beyond 64 bits', 'Send it as a string.'),
    ('number_too_large', '{at} does not fit a double: {found}', 'Send it as a string.'),
    ('too_deep', '{at} is nested deeper than {limit} levels', 'Flatten it, or keep it elsewhere and refer to it.'),
    ('duplicate_key', '{at} occurs twice in its object', 'Only one of the two would be kept: send one.'),
    ('not_json', '{at} is a {found}, which is not a JSON type', 'Convert it before it becomes an event.'),
    ('key_not_string', '{at} has a key that is a {found}', 'Keys of JSON objects are strings.'),
    ('empty_call', 'The call has no appends', 'Send at least one append.'),
    ('too_many_appends', 'The call has {found} appends, more than {limit}', 'Send several calls.'),
    ('too_many_events', 'The call has more than {limit} events', 'Send several calls.'),
    ('call_too_large', '{at} is larger than {limit} bytes, as text or as jsonb', 'Send fewer or smaller events in one call.'),
    ('empty_append', '{at} is empty', 'Send at least one event for each stream.'),
    ('duplicate_stream', '{at} names a stream a second time: {found}', 'Send all events of a stream as one append.'),
    ('duplicate_event_id', '{at} repeats an event id of this call: {found}', 'Give every event its own id.'),
    ('event_too_large', '{at} has {found} bytes, more than {limit}', 'Keep large values elsewhere and refer to them, or raise max_event_bytes in runfold.settings.'),
    ('metadata_too_large', '{at} has {found} bytes, more than {limit}', 'Keep large values in data, or raise max_metadata_bytes in runfold.settings.'),
    ('invalid_stream_id', '{at} is not a stream id: {found}', 'A stream id is <category>-<name>; a category is [a-z][a-z0-9_]*.'),
    ('unknown_category', '{at} is of a category that is not registered: {found}', 'Register it with register_event_types.'),
    ('unknown_type', '{at} is not an event type of its category: {found}', 'Register it, or correct the name.'),
    ('reserved_type', '{at} is a type of our own vocabulary: {found}', 'Choose another name for yours.'),
    ('reserved_category', '{at} is an event that only runfold''s own functions append: {found}', 'Edit or delete the workflow, or erase the tenant: that appends it.'),
    ('schema_version_newer', '{at} is {found}, newer than the {limit} that this database knows', 'Migrate the database first.'),
    ('stream_mismatch', '{at} is not what the stream is named after: {found}', 'Expected {limit}.'),
    ('payload_not_allowed', '{at} is opaque bytes, which this event type does not take', 'Send data, or register the type as opaque.'),
    ('data_and_payload', '{at} has both data and payload', 'Send one of the two.'),
    ('closed_category', '{at} is of our own vocabulary, which is closed: {found}', 'Use a category of your own.'),
    ('not_of_a_deployment', '{at} is not what a scheduler may append: {found}', 'A scheduler appends events of deployment streams; a login of runfold_engine appends others.'),
    ('not_a_pair', '{at} has {found} elements, expected {limit}', 'A claim is a pair of kind and key.'),
    ('not_base64', '{at} is not base64', 'Encode the payload with the standard alphabet and padding.'),
    ('duplicate_node', '{at} repeats a node''s id: {found}', 'A node''s id is unique in its workflow.'),
    ('unknown_node', '{at} names a node that the definition does not have: {found}', 'Add the node, or correct the id.'),
    ('self_connection', '{at} is the node where the connection starts: {found}', 'A connection joins two nodes.'),
    ('duplicate_connection', '{at} repeats a connection: {found}', 'Two connections of one type between two nodes differ in connection_index.'),
    ('not_an_agent', '{at} is of a node of type {found}', 'Only a node of type {limit} has attached nodes.'),
    ('not_attachable', '{at} names a node of type {found}', 'Attach nodes of type {limit}.'),
    ('unknown_user', '{at} is not a user that auth.users has: {found}', 'Sign it up first, or correct the id.'),
    ('unknown_session', '{at} is not a session of the workflow''s user: {found}', 'Give one of its sessions, or none.'),
    ('required', '{at} is missing', 'It is required and not null.'),
    ('unknown_field', '{at} is not a field here', 'Remove it; fields of the caller''s own belong in metadata.'),
    ('wrong_type', '{at} is of type {found}, expected {limit}', 'Send the expected JSON type.'),
    ('not_an_integer', '{at} is not an integer: {found}', 'Send it without fraction.'),
    ('out_of_range', '{at} is out of range: {found}', 'Expected a value in {limit}.'),
    ('too_long', '{at} is {found} long, more than {limit}', 'Shorten it: its column has no room for more.'),
    ('too_short', '{at} is {found} long, less than {limit}', 'Give more.'),
    ('not_matching', '{at} does not match its pattern: {found}', 'Expected: {limit}.'),
    ('reserved_form', '{at} has the form of an encrypted value', 'A text may not begin with encrypted:, nor an object have the key $encrypted: write it in another way.'),
    ('blank', '{at} is blank', 'Give it at least one visible character.'),
    ('control_character', '{at} contains the control character {found}', 'Names hold printable characters.'),
    ('not_allowed', '{at} is not an allowed value: {found}', 'Allowed: {limit}.'),
    ('not_a_uuid', '{at} is not a UUID: {found}', 'Send 8-4-4-4-12 hexadecimal digits.'),
    ('not_a_timestamp', '{at} is not a timestamp with zone: {found}', 'Send RFC 3339 with a zone, microseconds at most, years 0001 to 9999: 2026-01-31T12:00:00Z.');

INSERT INTO runfold.refusals (name, sqlstate, code, message, hint) VALUES
    ('seals_broken', 'RF076', 'seals_broken', 'the seal of the positions {first_position} to {last_position} does not follow from the one before, and nothing was sealed', 'run `runfold log verify`, and compare the seals with an export by `runfold log seal check`'),
    ('version_conflict', 'RF002', 'version_conflict', '{stream_id} is at version {version}, expected {expected_version}', 'reload and retry'),
    ('definition_invalid', 'RF040', 'definition_invalid', 'the definition is not valid; faults: {count}, the first: {first}', 'correct what `faults` lists'),
    ('definition_changed', 'RF002', 'version_conflict', 'the definition is at version {version}, expected {expected_version}', 'reload it, and make your change again'),
    ('workflow_unavailable', 'RF041', 'workflow_unavailable', 'this tenant cannot use the workflow {workflow_id}', 'choose another id, or give none'),
    ('snapshot_exists', 'RF002', 'snapshot_exists', 'there is a snapshot of that version already', 'use it, or delete it first'),
    ('stream_unavailable', 'RF003', 'stream_unavailable', 'this tenant cannot use the stream {stream_id}', 'choose another stream id, because each stream has one tenant'),
    ('command_id_conflict', 'RF004', 'command_id_conflict', 'command {command_id} was recorded with another body', 'use a new command_id for another command'),
    ('repeats_not_allowed', 'RF001', 'repeats_not_allowed', 'repeats cannot be ''skip'' in a call with {what}', 'leave out repeats, and append these events in a call of their own'),
    ('event_ids_mixed', 'RF004', 'event_ids_mixed', 'some event ids of this call are already stored, others are new', 'repeat a call exactly as it was, and give new events new ids'),
    ('event_id_conflict', 'RF004', 'event_id_conflict', 'event {found} is already stored with another body, place or stream', 'repeat a call exactly as it was, and give new events new ids'),
    ('invalid_schema', 'RF001', 'invalid_schema', '{pointer} is not a JSON Schema: {reason}', 'correct it there and write it again'),
    ('invalid_version', 'RF001', 'invalid_version', '{pointer} has no order: {found}', 'write a semantic version, for example 1.2.0'),
    ('claim_taken', 'RF005', 'claim_taken', 'the claim {kind} {key} is taken', 'release it in the stream that holds it, or choose another key'),
    ('node_paused', 'RF005', 'claim_taken', 'the node is paused already, by {found}', 'close that pause first'),
    ('execution_ended', 'RF017', 'execution_ended', '{stream_id} cannot be answered, because execution {execution_id} has ended: it is {state}', 'ask again in an execution that runs'),
    ('unsupported_isolation', 'RF006', 'unsupported_isolation', 'the safe head cannot be read under {isolation}', 'use READ COMMITTED, because one snapshot for head and events would skip events'),
    ('log_full', 'RF007', 'log_full', 'the log has no partition for position {position}', 'run a worker, or SELECT runfold.ensure_partitions()'),
    ('log_immutable', 'RF008', 'log_immutable', 'the log is append-only: {operation} on {table} is refused', 'append an event that corrects what the earlier one said'),
    ('discard_immutable', 'RF008', 'log_immutable', 'discarded events are recorded for ever: {operation} on runfold.discarded_events is refused', 'append an event that says what the discarded one should have said'),
    ('batch_not_settled', 'RF013', 'projection_escaped', 'a projection of the group {group_name} ended its transaction before the checkpoint moved', 'remove COMMIT and ROLLBACK from the projection'),
    ('batch_begun_already', 'RF013', 'projection_escaped', 'this transaction has already begun a batch', 'begin only one batch in a transaction'),
    ('batch_not_begun', 'RF013', 'projection_escaped', 'this transaction has not begun a batch of the group {group_name}', 'remove COMMIT and ROLLBACK from the projection'),
    ('already_tracked', 'RF014', 'already_tracked', '{tracker} has followed {application_name} to notification {notification_id} or beyond', 'another process did this already: continue after its max_tracking_id'),
    ('not_between', 'RF001', 'not_between', '{pointer} is {found}, which is not between {least} and {limit}', 'give a number between them'),
    ('summary_ahead', 'RF001', 'summary_ahead', 'a summary up to message {found} is ahead of the conversation, which ends at message {limit}', 'summarize up to a message that is there'),
    ('ends_before_it_begins', 'RF001', 'ends_before_it_begins', 'the fact ends at {found}, but it begins at {limit}', 'give a later end, or an earlier beginning'),
    ('merged_with_itself', 'RF001', 'merged_with_itself', 'the entity {found} cannot be merged with itself', 'name two entities'),
    ('unknown_entity', 'RF033', 'unknown_entity', 'the tenant has no entity {found}', 'look it up by its name'),
    ('graph_too_large', 'RF001', 'graph_too_large', 'the search visits more than {limit} nodes', 'search less deep, or by types of relationships'),
    ('category_taken', 'RF015', 'category_taken', 'the category {category} already belongs to {holder}', 'give the application another name'),
    ('checkpoint_ahead', 'RF016', 'checkpoint_ahead', 'position {position} lies ahead of the log, which ends at {head}', 'if an older log was restored, read from a position that it has: a reader ahead of the log skips new events'),
    ('log_differs', 'RF016', 'log_differs', 'the event at position {position} is not the one that was read there: this log is another one', 'if an older log was restored, begin at a position from before the restore: what came later is new'),
    ('subscription_moved', 'RF053', 'subscription_moved', 'the subscription {subscription} is at position {found}, and not at {position}, where this consumer left it', 'let one consumer at a time have a name; open the subscription again, and it goes on from where it is'),
    ('unknown_subscription', 'RF054', 'unknown_subscription', 'there is no subscription {subscription}', 'see `runfold subscription list`'),
    ('unknown_retention', 'RF034', 'unknown_retention', 'there is no retention for {table}', 'see `runfold retention show` for the tables that have one'),
    ('retention_too_short', 'RF001', 'retention_too_short', '{table} cannot keep its rows for {keep} only', 'set a day or more for a read table, and no negative time for another one'),
    ('stream_archived', 'RF070', 'stream_archived', '{stream_id} is archived up to version {archived_version}, in {file}', 'restore it with `runfold archive restore --stream`; an append to it needs the right expected_version'),
    ('log_archived', 'RF071', 'log_archived', 'events between {position} and {archived_head} are archived, in {file}', 'start behind them, say archived="skip" to leave them out, or run `runfold archive restore`'),
    ('tenant_not_erased', 'RF001', 'tenant_not_erased', 'the tenant {user_id} is not erased', 'erase it with `runfold tenant erase` first'),
    ('never_archived', 'RF001', 'never_archived', 'streams of the category {category} are never archived', 'name a category of executions, of an application, or of your own'),
    ('archive_differs', 'RF072', 'archive_differs', 'what was to be restored of {stream_id} is not what left the log', 'take the file from a backup, and check it with `runfold archive verify`'),
    ('unknown_backfill', 'RF080', 'unknown_backfill', 'there is no backfill {backfill}', 'see `runfold backfill list` for those that there are'),
    ('backfill_pending', 'RF081', 'backfill_pending', 'the backfill {backfill} has not ended', 'run `runfold backfill run`, then migrate again'),
    ('backfill_step_size', 'RF001', 'backfill_step_size', 'a step of a backfill takes 1 to {limit} rows, not {found}', 'give a number in between'),
    ('tenant_erased', 'RF035', 'tenant_erased', 'the tenant of {stream_id} was erased', 'use another tenant, because this one is erased for good'),
    ('user_not_deleted', 'RF036', 'user_not_deleted', 'user {user_id} still exists in auth.users', 'delete the user in the platform, then erase the tenant'),
    ('no_user', 'RF001', 'no_user', 'the search names no user, and the request has none', 'give user_id_param, or set the claims of the request'),
    ('invalid_search', 'RF001', 'invalid_search', '{pointer} of the search is {found}, and must be {limit}', 'correct it and search again'),
    ('other_dimensions', 'RF001', 'other_dimensions', 'the vector has {found} dimensions, and those of the collection {collection} have {limit}', 'use the model of the collection to make it');

CREATE FUNCTION runfold.add_durations(one bigint[], other bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sum bigint[] := one;
    n integer := 0;
    count bigint;
BEGIN
    IF one IS NULL OR other IS NULL THEN
        RETURN coalesce(one, other);
    END IF;
    -- Most parts are empty.
    FOREACH count IN ARRAY other LOOP
        n := n + 1;
        IF count <> 0 THEN
            sum[n] := sum[n] + count;
        END IF;
    END LOOP;
    RETURN sum;
END
$$;
COMMENT ON FUNCTION runfold.add_durations IS
    'The sum of two lists of durations, part by part.';
REVOKE ALL ON FUNCTION runfold.add_durations FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.add_durations TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.refuse(refusal text, facts jsonb DEFAULT '{}', words jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said runfold.refusals;
    given constant jsonb := facts || words;
    detail text;
    message text;
BEGIN
    SELECT * INTO STRICT said FROM runfold.refusals r WHERE r.name = refusal;
    detail := jsonb_build_object('code', said.code) || facts;
    -- In one pass: a value may look like a name in braces.
    message := (SELECT string_agg(m.part[1] || coalesce(given ->> m.part[2], ''), '' ORDER BY m.n)
                  FROM regexp_matches(said.message, '([^{]*)(?:\{(\w+)\})?', 'g') WITH ORDINALITY AS m (part, n));
    IF said.hint IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = said.sqlstate, MESSAGE = message, DETAIL = detail;
    END IF;
    RAISE EXCEPTION USING ERRCODE = said.sqlstate, MESSAGE = message, DETAIL = detail, HINT = said.hint;
END
$$;
COMMENT ON FUNCTION runfold.refuse IS
    'Raises a refusal of the catalogue, with its facts in DETAIL.';
REVOKE ALL ON FUNCTION runfold.refuse FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.refuse TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.add_event_ids(call jsonb, heads bigint[], sizes integer[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added uuid[];
    taken record;
BEGIN
    WITH ids AS (
        INSERT INTO runfold.event_ids (event_id, stream_version)
        SELECT (e.event ->> 'event_id')::uuid, heads[a.n] + e.n - sizes[a.n]
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
               jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
         WHERE e.n > sizes[a.n]
            ON CONFLICT DO NOTHING RETURNING event_id)
    SELECT array_agg(event_id) INTO added FROM ids;
    SELECT format('/%s/events/%s/event_id', a.n - 1, e.n - 1) AS pointer, e.event ->> 'event_id' AS event_id INTO taken
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
           jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
     WHERE e.n > sizes[a.n] AND (e.event ->> 'event_id')::uuid NOT IN (SELECT unnest(added))
     ORDER BY a.n, e.n LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.refuse('event_id_conflict', jsonb_build_object('pointer', taken.pointer, 'found', taken.event_id));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.add_event_ids IS
    'Notes the ids of a call''s events but the first of each append, which are stored.';
REVOKE ALL ON FUNCTION runfold.add_event_ids FROM PUBLIC;

CREATE FUNCTION runfold.lock_memory(tenant uuid, place text) RETURNS void
LANGUAGE sql AS $$
    SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(pg_catalog.concat(tenant, '/', place), 0))
$$;
COMMENT ON FUNCTION runfold.lock_memory IS
    'Locks a place in a tenant''s memory until the transaction ends, so that two writers wait for each other there.';
REVOKE ALL ON FUNCTION runfold.lock_memory FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.lock_memory TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.require_between(pointer text, given bigint, least_value bigint, greatest_value bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF given IS NULL OR given NOT BETWEEN least_value AND greatest_value THEN
        PERFORM runfold.refuse('not_between', jsonb_build_object(
            'pointer', pointer, 'found', given, 'least', least_value, 'limit', greatest_value));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.require_between IS
    'Refuses a number that is not between two limits.';
REVOKE ALL ON FUNCTION runfold.require_between FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.require_between TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.add_messages(tenant uuid, session text, messages jsonb, ttl interval DEFAULT NULL)
RETURNS SETOF public.conversation_buffers
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last_place integer;
BEGIN
    PERFORM runfold.require_between('/messages', jsonb_array_length(messages), 1, 1000);
    PERFORM runfold.lock_memory(tenant, 'conversation/' || session);
    last_place := greatest(
        (SELECT max(m.message_index) FROM public.conversation_buffers m WHERE m.user_id = tenant AND m.session_id = session),
        (SELECT max(s.upto_index) FROM public.conversation_summaries s WHERE s.user_id = tenant AND s.session_id = session));
    RETURN QUERY
    INSERT INTO public.conversation_buffers AS m
           (user_id, session_id, message_index, role, content, metadata, tokens_count, timestamp, expires_at)
    SELECT tenant, session, coalesce(last_place, 0) + g.place::integer, g.given ->> 'role', g.given ->> 'content',
           coalesce(g.given -> 'metadata', '{}'), (g.given ->> 'tokens_count')::integer,
           coalesce((g.given ->> 'timestamp')::timestamptz, now()), now() + ttl
      FROM jsonb_array_elements(messages) WITH ORDINALITY AS g (given, place)
     ORDER BY g.place
    RETURNING m.*;
END
$$;
COMMENT ON FUNCTION runfold.add_messages IS
    'Adds messages to the end of a conversation, in their order, and returns them with their places.';
REVOKE ALL ON FUNCTION runfold.add_messages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.add_messages TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.add_summary(tenant uuid, session text, content jsonb, upto integer DEFAULT NULL)
RETURNS SETOF public.conversation_summaries
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newest integer;
    before public.conversation_summaries;
BEGIN
    PERFORM runfold.lock_memory(tenant, 'conversation/' || session);
    SELECT * INTO before FROM public.conversation_summaries s
     WHERE s.user_id = tenant AND s.session_id = session ORDER BY s.sequence DESC LIMIT 1;
    newest := greatest(
        (SELECT max(m.message_index) FROM public.conversation_buffers m WHERE m.user_id = tenant AND m.session_id = session),
        before.upto_index, 0);
    upto := coalesce(upto, newest);
    IF upto NOT BETWEEN 0 AND newest THEN
        PERFORM runfold.refuse('summary_ahead', jsonb_build_object('pointer', '/upto', 'found', upto, 'limit', newest));
    END IF;
    RETURN QUERY
    INSERT INTO public.conversation_summaries AS s
           (user_id, session_id, sequence, summary, key_points, entities, topics, summary_type, message_count, upto_index,
            token_count, model_used, confidence_score, previous_summary_id)
    SELECT tenant, session, coalesce(before.sequence, 0) + 1, content ->> 'summary', coalesce(content -> 'key_points', '[]'),
           coalesce(content -> 'entities', '[]'), coalesce(content -> 'topics', '[]'),
           coalesce(content ->> 'summary_type', 'progressive'),
           (SELECT count(*) FROM public.conversation_buffers m
             WHERE m.user_id = tenant AND m.session_id = session
               AND m.message_index > coalesce(before.upto_index, 0) AND m.message_index <= upto),
           upto, coalesce((content ->> 'token_count')::integer, (length(content ->> 'summary') + 3) / 4),
           content ->> 'model_used', coalesce((content ->> 'confidence_score')::double precision, 0.0), before.id
    RETURNING s.*;
END
$$;
COMMENT ON FUNCTION runfold.add_summary IS
    'Adds a summary of a conversation up to a message, linked to the summary before it, and returns it.';
REVOKE ALL ON FUNCTION runfold.add_summary FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.add_summary TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.adjacent_nodes(tenant uuid, ids text[], direction text, types text[]) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT r.target_node_id::text FROM unnest(ids) AS n (id)
      JOIN public.graph_relationships r ON r.user_id = tenant AND r.source_node_id = n.id
     WHERE direction <> 'in' AND (types IS NULL OR r.relationship_type = ANY (types))
     UNION
    SELECT r.source_node_id::text FROM unnest(ids) AS n (id)
      JOIN public.graph_relationships r ON r.user_id = tenant AND r.target_node_id = n.id
     WHERE direction <> 'out' AND (types IS NULL OR r.relationship_type = ANY (types))
$$;
COMMENT ON FUNCTION runfold.adjacent_nodes IS
    'The nodes of a tenant''s graph that an edge joins with one of these, in a direction: `out`, `in` or `both`.';
REVOKE ALL ON FUNCTION runfold.adjacent_nodes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.adjacent_nodes TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.log_end() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)''?\)')::bigint), 1)
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'runfold.events'::regclass
$$;
COMMENT ON FUNCTION runfold.log_end IS
    'The first position that has no partition yet.';
REVOKE ALL ON FUNCTION runfold.log_end FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.log_end TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.allocate_positions(total integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    fence_tag constant integer := 'runfold.events_position'::regclass::oid::bigint::bit(32)::integer;
    log_tag constant integer := 'runfold.events'::regclass::oid::bigint::bit(32)::integer;
    issued bigint;
    fence bigint;
    last bigint;
BEGIN
    -- 3. The fence: a lower bound of the positions to come, held to the end of the transaction. A later append of the
    -- transaction takes the same key again, so that ten thousand appends hold one lock.
    issued := pg_sequence_last_value('runfold.events_position');
    IF issued IS NULL THEN
        SELECT q.last_value - 1 INTO issued FROM runfold.events_position q;
    END IF;
    fence := nullif(current_setting('runfold.fence', true), '')::bigint;
    IF fence IS NULL OR fence > issued THEN
        fence := set_config('runfold.fence', issued::text, true)::bigint;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(fence_tag, (fence & 4294967295)::bit(32)::integer);

    -- 4. The positions. The lock is taken in a subtransaction that is then rolled back: that frees it after microseconds, and so
    -- does everything else that ends the block, a cancellation at any moment, too. Sequences are not rolled back. Nobody else takes
    -- positions, so between the two calls nobody moves the sequence.
    BEGIN
        PERFORM pg_advisory_xact_lock(log_tag, 0);
        last := nextval('runfold.events_position');
        IF total > 1 THEN
            last := setval('runfold.events_position', last + total - 1);
        END IF;
        RAISE SQLSTATE 'RF000';
    EXCEPTION WHEN SQLSTATE 'RF000' THEN
        NULL;
    END;
    -- The session remembers the end of the log: partitions are only added.
    IF last >= coalesce(nullif(current_setting('runfold.log_end', true), ''), '0')::bigint
       AND last >= set_config('runfold.log_end', runfold.log_end()::text, false)::bigint THEN
        PERFORM runfold.refuse('log_full', jsonb_build_object('position', last));
    END IF;
    RETURN last;
END
$$;
COMMENT ON FUNCTION runfold.allocate_positions IS
    'Takes the fence and the next positions, for functions that have locked their streams; returns the last position.';
REVOKE ALL ON FUNCTION runfold.allocate_positions FROM PUBLIC;

CREATE FUNCTION runfold.interaction_has_ended(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(status IN ('responded', 'timeout', 'cancelled'), false)
$$;
COMMENT ON FUNCTION runfold.interaction_has_ended IS
    'Whether an interaction of this status has ended; without a status it has not.';
REVOKE ALL ON FUNCTION runfold.interaction_has_ended FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.interaction_has_ended TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.interaction_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'InteractionRequested' THEN 'pending'
           WHEN 'InteractionResponded' THEN 'responded'
           WHEN 'InteractionTimedOut' THEN 'timeout'
           WHEN 'InteractionFailed' THEN 'error'
           WHEN 'InteractionReopened' THEN 'pending'
           WHEN 'InteractionCanceled' THEN 'cancelled' END
$$;
COMMENT ON FUNCTION runfold.interaction_target IS
    'The status that an event of this type moves an interaction to; NULL for one that moves none.';
REVOKE ALL ON FUNCTION runfold.interaction_target FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.interaction_target TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.archive_of_stream(stream text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('stream_id', s.stream_id, 'archived_version', s.archived_version,
                              'file', coalesce(string_agg(a.file, ', ' ORDER BY a.from_position), ''))
      FROM runfold.streams s
      LEFT JOIN runfold.archives a
        ON a.from_position <= s.last_position AND a.to_position >= s.first_position AND a.state = 'archived'
     WHERE s.stream_id = $1
     GROUP BY s.stream_id, s.archived_version
$$;
COMMENT ON FUNCTION runfold.archive_of_stream IS
    'What a refusal says of an archived stream: its id, the version up to which it is archived, and the files that hold it.';
REVOKE ALL ON FUNCTION runfold.archive_of_stream FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.archive_of_stream TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.upcast(type text, schema_version integer, data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT data
$$;
COMMENT ON FUNCTION runfold.upcast IS
    'An event''s data in the current shape of its type.';
REVOKE ALL ON FUNCTION runfold.upcast FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.upcast TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.read_stream(stream text, after bigint DEFAULT 0, max_count integer DEFAULT NULL)
RETURNS TABLE ("position" bigint, append_end bigint, stream_id text, stream_version bigint, event_id uuid, category text,
               type text, schema_version integer, user_id uuid, data jsonb, payload bytea, metadata jsonb,
               occurred_at timestamptz, recorded_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.refuse('stream_archived', runfold.archive_of_stream(s.stream_id))
      FROM runfold.streams s
     WHERE s.stream_id = $1 AND s.archived_version > $2;
    SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
           runfold.upcast(e.type, e.schema_version, e.data), e.payload, e.metadata, e.occurred_at, e.recorded_at
      FROM runfold.streams s
      JOIN runfold.events e
        ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
     WHERE s.stream_id = $1 AND e.stream_version > $2
     ORDER BY e.stream_version
     LIMIT $3
$$;
COMMENT ON FUNCTION runfold.read_stream IS
    'Events of a stream after a version, in order.';
REVOKE ALL ON FUNCTION runfold.read_stream FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.read_stream TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.stream_id(category text, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT category OPERATOR(pg_catalog.||) '-' OPERATOR(pg_catalog.||) name
$$;
COMMENT ON FUNCTION runfold.stream_id IS
    'The id of a stream: its category and its name.';
REVOKE ALL ON FUNCTION runfold.stream_id FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.stream_id TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.timeout_action(said jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(said -> 'timeout_action') = 'string' AND said ->> 'timeout_action' <> ''
                THEN left(said ->> 'timeout_action', 255) END
$$;
COMMENT ON FUNCTION runfold.timeout_action IS
    'What is to happen when time runs out, where somebody said so: the field timeout_action.';
REVOKE ALL ON FUNCTION runfold.timeout_action FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.timeout_action TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.interaction_state(interaction uuid)
RETURNS TABLE (status text, execution_id text, pause text, timeout_at timestamptz, action text, reminded boolean, reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    happened record;
    request jsonb;
BEGIN
    reminded := false;
    FOR happened IN
        SELECT e.type, e.data
          FROM runfold.read_stream(runfold.stream_id('interaction', interaction::text)) AS e
         WHERE e.position >= coalesce((SELECT h.first_event_position FROM public.human_interactions h WHERE h.id = interaction), 0)
         ORDER BY e.stream_version
    LOOP
        IF happened.type = 'InteractionRequested' THEN
            IF request IS NULL THEN
                request := happened.data;
                status := 'pending';
            END IF;
        ELSIF request IS NOT NULL AND NOT runfold.interaction_has_ended(status) THEN
            status := coalesce(runfold.interaction_target(happened.type), status);
            reminded := reminded OR happened.type = 'InteractionReminderSent';
            reason := CASE WHEN happened.type = 'InteractionCanceled' THEN happened.data ->> 'reason' END;
        END IF;
    END LOOP;
    IF request IS NOT NULL THEN
        execution_id := request ->> 'execution_id';
        pause := request ->> 'pause';
        timeout_at := (request ->> 'timeout_at')::timestamptz;
        action := coalesce(runfold.timeout_action(request -> 'request_data'), 'fail');
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.interaction_state IS
    'What the log says of an interaction now: its status, the pause that waits for it, until when, and the reason where it was canceled.';
REVOKE ALL ON FUNCTION runfold.interaction_state FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.interaction_state TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.stream_name(stream_id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.substr(stream_id, pg_catalog.strpos(stream_id, '-') OPERATOR(pg_catalog.+) 1)
$$;
COMMENT ON FUNCTION runfold.stream_name IS
    'The name of a stream: its id without the category, execution_id of execution-<execution_id> for instance.';
REVOKE ALL ON FUNCTION runfold.stream_name FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.stream_name TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.answers_of(call jsonb) RETURNS TABLE (append bigint, event bigint, stream_id text, execution_id text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.n, e.n, a.append ->> 'stream_id', r.execution_id
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
     CROSS JOIN LATERAL (
           SELECT coalesce((SELECT s.execution_id FROM runfold.interaction_state(runfold.stream_name(a.append ->> 'stream_id')::uuid) AS s),
                           (SELECT q.event #>> '{data,execution_id}'
                              FROM jsonb_array_elements(a.append -> 'events') AS q (event)
                             WHERE q.event ->> 'type' = 'InteractionRequested' LIMIT 1)) AS execution_id) AS r
     WHERE e.event ->> 'type' = 'InteractionResponded' AND starts_with(a.append ->> 'stream_id', 'interaction-')
       AND r.execution_id IS NOT NULL
$$;
COMMENT ON FUNCTION runfold.answers_of IS
    'The answers of a call of append_events: each with its place in it, and the execution that asked.';
REVOKE ALL ON FUNCTION runfold.answers_of FROM PUBLIC;

CREATE FUNCTION runfold.any_archived(streams text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = ANY (streams) AND s.archived_at IS NOT NULL)
$$;
COMMENT ON FUNCTION runfold.any_archived IS
    'Whether one of these streams is archived.';
REVOKE ALL ON FUNCTION runfold.any_archived FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.any_archived TO runfold_projector, runfold_operator, runfold_projections, runfold_reader;

CREATE FUNCTION runfold.raise_fault(code text, pointer text, "limit" jsonb DEFAULT NULL, seen jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said runfold.faults;
    words constant text[] := ARRAY[
        coalesce(nullif(pointer, ''), 'The call'),
        CASE jsonb_typeof("limit") WHEN 'array' THEN (SELECT string_agg(x, ', ') FROM jsonb_array_elements_text("limit") AS x)
             ELSE coalesce("limit" #>> '{}', 'None') END,
        coalesce(seen #>> '{}', 'None')];
BEGIN
    SELECT * INTO said FROM runfold.faults f WHERE f.code = raise_fault.code;
    RAISE EXCEPTION USING
        ERRCODE = 'RF001',
        MESSAGE = replace(replace(replace(said.message, '{limit}', words[2]), '{at}', words[1]), '{found}', words[3]),
        DETAIL = jsonb_build_object('code', code, 'pointer', pointer, 'limit', "limit", 'found', seen)::text,
        HINT = replace(replace(said.hint, '{limit}', words[2]), '{found}', words[3]);
END
$$;
COMMENT ON FUNCTION runfold.raise_fault IS
    'Raises a fault of the catalogue, with its facts in DETAIL.';
REVOKE ALL ON FUNCTION runfold.raise_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.raise_fault TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.check_repeats(call jsonb, command_id uuid, repeats text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pointer text;
BEGIN
    IF repeats <> 'skip' THEN
        PERFORM runfold.raise_fault('not_allowed', '/repeats', '["skip"]', to_jsonb(repeats));
    END IF;
    IF command_id IS NOT NULL THEN
        PERFORM runfold.refuse('repeats_not_allowed', '{"pointer": "/command_id"}', '{"what": "a command_id"}');
    END IF;
    SELECT format('/%s/%s', a.n - 1, k.key) INTO pointer
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n), unnest('{claims,releases}'::text[]) AS k (key)
     WHERE jsonb_array_length(nullif(a.append -> k.key, 'null')) > 0
     ORDER BY a.n, k.key LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.refuse('repeats_not_allowed', jsonb_build_object('pointer', pointer), '{"what": "claims and releases"}');
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.check_repeats IS
    'Refuses what append_events cannot do for a call whose stored events are skipped.';
REVOKE ALL ON FUNCTION runfold.check_repeats FROM PUBLIC;

CREATE FUNCTION runfold.claiming_events() RETURNS jsonpath
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '$[*].events[*].type ? (@ starts with "Pause" || @ starts with "Trigger" || @ starts with "Workflow" || @ == "ExecutionSucceeded" || @ == "ExecutionFailed" || @ == "ExecutionCanceled" || @ == "ExecutionTimedOut" || @ == "ExecutionDeclaredLost")'::jsonpath
$$;
COMMENT ON FUNCTION runfold.claiming_events IS
    'The path to the types of a call''s events that has_claim_rule is true of.';
REVOKE ALL ON FUNCTION runfold.claiming_events FROM PUBLIC;

CREATE FUNCTION runfold.executions_of_answers(call jsonb) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(DISTINCT runfold.stream_id('execution', a.execution_id)) FROM runfold.answers_of(call) AS a
$$;
COMMENT ON FUNCTION runfold.executions_of_answers IS
    'The streams of the executions that asked what a call of append_events answers.';
REVOKE ALL ON FUNCTION runfold.executions_of_answers FROM PUBLIC;

CREATE FUNCTION runfold.has_claim_rule(type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.starts_with(type, 'Pause') OR pg_catalog.starts_with(type, 'Trigger') OR pg_catalog.starts_with(type, 'Workflow') OR type IN ('ExecutionSucceeded', 'ExecutionFailed', 'ExecutionCanceled', 'ExecutionTimedOut', 'ExecutionDeclaredLost')
$$;
COMMENT ON FUNCTION runfold.has_claim_rule IS
    'Whether events of a type may have a rule in runfold.claim_rules.';
REVOKE ALL ON FUNCTION runfold.has_claim_rule FROM PUBLIC;

CREATE FUNCTION runfold.command_digest(call jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to(jsonb_agg(jsonb_build_array(
               a.append -> 'stream_id', e.event -> 'type', coalesce(e.event -> 'schema_version', '1'),
               e.event -> 'data', e.event -> 'payload') ORDER BY a.n, e.n)::text, 'UTF8'))
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
           jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
$$;
COMMENT ON FUNCTION runfold.command_digest IS
    'What makes two calls the same command: streams, types and bodies. Event ids and clocks may differ.';
REVOKE ALL ON FUNCTION runfold.command_digest FROM PUBLIC;

CREATE FUNCTION runfold.record_command(command_id uuid, call jsonb, result jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    INSERT INTO runfold.commands (command_id, digest, result, recorded_at)
    VALUES (command_id, runfold.command_digest(call), result, clock_timestamp()) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        -- A call to other streams recorded it meanwhile: calls to the same streams would have waited for each other.
        PERFORM runfold.refuse('command_id_conflict', jsonb_build_object('command_id', command_id));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.record_command IS
    'Records a command with its result, so that the call may be sent again.';
REVOKE ALL ON FUNCTION runfold.record_command FROM PUBLIC;

CREATE FUNCTION runfold.recorded_appends(call jsonb, some_are_new boolean)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
-- The planner cannot know how few rows a call holds, and would read the whole log instead of looking each event up.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    differing record;
BEGIN
    SELECT a.n AS append, x.n AS event, x.e ->> 'event_id' AS event_id, s.event_id IS NOT NULL AS stored
      INTO differing
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS x (e, n)
      LEFT JOIN runfold.event_ids i ON i.event_id = (x.e ->> 'event_id')::uuid
      LEFT JOIN runfold.event_ids f ON f.event_id = (a.append #>> '{events,0,event_id}')::uuid
      LEFT JOIN runfold.streams t ON t.stream_id = a.append ->> 'stream_id'
      LEFT JOIN runfold.events s
        ON s.stream_id = t.stream_id AND s.stream_version = i.stream_version AND s.event_id = i.event_id
       AND s.position BETWEEN t.first_position AND t.last_position
     WHERE some_are_new
        OR s.event_id IS NULL OR s.stream_version <> f.stream_version + x.n - 1
        OR s.type <> x.e ->> 'type' OR s.schema_version <> coalesce((x.e ->> 'schema_version')::integer, 1)
        OR s.data::text IS DISTINCT FROM nullif(x.e -> 'data', 'null')::text
        OR s.payload IS DISTINCT FROM decode(x.e ->> 'payload', 'base64')
     ORDER BY (s.event_id IS NULL) DESC, a.n, x.n LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.refuse(
            CASE WHEN some_are_new THEN 'event_ids_mixed' ELSE 'event_id_conflict' END,
            jsonb_build_object('pointer', format('/%s/events/%s/event_id', differing.append - 1, differing.event - 1),
                               'found', differing.event_id));
    END IF;
    -- An append's positions and versions are adjacent: its first event tells where it ended.
    RETURN QUERY
    SELECT f.stream_id, f.stream_version + s.size - 1, f.position, f.position + s.size - 1
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN LATERAL (SELECT jsonb_array_length(a.append -> 'events') AS size) AS s
      JOIN runfold.event_ids i ON i.event_id = (a.append #>> '{events,0,event_id}')::uuid
      JOIN runfold.streams t ON t.stream_id = a.append ->> 'stream_id'
      JOIN runfold.events f
        ON f.stream_id = t.stream_id AND f.stream_version = i.stream_version
       AND f.position BETWEEN t.first_position AND t.last_position
     ORDER BY a.n;
END
$$;
COMMENT ON FUNCTION runfold.recorded_appends IS
    'The original result of a call that was recorded before.';
REVOKE ALL ON FUNCTION runfold.recorded_appends FROM PUBLIC;

CREATE FUNCTION runfold.recorded_command(command_id uuid, call jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    recorded runfold.commands;
BEGIN
    SELECT * INTO recorded FROM runfold.commands c WHERE c.command_id = command_id;
    IF FOUND AND recorded.digest <> runfold.command_digest(call) THEN
        PERFORM runfold.refuse('command_id_conflict', jsonb_build_object('command_id', command_id));
    END IF;
    RETURN recorded.result;
END
$$;
COMMENT ON FUNCTION runfold.recorded_command IS
    'The result that a command had when it was recorded; NULL if it was not, refused if it was with another body.';
REVOKE ALL ON FUNCTION runfold.recorded_command FROM PUBLIC;

CREATE FUNCTION runfold.refuse_erased(tenants uuid[], stream_ids text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    SELECT s.n, s.stream_id, t.user_id INTO found
      FROM unnest(stream_ids, tenants) WITH ORDINALITY AS s (stream_id, user_id, n)
      JOIN runfold.erased_tenants t ON t.user_id = s.user_id
     ORDER BY s.n
     LIMIT 1;
    PERFORM runfold.refuse('tenant_erased', jsonb_build_object(
        'pointer', format('/%s/stream_id', found.n - 1), 'stream_id', found.stream_id, 'user_id', found.user_id));
END
$$;
COMMENT ON FUNCTION runfold.refuse_erased IS
    'Raises RF031 for the first stream of a call whose tenant is erased.';
REVOKE ALL ON FUNCTION runfold.refuse_erased FROM PUBLIC;

CREATE FUNCTION runfold.ends_execution(type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT type IN ('ExecutionSucceeded', 'ExecutionFailed', 'ExecutionCanceled', 'ExecutionTimedOut', 'ExecutionDeclaredLost')
$$;
COMMENT ON FUNCTION runfold.ends_execution IS
    'Whether an event of this type ends its execution.';
REVOKE ALL ON FUNCTION runfold.ends_execution FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.ends_execution TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.execution_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'ExecutionCreated' THEN 'NEW'
           WHEN 'ExecutionStarted' THEN 'RUNNING'
           WHEN 'ExecutionPaused' THEN 'PAUSED'
           WHEN 'ExecutionResumed' THEN 'RUNNING'
           WHEN 'ExecutionSucceeded' THEN 'SUCCESS'
           WHEN 'ExecutionFailed' THEN 'ERROR'
           WHEN 'ExecutionCanceled' THEN 'CANCELED'
           WHEN 'ExecutionTimedOut' THEN 'TIMEOUT'
           WHEN 'ExecutionDeclaredLost' THEN 'ERROR' END
$$;
COMMENT ON FUNCTION runfold.execution_target IS
    'The status that an event of this type moves an execution to; NULL for one that moves none.';
REVOKE ALL ON FUNCTION runfold.execution_target FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.execution_target TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.end_status(execution_id text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (SELECT x.status FROM public.workflow_executions x WHERE x.execution_id = $1 AND x.end_position IS NOT NULL),
        (SELECT runfold.execution_target(e.type)
           FROM runfold.streams s
           JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
          WHERE s.stream_id = runfold.stream_id('execution', $1)
            AND runfold.ends_execution(e.type)
            AND e.position >= coalesce((SELECT x.last_event_position FROM public.workflow_executions x WHERE x.execution_id = $1), 0)
          ORDER BY e.position
          LIMIT 1))
$$;
COMMENT ON FUNCTION runfold.end_status IS
    'The status with which an execution has ended, folded or not; NULL if it has not.';
REVOKE ALL ON FUNCTION runfold.end_status FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.end_status TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.refuse_late_answers(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    late record;
BEGIN
    SELECT a.*, s.status INTO late
      FROM runfold.answers_of(call) AS a
     -- OFFSET 0: asked once for each answer.
     CROSS JOIN LATERAL (SELECT runfold.end_status(a.execution_id) AS status OFFSET 0) AS s
     WHERE s.status IS NOT NULL
     ORDER BY a.append, a.event
     LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.refuse('execution_ended', jsonb_build_object(
            'pointer', format('/%s/events/%s', late.append - 1, late.event - 1), 'stream_id', late.stream_id,
            'execution_id', late.execution_id, 'machine', 'execution', 'state', late.status, 'command', 'respond', 'allowed', '[]'::jsonb));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.refuse_late_answers IS
    'Refuses a call of append_events that answers a question of an execution that has ended.';
REVOKE ALL ON FUNCTION runfold.refuse_late_answers FROM PUBLIC;

CREATE FUNCTION runfold.stored_prefixes(call jsonb, heads bigint[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
-- As in recorded_appends: each event is looked up.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    given record;
    append record;
    prefixes jsonb[] := '{}';
    versions bigint[];
    positions bigint[];
    missing text;            -- the pointer of the append's first event that is not stored
BEGIN
    FOR append IN
        SELECT a.append ->> 'stream_id' AS stream_id, (a.append ->> 'expected_version')::bigint AS expected, a.append -> 'events' AS events, a.n
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n) ORDER BY a.n
    LOOP
        versions := '{}';
        positions := '{}';
        missing := NULL;
        FOR given IN
            SELECT format('/%s/events/%s/event_id', append.n - 1, x.n - 1) AS pointer, x.e ->> 'event_id' AS event_id, x.n,
                   i.event_id IS NOT NULL AS stored, s.stream_version, s.position,
                   s.event_id IS NULL OR s.type <> x.e ->> 'type' OR s.schema_version <> coalesce((x.e ->> 'schema_version')::integer, 1)
                   OR s.data::text IS DISTINCT FROM nullif(x.e -> 'data', 'null')::text
                   OR s.payload IS DISTINCT FROM decode(x.e ->> 'payload', 'base64') AS differs
              FROM jsonb_array_elements(append.events) WITH ORDINALITY AS x (e, n)
              LEFT JOIN runfold.event_ids i ON i.event_id = (x.e ->> 'event_id')::uuid
              LEFT JOIN runfold.streams t ON t.stream_id = append.stream_id
              LEFT JOIN runfold.events s
                ON s.stream_id = t.stream_id AND s.stream_version = i.stream_version AND s.event_id = i.event_id
               AND s.position BETWEEN t.first_position AND t.last_position
             ORDER BY x.n
        LOOP
            IF NOT given.stored THEN
                missing := coalesce(missing, given.pointer);
            ELSIF given.differs OR given.stream_version <= versions[cardinality(versions)] THEN
                PERFORM runfold.refuse('event_id_conflict', jsonb_build_object('pointer', given.pointer, 'found', given.event_id));
            ELSIF missing IS NOT NULL THEN
                PERFORM runfold.refuse('event_ids_mixed', jsonb_build_object('pointer', missing, 'found', given.event_id));
            ELSE
                versions := versions || given.stream_version;
                positions := positions || given.position;
            END IF;
        END LOOP;
        -- An expected version speaks of the first event given: the stored ones follow it, and end the stream if there are more.
        IF versions[1] <> append.expected + 1 OR versions[cardinality(versions)] <> append.expected + cardinality(versions)
           OR missing IS NOT NULL AND cardinality(versions) > 0 AND heads[append.n] <> append.expected + cardinality(versions) THEN
            PERFORM runfold.refuse('version_conflict', jsonb_build_object(
                'pointer', format('/%s/expected_version', append.n - 1), 'stream_id', append.stream_id,
                'version', heads[append.n], 'expected_version', append.expected));
        END IF;
        prefixes := prefixes || jsonb_build_object('size', cardinality(versions), 'versions', versions, 'positions', positions);
    END LOOP;
    RETURN to_jsonb(prefixes);
END
$$;
COMMENT ON FUNCTION runfold.stored_prefixes IS
    'The events of each append of a call that are stored already, as objects with size, versions and positions.';
REVOKE ALL ON FUNCTION runfold.stored_prefixes FROM PUBLIC;

CREATE FUNCTION runfold.following_claims(call jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    followed record;
    computed jsonb;
    claims jsonb := '[]';
BEGIN
    FOR followed IN
        SELECT DISTINCT a.n, a.append, r.kind, r.function_name
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
         CROSS JOIN jsonb_array_elements(a.append -> 'events') AS e (event)
          JOIN runfold.claim_rules r ON r.type = e.event ->> 'type' AND r.effect = 'follows'
         ORDER BY a.n, r.kind
    LOOP
        EXECUTE format($query$
            SELECT coalesce(jsonb_agg(jsonb_build_object('append', $1, 'stream_id', $2, 'kind', $3, 'key', f.key,
                                                         'held', f.held)), '[]')
              FROM %s($2, $4) AS f (key, held)$query$, followed.function_name)
           INTO computed
          USING followed.n, followed.append ->> 'stream_id', followed.kind, followed.append -> 'events';
        claims := claims || computed;
    END LOOP;
    RETURN claims;
END
$$;
COMMENT ON FUNCTION runfold.following_claims IS
    'The claims that functions of runfold.claim_rules compute for the streams of a call, as objects with append, stream_id, kind, key and held.';
REVOKE ALL ON FUNCTION runfold.following_claims FROM PUBLIC;

CREATE FUNCTION runfold.take_claims_of_events(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    happened record;
    holder text;
BEGIN
    FOR happened IN
        SELECT a.append ->> 'stream_id' AS stream_id, r.kind, r.effect, r.name_field, r.refusal,
               (a.append ->> 'stream_id') || '/' || (e.event -> 'data' ->> k.field) AS key,
               e.event -> 'data' ->> r.name_field AS name,
               format('/%s/events/%s/data/%s', a.n - 1, e.n - 1, k.field) AS pointer
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
         CROSS JOIN jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
          JOIN runfold.claim_rules r ON r.type = e.event ->> 'type' AND r.effect <> 'follows'
         CROSS JOIN LATERAL (SELECT CASE WHEN e.event -> 'data' ->> r.finer_key_field IS NULL THEN r.key_field
                                         ELSE r.finer_key_field END AS field) AS k
         ORDER BY a.n, e.n
    LOOP
        IF happened.effect = 'takes' THEN
            INSERT INTO runfold.claims (kind, key, stream_id, claimed_at, name)
            VALUES (happened.kind, happened.key, happened.stream_id, clock_timestamp(), happened.name) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                SELECT c.name INTO holder FROM runfold.claims c WHERE c.kind = happened.kind AND c.key = happened.key;
                IF holder <> happened.name THEN
                    PERFORM runfold.refuse(happened.refusal, jsonb_build_object(
                        'kind', happened.kind, 'key', happened.key, 'pointer', happened.pointer, 'found', holder));
                END IF;
            END IF;
        ELSE
            DELETE FROM runfold.claims c
             WHERE c.stream_id = happened.stream_id AND c.kind = happened.kind
               AND (happened.name_field IS NULL OR c.name = happened.name);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.take_claims_of_events IS
    'Takes and releases the claims of a call''s events, in their order.';
REVOKE ALL ON FUNCTION runfold.take_claims_of_events FROM PUBLIC;

CREATE FUNCTION runfold.take_given_claims(call jsonb, followed jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted record;
    holder text;
BEGIN
    DELETE FROM runfold.claims c
     USING jsonb_to_recordset(followed) AS f (stream_id text, kind text, key text, held boolean)
     WHERE NOT f.held AND c.kind = f.kind AND c.key = f.key AND c.stream_id = f.stream_id;
    DELETE FROM runfold.claims c
     USING jsonb_array_elements(call) AS a (append), jsonb_array_elements(nullif(a.append -> 'releases', 'null')) AS r (pair)
     WHERE c.kind = r.pair ->> 0 AND c.key = r.pair ->> 1 AND c.stream_id = a.append ->> 'stream_id';
    FOR wanted IN
        SELECT *
          FROM (SELECT a.append ->> 'stream_id' AS stream_id, c.pair ->> 0 AS kind, c.pair ->> 1 AS key,
                       format('/%s/claims/%s', a.n - 1, c.n - 1) AS pointer
                  FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
                       jsonb_array_elements(nullif(a.append -> 'claims', 'null')) WITH ORDINALITY AS c (pair, n)
                UNION ALL
                SELECT f.stream_id, f.kind, f.key, format('/%s/events', f.append - 1)
                  FROM jsonb_to_recordset(followed) AS f (append bigint, stream_id text, kind text, key text, held boolean)
                 WHERE f.held) AS c
         ORDER BY c.kind COLLATE "C", c.key COLLATE "C"
    LOOP
        INSERT INTO runfold.claims (kind, key, stream_id, claimed_at)
        VALUES (wanted.kind, wanted.key, wanted.stream_id, clock_timestamp()) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT c.stream_id INTO holder FROM runfold.claims c WHERE c.kind = wanted.kind AND c.key = wanted.key;
            IF holder IS DISTINCT FROM wanted.stream_id THEN
                PERFORM runfold.refuse('claim_taken', jsonb_build_object(
                    'kind', wanted.kind, 'key', wanted.key, 'pointer', wanted.pointer));
            END IF;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.take_given_claims IS
    'Releases and takes the claims that a call asks for, and those that follow from its streams.';
REVOKE ALL ON FUNCTION runfold.take_given_claims FROM PUBLIC;

CREATE FUNCTION runfold.take_claims(call jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_functions boolean;
    of_events boolean;
BEGIN
    SELECT bool_or(r.effect = 'follows'), bool_or(r.effect <> 'follows') INTO of_functions, of_events
      FROM jsonb_path_query(call, '$[*].events[*].type') AS e (type)
      JOIN runfold.claim_rules r ON r.type = e.type #>> '{}';
    IF of_functions OR call @? '$[*].claims' OR call @? '$[*].releases' THEN
        PERFORM runfold.take_given_claims(call, CASE WHEN of_functions THEN runfold.following_claims(call) ELSE '[]' END);
    END IF;
    IF of_events THEN
        PERFORM runfold.take_claims_of_events(call);
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.take_claims IS
    'Releases and takes the claims of a call: those that it asks for, and those of its events by runfold.claim_rules.';
REVOKE ALL ON FUNCTION runfold.take_claims FROM PUBLIC;

CREATE FUNCTION runfold.claims_are_valid(claims jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN claims IS NULL OR jsonb_typeof(claims) = 'array' AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(claims) AS c (pair)
         WHERE NOT coalesce(jsonb_typeof(pair) = 'array' AND jsonb_array_length(pair) = 2
                            AND jsonb_typeof(pair -> 0) = 'string' AND jsonb_typeof(pair -> 1) = 'string'
                            AND length(pair ->> 0) <= 255 AND length(pair ->> 1) <= 255
                            AND pair ->> 0 ~ '^[!-~]+$' AND pair ->> 1 ~ '^[!-~]+$', false));
END
$$;
COMMENT ON FUNCTION runfold.claims_are_valid IS
    'Quick check of an append''s claims or releases.';
REVOKE ALL ON FUNCTION runfold.claims_are_valid FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.claims_are_valid TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.append_is_valid(append jsonb, stream_id text, category text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    stream_name constant text := substr(stream_id, length(category) + 2);
BEGIN
    RETURN jsonb_typeof(append -> 'stream_id') = 'string' AND octet_length(stream_id) <= 264
       AND stream_id !~ '[^!-~]' AND stream_name <> ''
       AND CASE WHEN category IN ('execution', 'log') THEN true
                WHEN category IN ('interaction', 'response', 'deployment', 'tenant') THEN stream_name::uuid::text = stream_name
                ELSE category ~ '^[a-z][a-z0-9_]*$' END
       -- A number, or the text of one: drivers give a bigint as a text, because not every language has such integers.
       AND (append ->> 'expected_version' IS NULL
            OR append ->> 'expected_version' ~ '^[0-9]{1,19}$' AND (append ->> 'expected_version')::bigint >= 0)
       AND (append ->> 'user_id' IS NULL
            OR append ->> 'user_id' LIKE '________-____-____-____-____________' AND (append ->> 'user_id')::uuid IS NOT NULL)
       AND (append - '{stream_id,expected_version,user_id,events,claims,releases,encrypted}'::text[]) = '{}'
       AND coalesce(jsonb_typeof(append -> 'encrypted'), 'null') IN ('boolean', 'null')
       AND (NOT append ?| '{claims,releases}'
            OR runfold.claims_are_valid(append -> 'claims') AND runfold.claims_are_valid(append -> 'releases'));
END
$$;
COMMENT ON FUNCTION runfold.append_is_valid IS
    'Quick check of an append without its events.';
REVOKE ALL ON FUNCTION runfold.append_is_valid FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.append_is_valid TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.current_schema_version(type text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 1
$$;
COMMENT ON FUNCTION runfold.current_schema_version IS
    'The current version of an event type''s shape.';
REVOKE ALL ON FUNCTION runfold.current_schema_version FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.current_schema_version TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.is_timestamp(value text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])$'
       AND value::timestamptz BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 23:59:59.999999+00';
END
$$;
COMMENT ON FUNCTION runfold.is_timestamp IS
    'Whether a text is an RFC 3339 time with a zone that a session of any zone can show.';
REVOKE ALL ON FUNCTION runfold.is_timestamp FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.is_timestamp TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.is_uuid(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value OPERATOR(pg_catalog.~) '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
$$;
COMMENT ON FUNCTION runfold.is_uuid IS
    'Whether a text is a UUID.';
REVOKE ALL ON FUNCTION runfold.is_uuid FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.is_uuid TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.event_is_valid(category text, type text, stream_id text, data jsonb)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $valid$
BEGIN
    IF category = 'execution' THEN
        IF type = 'NodeScheduled' THEN
            IF coalesce((data - '{activation,node_id,node_type,node_name,node_subtype,max_retries,iteration,parent_activation}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && @.node_type.type() == "string" && (!exists(@.node_name) || @.node_name.type() == "null" || @.node_name.type() == "string") && (!exists(@.node_subtype) || @.node_subtype.type() == "null" || @.node_subtype.type() == "string") && (!exists(@.max_retries) || @.max_retries.type() == "null" || @.max_retries.type() == "number" && @.max_retries >= 0 && @.max_retries <= 2147483647) && (!exists(@.iteration) || @.iteration.type() == "null" || @.iteration.type() == "number" && @.iteration >= 0 && @.iteration <= 2147483647) && (!exists(@.parent_activation) || @.parent_activation.type() == "null" || @.parent_activation.type() == "string" && @.parent_activation >= "!"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type', data ->> 'node_name', data ->> 'node_subtype', data ->> 'parent_activation')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'parent_activation') !~ '[^ -~]'
                AND strpos(concat(data ->> 'max_retries', data ->> 'iteration'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,node_name,node_subtype,max_retries,iteration,parent_activation}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data -> 'node_type') ? (data ->> 'node_type')
                AND ((data ->> 'node_name') IS NULL OR (data -> 'node_name') ? (data ->> 'node_name'))
                AND ((data ->> 'node_subtype') IS NULL OR (data -> 'node_subtype') ? (data ->> 'node_subtype'))
                AND ((data ->> 'max_retries') IS NULL OR (data -> 'max_retries')::text::integer >= 0)
                AND ((data ->> 'iteration') IS NULL OR (data -> 'iteration')::text::integer >= 0)
                AND ((data ->> 'parent_activation') IS NULL OR (data -> 'parent_activation') ? (data ->> 'parent_activation')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, false)
                AND coalesce(length(data ->> 'node_name') <= 255, true)
                AND coalesce(length(data ->> 'node_subtype') <= 100, true)
                AND coalesce(length(data ->> 'parent_activation') <= 255 AND data ->> 'parent_activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'parent_activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeStarted' THEN
            IF coalesce((data - '{activation,node_id,node_type,node_name,node_subtype,max_retries,iteration,parent_activation,attempt,start_time,input_data}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && @.node_type.type() == "string" && (!exists(@.node_name) || @.node_name.type() == "null" || @.node_name.type() == "string") && (!exists(@.node_subtype) || @.node_subtype.type() == "null" || @.node_subtype.type() == "string") && (!exists(@.max_retries) || @.max_retries.type() == "null" || @.max_retries.type() == "number" && @.max_retries >= 0 && @.max_retries <= 2147483647) && (!exists(@.iteration) || @.iteration.type() == "null" || @.iteration.type() == "number" && @.iteration >= 0 && @.iteration <= 2147483647) && (!exists(@.parent_activation) || @.parent_activation.type() == "null" || @.parent_activation.type() == "string" && @.parent_activation >= "!") && @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647 && @.start_time.type() == "number" && @.start_time >= 0 && @.start_time <= 253402214399999)'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type', data ->> 'node_name', data ->> 'node_subtype', data ->> 'parent_activation')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'parent_activation') !~ '[^ -~]'
                AND strpos(concat(data ->> 'max_retries', data ->> 'iteration', data ->> 'attempt', data ->> 'start_time'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,node_name,node_subtype,max_retries,iteration,parent_activation,attempt,start_time,input_data}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data -> 'node_type') ? (data ->> 'node_type')
                AND ((data ->> 'node_name') IS NULL OR (data -> 'node_name') ? (data ->> 'node_name'))
                AND ((data ->> 'node_subtype') IS NULL OR (data -> 'node_subtype') ? (data ->> 'node_subtype'))
                AND ((data ->> 'max_retries') IS NULL OR (data -> 'max_retries')::text::integer >= 0)
                AND ((data ->> 'iteration') IS NULL OR (data -> 'iteration')::text::integer >= 0)
                AND ((data ->> 'parent_activation') IS NULL OR (data -> 'parent_activation') ? (data ->> 'parent_activation'))
                AND (data -> 'attempt')::text::integer >= 1
                AND (data -> 'start_time')::text::bigint >= 0 AND (data -> 'start_time')::text::bigint <= 253402214399999, false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, false)
                AND coalesce(length(data ->> 'node_name') <= 255, true)
                AND coalesce(length(data ->> 'node_subtype') <= 100, true)
                AND coalesce(length(data ->> 'parent_activation') <= 255 AND data ->> 'parent_activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'parent_activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeSucceeded' THEN
            IF coalesce((data - '{activation,node_id,node_type,attempt,end_time,output_data}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.node_type) || @.node_type.type() == "null" || @.node_type.type() == "string") && (!exists(@.attempt) || @.attempt.type() == "null" || @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647) && @.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999)'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(concat(data ->> 'attempt', data ->> 'end_time'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,attempt,end_time,output_data}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999, false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, true);
        ELSIF type = 'ExecutionCreated' THEN
            IF coalesce((data - '{execution_id,workflow_id,mode,workflow_version,deployment_version,trigger_subtype,trigger_data,triggered_by,parent_execution_id,retry_of,metadata}'::text[]) = '{}'
                AND data @? '$ ? (@.execution_id.type() == "string" && @.execution_id >= "!" && @.mode.type() == "string" && (@.mode == "MANUAL" || @.mode == "TRIGGER" || @.mode == "WEBHOOK" || @.mode == "RETRY") && (!exists(@.workflow_version) || @.workflow_version.type() == "null" || @.workflow_version.type() == "string") && (!exists(@.deployment_version) || @.deployment_version.type() == "null" || @.deployment_version.type() == "number" && @.deployment_version >= 0 && @.deployment_version <= 2147483647) && (!exists(@.trigger_subtype) || @.trigger_subtype.type() == "null" || @.trigger_subtype.type() == "string") && (!exists(@.trigger_data) || @.trigger_data.type() == "null" || @.trigger_data.type() == "object") && (!exists(@.triggered_by) || @.triggered_by.type() == "null" || @.triggered_by.type() == "string") && (!exists(@.parent_execution_id) || @.parent_execution_id.type() == "null" || @.parent_execution_id.type() == "string" && @.parent_execution_id >= "!") && (!exists(@.retry_of) || @.retry_of.type() == "null" || @.retry_of.type() == "string" && @.retry_of >= "!") && (!exists(@.metadata) || @.metadata.type() == "null" || @.metadata.type() == "object"))'
                AND octet_length(concat(data ->> 'execution_id', data ->> 'workflow_version', data ->> 'trigger_subtype', data ->> 'triggered_by', data ->> 'parent_execution_id', data ->> 'retry_of')) <= 50
                AND concat(data ->> 'execution_id', data ->> 'parent_execution_id', data ->> 'retry_of') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'deployment_version', ''), '.') = 0
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND 'execution-' || (data ->> 'execution_id') = stream_id, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{execution_id,workflow_id,mode,workflow_version,deployment_version,trigger_subtype,trigger_data,triggered_by,parent_execution_id,retry_of,metadata}'::text[]) = '{}'
                AND (data -> 'execution_id') ? (data ->> 'execution_id')
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND (data ->> 'mode') IN ('MANUAL', 'TRIGGER', 'WEBHOOK', 'RETRY')
                AND ((data ->> 'workflow_version') IS NULL OR (data -> 'workflow_version') ? (data ->> 'workflow_version'))
                AND ((data ->> 'deployment_version') IS NULL OR (data -> 'deployment_version')::text::integer >= 0)
                AND ((data ->> 'trigger_subtype') IS NULL OR (data -> 'trigger_subtype') ? (data ->> 'trigger_subtype'))
                AND ((data ->> 'trigger_data') IS NULL OR jsonb_typeof((data -> 'trigger_data')) = 'object')
                AND ((data ->> 'triggered_by') IS NULL OR (data -> 'triggered_by') ? (data ->> 'triggered_by'))
                AND ((data ->> 'parent_execution_id') IS NULL OR (data -> 'parent_execution_id') ? (data ->> 'parent_execution_id'))
                AND ((data ->> 'retry_of') IS NULL OR (data -> 'retry_of') ? (data ->> 'retry_of'))
                AND ((data ->> 'metadata') IS NULL OR jsonb_typeof((data -> 'metadata')) = 'object')
                AND 'execution-' || (data ->> 'execution_id') = stream_id, false)
                AND coalesce(length(data ->> 'execution_id') <= 255 AND data ->> 'execution_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'execution_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'workflow_version') <= 50, true)
                AND coalesce(length(data ->> 'trigger_subtype') <= 100, true)
                AND coalesce(length(data ->> 'triggered_by') <= 255, true)
                AND coalesce(length(data ->> 'parent_execution_id') <= 255 AND data ->> 'parent_execution_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'parent_execution_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true)
                AND coalesce(length(data ->> 'retry_of') <= 255 AND data ->> 'retry_of' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'retry_of', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'ExecutionStarted' THEN
            IF coalesce((data - '{start_time}'::text[]) = '{}'
                AND data @? '$ ? (@.start_time.type() == "number" && @.start_time >= 0 && @.start_time <= 253402214399999)'
                AND strpos(coalesce(data ->> 'start_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{start_time}'::text[]) = '{}'
                AND (data -> 'start_time')::text::bigint >= 0 AND (data -> 'start_time')::text::bigint <= 253402214399999, false);
        ELSIF type = 'ExecutionPaused' THEN
            IF coalesce((data - '{by,reason}'::text[]) = '{}'
                AND data @? '$ ? ((!exists(@.by) || @.by.type() == "null" || @.by.type() == "string") && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{by,reason}'::text[]) = '{}'
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        ELSIF type = 'ExecutionResumed' THEN
            IF coalesce((data - '{by,reason}'::text[]) = '{}'
                AND data @? '$ ? ((!exists(@.by) || @.by.type() == "null" || @.by.type() == "string") && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{by,reason}'::text[]) = '{}'
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        ELSIF type = 'ExecutionSucceeded' THEN
            IF coalesce((data - '{end_time,run_data}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999)'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,run_data}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999, false);
        ELSIF type = 'ExecutionFailed' THEN
            IF coalesce((data - '{end_time,error_message,error_details,node_id}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && @.error_message.type() == "string" && (!exists(@.node_id) || @.node_id.type() == "null" || @.node_id.type() == "string" && @.node_id >= "!"))'
                AND octet_length(coalesce(data ->> 'node_id', '')) <= 255
                AND coalesce(data ->> 'node_id', '') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,error_message,error_details,node_id}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data -> 'error_message') ? (data ->> 'error_message')
                AND ((data ->> 'node_id') IS NULL OR (data -> 'node_id') ? (data ->> 'node_id')), false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'ExecutionCanceled' THEN
            IF coalesce((data - '{end_time,by,reason}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && (!exists(@.by) || @.by.type() == "null" || @.by.type() == "string") && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,by,reason}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        ELSIF type = 'ExecutionTimedOut' THEN
            IF coalesce((data - '{end_time}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999)'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999, false);
        ELSIF type = 'ExecutionDeclaredLost' THEN
            IF coalesce((data - '{end_time,detector,last_seen}'::text[]) = '{}'
                AND data @? '$ ? (@.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && @.detector.type() == "string")'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0
                AND runfold.is_timestamp((data ->> 'last_seen')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{end_time,detector,last_seen}'::text[]) = '{}'
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data -> 'detector') ? (data ->> 'detector')
                AND runfold.is_timestamp((data ->> 'last_seen')), false);
        ELSIF type = 'ExecutionMetadataSet' THEN
            IF coalesce((data - '{metadata}'::text[]) = '{}'
                AND data @? '$ ? (@.metadata.type() == "object")', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{metadata}'::text[]) = '{}'
                AND jsonb_typeof((data -> 'metadata')) = 'object', false);
        ELSIF type = 'ExecutionTakenOver' THEN
            IF coalesce((data - '{engine,epoch,from_engine}'::text[]) = '{}'
                AND data @? '$ ? (@.engine.type() == "string" && @.engine >= "!" && @.epoch.type() == "number" && @.epoch >= 1 && @.epoch <= 2147483647 && (!exists(@.from_engine) || @.from_engine.type() == "null" || @.from_engine.type() == "string" && @.from_engine >= "!"))'
                AND octet_length(concat(data ->> 'engine', data ->> 'from_engine')) <= 255
                AND concat(data ->> 'engine', data ->> 'from_engine') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'epoch', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{engine,epoch,from_engine}'::text[]) = '{}'
                AND (data -> 'engine') ? (data ->> 'engine')
                AND (data -> 'epoch')::text::integer >= 1
                AND ((data ->> 'from_engine') IS NULL OR (data -> 'from_engine') ? (data ->> 'from_engine')), false)
                AND coalesce(length(data ->> 'engine') <= 255 AND data ->> 'engine' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'engine', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'from_engine') <= 255 AND data ->> 'from_engine' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'from_engine', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'ExecutionSignaled' THEN
            IF coalesce((data - '{signal,data,by}'::text[]) = '{}'
                AND data @? '$ ? (@.signal.type() == "string" && @.signal >= "!" && (!exists(@.by) || @.by.type() == "null" || @.by.type() == "string"))'
                AND octet_length(coalesce(data ->> 'signal', '')) <= 255
                AND coalesce(data ->> 'signal', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{signal,data,by}'::text[]) = '{}'
                AND (data -> 'signal') ? (data ->> 'signal')
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by')), false)
                AND coalesce(length(data ->> 'signal') <= 255 AND data ->> 'signal' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'signal', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'SignalTaken' THEN
            IF coalesce((data - '{signal,version,key}'::text[]) = '{}'
                AND data @? '$ ? (@.signal.type() == "string" && @.signal >= "!" && @.version.type() == "number" && @.version >= 1 && @.version <= 2147483647 && (!exists(@.key) || @.key.type() == "null" || @.key.type() == "string" && @.key >= "!"))'
                AND octet_length(concat(data ->> 'signal', data ->> 'key')) <= 255
                AND concat(data ->> 'signal', data ->> 'key') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'version', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{signal,version,key}'::text[]) = '{}'
                AND (data -> 'signal') ? (data ->> 'signal')
                AND (data -> 'version')::text::integer >= 1
                AND ((data ->> 'key') IS NULL OR (data -> 'key') ? (data ->> 'key')), false)
                AND coalesce(length(data ->> 'signal') <= 255 AND data ->> 'signal' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'signal', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'key') <= 255 AND data ->> 'key' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'key', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'ModelCalled' THEN
            IF coalesce((data - '{activation,provider,model_id,version,input_tokens,cached_tokens,output_tokens,latency_ms}'::text[]) = '{}'
                AND data @? '$ ? ((!exists(@.activation) || @.activation.type() == "null" || @.activation.type() == "string" && @.activation >= "!") && @.provider.type() == "string" && @.provider >= "!" && @.model_id.type() == "string" && @.model_id >= "!" && (!exists(@.version) || @.version.type() == "null" || @.version.type() == "string" && @.version >= "!") && @.input_tokens.type() == "number" && @.input_tokens >= 0 && @.input_tokens <= 2147483647 && @.cached_tokens.type() == "number" && @.cached_tokens >= 0 && @.cached_tokens <= 2147483647 && @.output_tokens.type() == "number" && @.output_tokens >= 0 && @.output_tokens <= 2147483647 && (!exists(@.latency_ms) || @.latency_ms.type() == "null" || @.latency_ms.type() == "number" && @.latency_ms >= 0 && @.latency_ms <= 2147483647))'
                AND octet_length(concat(data ->> 'activation', data ->> 'provider', data ->> 'model_id', data ->> 'version')) <= 50
                AND concat(data ->> 'activation', data ->> 'provider', data ->> 'model_id', data ->> 'version') !~ '[^ -~]'
                AND strpos(concat(data ->> 'input_tokens', data ->> 'cached_tokens', data ->> 'output_tokens', data ->> 'latency_ms'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,provider,model_id,version,input_tokens,cached_tokens,output_tokens,latency_ms}'::text[]) = '{}'
                AND ((data ->> 'activation') IS NULL OR (data -> 'activation') ? (data ->> 'activation'))
                AND (data -> 'provider') ? (data ->> 'provider')
                AND (data -> 'model_id') ? (data ->> 'model_id')
                AND ((data ->> 'version') IS NULL OR (data -> 'version') ? (data ->> 'version'))
                AND (data -> 'input_tokens')::text::integer >= 0
                AND (data -> 'cached_tokens')::text::integer >= 0
                AND (data -> 'output_tokens')::text::integer >= 0
                AND ((data ->> 'latency_ms') IS NULL OR (data -> 'latency_ms')::text::integer >= 0), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true)
                AND coalesce(length(data ->> 'provider') <= 50 AND data ->> 'provider' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'provider', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'model_id') <= 100 AND data ->> 'model_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'model_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'version') <= 50 AND data ->> 'version' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'version', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeAttemptFailed' THEN
            IF coalesce((data - '{activation,node_id,attempt,error_data,will_retry,next_retry_at}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647 && @.error_data.type() != "null" && @.will_retry.type() == "boolean")'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id')) <= 255
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'attempt', ''), '.') = 0
                AND ((data ->> 'next_retry_at') IS NULL OR runfold.is_timestamp((data ->> 'next_retry_at'))), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,error_data,will_retry,next_retry_at}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data -> 'attempt')::text::integer >= 1
                AND (data ->> 'error_data') IS NOT NULL
                AND jsonb_typeof((data -> 'will_retry')) = 'boolean'
                AND ((data ->> 'next_retry_at') IS NULL OR runfold.is_timestamp((data ->> 'next_retry_at'))), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'NodeWaiting' THEN
            IF coalesce((data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.attempt) || @.attempt.type() == "null" || @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647) && (!exists(@.pause) || @.pause.type() == "null" || @.pause.type() == "string" && @.pause >= "!"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause')) <= 255
                AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'attempt', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND ((data ->> 'pause') IS NULL OR (data -> 'pause') ? (data ->> 'pause')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeContinued' THEN
            IF coalesce((data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.attempt) || @.attempt.type() == "null" || @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647) && (!exists(@.pause) || @.pause.type() == "null" || @.pause.type() == "string" && @.pause >= "!"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause')) <= 255
                AND concat(data ->> 'activation', data ->> 'node_id', data ->> 'pause') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'attempt', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,pause}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND ((data ->> 'pause') IS NULL OR (data -> 'pause') ? (data ->> 'pause')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'NodeFailed' THEN
            IF coalesce((data - '{activation,node_id,attempt,end_time,error_data}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.attempt) || @.attempt.type() == "null" || @.attempt.type() == "number" && @.attempt >= 1 && @.attempt <= 2147483647) && @.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && @.error_data.type() != "null")'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id')) <= 255
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(concat(data ->> 'attempt', data ->> 'end_time'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,attempt,end_time,error_data}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'attempt') IS NULL OR (data -> 'attempt')::text::integer >= 1)
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND (data ->> 'error_data') IS NOT NULL, false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'NodeSkipped' THEN
            IF coalesce((data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.node_type) || @.node_type.type() == "null" || @.node_type.type() == "string") && @.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, true);
        ELSIF type = 'NodeCanceled' THEN
            IF coalesce((data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND data @? '$ ? (@.activation.type() == "string" && @.activation >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && (!exists(@.node_type) || @.node_type.type() == "null" || @.node_type.type() == "string") && @.end_time.type() == "number" && @.end_time >= 0 && @.end_time <= 253402214399999 && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))'
                AND octet_length(concat(data ->> 'activation', data ->> 'node_id', data ->> 'node_type')) <= 100
                AND concat(data ->> 'activation', data ->> 'node_id') !~ '[^ -~]'
                AND strpos(coalesce(data ->> 'end_time', ''), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{activation,node_id,node_type,end_time,reason}'::text[]) = '{}'
                AND (data -> 'activation') ? (data ->> 'activation')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND (data -> 'end_time')::text::bigint >= 0 AND (data -> 'end_time')::text::bigint <= 253402214399999
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_type') <= 100, true);
        ELSIF type = 'PauseOpened' THEN
            IF coalesce((data - '{pause,paused_node_id,activation,pause_reason,paused_at,resume_conditions,interaction_id,timeout_at}'::text[]) = '{}'
                AND data @? '$ ? (@.pause.type() == "string" && @.pause >= "!" && @.paused_node_id.type() == "string" && @.paused_node_id >= "!" && (!exists(@.activation) || @.activation.type() == "null" || @.activation.type() == "string" && @.activation >= "!") && @.pause_reason.type() == "string" && (@.pause_reason == "human_interaction" || @.pause_reason == "timeout" || @.pause_reason == "error" || @.pause_reason == "manual" || @.pause_reason == "timer") && @.resume_conditions.type() == "object")'
                AND octet_length(concat(data ->> 'pause', data ->> 'paused_node_id', data ->> 'activation')) <= 255
                AND concat(data ->> 'pause', data ->> 'paused_node_id', data ->> 'activation') !~ '[^ -~]'
                AND runfold.is_timestamp((data ->> 'paused_at'))
                AND ((data ->> 'interaction_id') IS NULL OR runfold.is_uuid((data ->> 'interaction_id')))
                AND ((data ->> 'timeout_at') IS NULL OR runfold.is_timestamp((data ->> 'timeout_at'))), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,paused_node_id,activation,pause_reason,paused_at,resume_conditions,interaction_id,timeout_at}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND (data -> 'paused_node_id') ? (data ->> 'paused_node_id')
                AND ((data ->> 'activation') IS NULL OR (data -> 'activation') ? (data ->> 'activation'))
                AND (data ->> 'pause_reason') IN ('human_interaction', 'timeout', 'error', 'manual', 'timer')
                AND runfold.is_timestamp((data ->> 'paused_at'))
                AND jsonb_typeof((data -> 'resume_conditions')) = 'object'
                AND ((data ->> 'interaction_id') IS NULL OR runfold.is_uuid((data ->> 'interaction_id')))
                AND ((data ->> 'timeout_at') IS NULL OR runfold.is_timestamp((data ->> 'timeout_at'))), false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'paused_node_id') <= 255 AND data ->> 'paused_node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'paused_node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'activation') <= 255 AND data ->> 'activation' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'activation', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'PauseResumed' THEN
            IF coalesce((data - '{pause,resumed_at,resume_trigger,data}'::text[]) = '{}'
                AND data @? '$ ? (@.pause.type() == "string" && @.pause >= "!" && @.resume_trigger.type() == "string")'
                AND octet_length(concat(data ->> 'pause', data ->> 'resume_trigger')) <= 100
                AND coalesce(data ->> 'pause', '') !~ '[^ -~]'
                AND runfold.is_timestamp((data ->> 'resumed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,resumed_at,resume_trigger,data}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'resumed_at'))
                AND (data -> 'resume_trigger') ? (data ->> 'resume_trigger'), false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'resume_trigger') <= 100, false);
        ELSIF type = 'PauseTimedOut' THEN
            IF coalesce((data - '{pause,at,action}'::text[]) = '{}'
                AND data @? '$ ? (@.pause.type() == "string" && @.pause >= "!" && @.action.type() == "string")'
                AND octet_length(coalesce(data ->> 'pause', '')) <= 255
                AND coalesce(data ->> 'pause', '') !~ '[^ -~]'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,at,action}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'action') ? (data ->> 'action'), false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'PauseCanceled' THEN
            IF coalesce((data - '{pause,at}'::text[]) = '{}'
                AND data @? '$ ? (@.pause.type() == "string" && @.pause >= "!")'
                AND octet_length(coalesce(data ->> 'pause', '')) <= 255
                AND coalesce(data ->> 'pause', '') !~ '[^ -~]'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{pause,at}'::text[]) = '{}'
                AND (data -> 'pause') ? (data ->> 'pause')
                AND runfold.is_timestamp((data ->> 'at')), false)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        END IF;
    ELSIF category = 'log' THEN
        IF type = 'LogAppended' THEN
            IF coalesce((data - '{level,event_type,message,log_category,data,node_id,node_name,node_type,step_number,total_steps,progress_percentage,duration_seconds,user_friendly_message,display_priority,is_milestone,technical_details,stack_trace,performance_metrics}'::text[]) = '{}'
                AND data @? '$ ? (@.level.type() == "string" && (@.level == "DEBUG" || @.level == "INFO" || @.level == "WARNING" || @.level == "ERROR") && @.event_type.type() == "string" && (@.event_type == "workflow_started" || @.event_type == "workflow_completed" || @.event_type == "workflow_progress" || @.event_type == "step_started" || @.event_type == "step_input" || @.event_type == "step_output" || @.event_type == "step_completed" || @.event_type == "step_error" || @.event_type == "separator") && @.message.type() == "string" && (!exists(@.log_category) || @.log_category.type() == "null" || @.log_category.type() == "string" && (@.log_category == "TECHNICAL" || @.log_category == "BUSINESS")) && (!exists(@.data) || @.data.type() == "null" || @.data.type() == "object") && (!exists(@.node_id) || @.node_id.type() == "null" || @.node_id.type() == "string" && @.node_id >= "!") && (!exists(@.node_name) || @.node_name.type() == "null" || @.node_name.type() == "string") && (!exists(@.node_type) || @.node_type.type() == "null" || @.node_type.type() == "string") && (!exists(@.step_number) || @.step_number.type() == "null" || @.step_number.type() == "number" && @.step_number >= 0 && @.step_number <= 2147483647) && (!exists(@.total_steps) || @.total_steps.type() == "null" || @.total_steps.type() == "number" && @.total_steps >= 0 && @.total_steps <= 2147483647) && (!exists(@.progress_percentage) || @.progress_percentage.type() == "null" || @.progress_percentage.type() == "number" && @.progress_percentage >= 0 && @.progress_percentage <= 100) && (!exists(@.duration_seconds) || @.duration_seconds.type() == "null" || @.duration_seconds.type() == "number" && @.duration_seconds >= 0 && @.duration_seconds <= 2147483647) && (!exists(@.user_friendly_message) || @.user_friendly_message.type() == "null" || @.user_friendly_message.type() == "string") && (!exists(@.display_priority) || @.display_priority.type() == "null" || @.display_priority.type() == "number" && @.display_priority >= 1 && @.display_priority <= 10) && (!exists(@.is_milestone) || @.is_milestone.type() == "null" || @.is_milestone.type() == "boolean") && (!exists(@.technical_details) || @.technical_details.type() == "null" || @.technical_details.type() == "object") && (!exists(@.stack_trace) || @.stack_trace.type() == "null" || @.stack_trace.type() == "string") && (!exists(@.performance_metrics) || @.performance_metrics.type() == "null" || @.performance_metrics.type() == "object"))'
                AND octet_length(concat(data ->> 'node_id', data ->> 'node_name', data ->> 'node_type')) <= 100
                AND coalesce(data ->> 'node_id', '') !~ '[^ -~]'
                AND strpos(concat(data ->> 'step_number', data ->> 'total_steps', data ->> 'duration_seconds', data ->> 'display_priority'), '.') = 0, false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{level,event_type,message,log_category,data,node_id,node_name,node_type,step_number,total_steps,progress_percentage,duration_seconds,user_friendly_message,display_priority,is_milestone,technical_details,stack_trace,performance_metrics}'::text[]) = '{}'
                AND (data ->> 'level') IN ('DEBUG', 'INFO', 'WARNING', 'ERROR')
                AND (data ->> 'event_type') IN ('workflow_started', 'workflow_completed', 'workflow_progress', 'step_started', 'step_input', 'step_output', 'step_completed', 'step_error', 'separator')
                AND (data -> 'message') ? (data ->> 'message')
                AND ((data ->> 'log_category') IS NULL OR (data ->> 'log_category') IN ('TECHNICAL', 'BUSINESS'))
                AND ((data ->> 'data') IS NULL OR jsonb_typeof((data -> 'data')) = 'object')
                AND ((data ->> 'node_id') IS NULL OR (data -> 'node_id') ? (data ->> 'node_id'))
                AND ((data ->> 'node_name') IS NULL OR (data -> 'node_name') ? (data ->> 'node_name'))
                AND ((data ->> 'node_type') IS NULL OR (data -> 'node_type') ? (data ->> 'node_type'))
                AND ((data ->> 'step_number') IS NULL OR (data -> 'step_number')::text::integer >= 0)
                AND ((data ->> 'total_steps') IS NULL OR (data -> 'total_steps')::text::integer >= 0)
                AND ((data ->> 'progress_percentage') IS NULL OR (data -> 'progress_percentage') BETWEEN '0' AND '100')
                AND ((data ->> 'duration_seconds') IS NULL OR (data -> 'duration_seconds')::text::integer >= 0)
                AND ((data ->> 'user_friendly_message') IS NULL OR (data -> 'user_friendly_message') ? (data ->> 'user_friendly_message'))
                AND ((data ->> 'display_priority') IS NULL OR (data -> 'display_priority')::text::integer >= 1 AND (data -> 'display_priority')::text::integer <= 10)
                AND ((data ->> 'is_milestone') IS NULL OR jsonb_typeof((data -> 'is_milestone')) = 'boolean')
                AND ((data ->> 'technical_details') IS NULL OR jsonb_typeof((data -> 'technical_details')) = 'object')
                AND ((data ->> 'stack_trace') IS NULL OR (data -> 'stack_trace') ? (data ->> 'stack_trace'))
                AND ((data ->> 'performance_metrics') IS NULL OR jsonb_typeof((data -> 'performance_metrics')) = 'object'), false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true)
                AND coalesce(length(data ->> 'node_name') <= 255, true)
                AND coalesce(length(data ->> 'node_type') <= 100, true);
        END IF;
    ELSIF category = 'interaction' THEN
        IF type = 'InteractionRequested' THEN
            IF coalesce((data - '{workflow_id,execution_id,node_id,interaction_type,channel_type,priority,request_data,timeout_at,correlation_id,tags,pause}'::text[]) = '{}'
                AND data @? '$ ? (@.execution_id.type() == "string" && @.execution_id >= "!" && @.node_id.type() == "string" && @.node_id >= "!" && @.interaction_type.type() == "string" && (@.interaction_type == "approval" || @.interaction_type == "input" || @.interaction_type == "selection" || @.interaction_type == "review") && @.channel_type.type() == "string" && (@.channel_type == "slack" || @.channel_type == "email" || @.channel_type == "webhook" || @.channel_type == "in_app") && @.priority.type() == "string" && (@.priority == "low" || @.priority == "normal" || @.priority == "high" || @.priority == "critical") && @.request_data.type() == "object" && (!exists(@.correlation_id) || @.correlation_id.type() == "null" || @.correlation_id.type() == "string") && (!exists(@.pause) || @.pause.type() == "null" || @.pause.type() == "string" && @.pause >= "!"))'
                AND octet_length(concat(data ->> 'execution_id', data ->> 'node_id', data ->> 'correlation_id', data ->> 'pause')) <= 255
                AND concat(data ->> 'execution_id', data ->> 'node_id', data ->> 'pause') !~ '[^ -~]'
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND ((data ->> 'timeout_at') IS NULL OR runfold.is_timestamp((data ->> 'timeout_at')))
                AND ((data ->> 'tags') IS NULL OR jsonb_typeof((data -> 'tags')) = 'array' AND NOT jsonb_path_exists((data -> 'tags'), 'strict $[*] ? (@.type() != "string")')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{workflow_id,execution_id,node_id,interaction_type,channel_type,priority,request_data,timeout_at,correlation_id,tags,pause}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND (data -> 'execution_id') ? (data ->> 'execution_id')
                AND (data -> 'node_id') ? (data ->> 'node_id')
                AND (data ->> 'interaction_type') IN ('approval', 'input', 'selection', 'review')
                AND (data ->> 'channel_type') IN ('slack', 'email', 'webhook', 'in_app')
                AND (data ->> 'priority') IN ('low', 'normal', 'high', 'critical')
                AND jsonb_typeof((data -> 'request_data')) = 'object'
                AND ((data ->> 'timeout_at') IS NULL OR runfold.is_timestamp((data ->> 'timeout_at')))
                AND ((data ->> 'correlation_id') IS NULL OR (data -> 'correlation_id') ? (data ->> 'correlation_id'))
                AND ((data ->> 'tags') IS NULL OR jsonb_typeof((data -> 'tags')) = 'array' AND NOT jsonb_path_exists((data -> 'tags'), 'strict $[*] ? (@.type() != "string")'))
                AND ((data ->> 'pause') IS NULL OR (data -> 'pause') ? (data ->> 'pause')), false)
                AND coalesce(length(data ->> 'execution_id') <= 255 AND data ->> 'execution_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'execution_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'correlation_id') <= 255, true)
                AND coalesce(length(data ->> 'pause') <= 255 AND data ->> 'pause' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'pause', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true);
        ELSIF type = 'InteractionNotified' THEN
            IF coalesce((data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false);
        ELSIF type = 'InteractionReminderSent' THEN
            IF coalesce((data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at')), false);
        ELSIF type = 'InteractionResponded' THEN
            IF coalesce((data - '{response_id,response_data,responded_at,responder}'::text[]) = '{}'
                AND data @? '$ ? (@.response_data.type() != "null" && (!exists(@.responder) || @.responder.type() == "null" || @.responder.type() == "string"))'
                AND ((data ->> 'response_id') IS NULL OR runfold.is_uuid((data ->> 'response_id')))
                AND runfold.is_timestamp((data ->> 'responded_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{response_id,response_data,responded_at,responder}'::text[]) = '{}'
                AND ((data ->> 'response_id') IS NULL OR runfold.is_uuid((data ->> 'response_id')))
                AND (data ->> 'response_data') IS NOT NULL
                AND runfold.is_timestamp((data ->> 'responded_at'))
                AND ((data ->> 'responder') IS NULL OR (data -> 'responder') ? (data ->> 'responder')), false);
        ELSIF type = 'InteractionTimedOut' THEN
            IF coalesce((data - '{at,action}'::text[]) = '{}'
                AND data @? '$ ? (@.action.type() == "string")'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,action}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'action') ? (data ->> 'action'), false);
        ELSIF type = 'InteractionFailed' THEN
            IF coalesce((data - '{at,error}'::text[]) = '{}'
                AND data @? '$ ? (@.error.type() == "string")'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,error}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'error') ? (data ->> 'error'), false);
        ELSIF type = 'InteractionReopened' THEN
            IF coalesce((data - '{at,by}'::text[]) = '{}'
                AND data @? '$ ? (@.by.type() == "string")'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,by}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND (data -> 'by') ? (data ->> 'by'), false);
        ELSIF type = 'InteractionCanceled' THEN
            IF coalesce((data - '{at,by,reason}'::text[]) = '{}'
                AND data @? '$ ? ((!exists(@.by) || @.by.type() == "null" || @.by.type() == "string") && (!exists(@.reason) || @.reason.type() == "null" || @.reason.type() == "string"))'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{at,by,reason}'::text[]) = '{}'
                AND runfold.is_timestamp((data ->> 'at'))
                AND ((data ->> 'by') IS NULL OR (data -> 'by') ? (data ->> 'by'))
                AND ((data ->> 'reason') IS NULL OR (data -> 'reason') ? (data ->> 'reason')), false);
        END IF;
    ELSIF category = 'response' THEN
        IF type = 'ResponseReceived' THEN
            IF coalesce((data - '{workflow_id,source_channel,raw_payload,headers,received_at}'::text[]) = '{}'
                AND data @? '$ ? (@.source_channel.type() == "string" && (@.source_channel == "slack" || @.source_channel == "email" || @.source_channel == "webhook" || @.source_channel == "in_app") && @.raw_payload.type() != "null" && (!exists(@.headers) || @.headers.type() == "null" || @.headers.type() == "object"))'
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND runfold.is_timestamp((data ->> 'received_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{workflow_id,source_channel,raw_payload,headers,received_at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'workflow_id'))
                AND (data ->> 'source_channel') IN ('slack', 'email', 'webhook', 'in_app')
                AND (data ->> 'raw_payload') IS NOT NULL
                AND ((data ->> 'headers') IS NULL OR jsonb_typeof((data -> 'headers')) = 'object')
                AND runfold.is_timestamp((data ->> 'received_at')), false);
        ELSIF type = 'ResponseMatched' THEN
            IF coalesce((data - '{interaction_id,ai_relevance_score,ai_reasoning,processed_at,classifier}'::text[]) = '{}'
                AND data @? '$ ? (@.ai_relevance_score.type() == "number" && @.ai_relevance_score >= 0 && @.ai_relevance_score <= 1 && @.ai_reasoning.type() == "string" && (!exists(@.classifier) || @.classifier.type() == "null" || @.classifier.type() == "string"))'
                AND runfold.is_uuid((data ->> 'interaction_id'))
                AND runfold.is_timestamp((data ->> 'processed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{interaction_id,ai_relevance_score,ai_reasoning,processed_at,classifier}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'interaction_id'))
                AND (data -> 'ai_relevance_score') BETWEEN '0' AND '1'
                AND (data -> 'ai_reasoning') ? (data ->> 'ai_reasoning')
                AND runfold.is_timestamp((data ->> 'processed_at'))
                AND ((data ->> 'classifier') IS NULL OR (data -> 'classifier') ? (data ->> 'classifier')), false);
        ELSIF type = 'ResponseFilteredOut' THEN
            IF coalesce((data - '{ai_relevance_score,ai_reasoning,processed_at}'::text[]) = '{}'
                AND data @? '$ ? (@.ai_relevance_score.type() == "number" && @.ai_relevance_score >= 0 && @.ai_relevance_score <= 1 && @.ai_reasoning.type() == "string")'
                AND runfold.is_timestamp((data ->> 'processed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{ai_relevance_score,ai_reasoning,processed_at}'::text[]) = '{}'
                AND (data -> 'ai_relevance_score') BETWEEN '0' AND '1'
                AND (data -> 'ai_reasoning') ? (data ->> 'ai_reasoning')
                AND runfold.is_timestamp((data ->> 'processed_at')), false);
        ELSIF type = 'ResponseErrored' THEN
            IF coalesce((data - '{error,processed_at}'::text[]) = '{}'
                AND data @? '$ ? (@.error.type() == "string")'
                AND runfold.is_timestamp((data ->> 'processed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{error,processed_at}'::text[]) = '{}'
                AND (data -> 'error') ? (data ->> 'error')
                AND runfold.is_timestamp((data ->> 'processed_at')), false);
        ELSIF type = 'ResponseReopened' THEN
            IF coalesce((data - '{by,at}'::text[]) = '{}'
                AND data @? '$ ? (@.by.type() == "string")'
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{by,at}'::text[]) = '{}'
                AND (data -> 'by') ? (data ->> 'by')
                AND runfold.is_timestamp((data ->> 'at')), false);
        END IF;
    ELSIF category = 'deployment' THEN
        IF type = 'DeploymentStarted' THEN
            IF coalesce((data - '{deployment_id,deployment_action,from_status,to_status,deployment_version,deployment_config,definition,definition_digest,triggered_by,started_at}'::text[]) = '{}'
                AND data @? '$ ? (@.deployment_action.type() == "string" && (@.deployment_action == "DEPLOY" || @.deployment_action == "UPDATE" || @.deployment_action == "ROLLBACK" || @.deployment_action == "UNDEPLOY") && @.from_status.type() == "string" && (@.from_status == "IDLE" || @.from_status == "DEPLOYING" || @.from_status == "DEPLOYED" || @.from_status == "DEPLOYMENT_FAILED" || @.from_status == "UNDEPLOYING" || @.from_status == "UNDEPLOYED") && @.to_status.type() == "string" && (@.to_status == "IDLE" || @.to_status == "DEPLOYING" || @.to_status == "DEPLOYED" || @.to_status == "DEPLOYMENT_FAILED" || @.to_status == "UNDEPLOYING" || @.to_status == "UNDEPLOYED") && @.deployment_version.type() == "number" && @.deployment_version >= 0 && @.deployment_version <= 2147483647 && @.deployment_config.type() == "object" && (!exists(@.definition) || @.definition.type() == "null" || @.definition.type() == "object") && (!exists(@.definition_digest) || @.definition_digest.type() == "null" || @.definition_digest.type() == "string"))'
                AND octet_length(coalesce(data ->> 'definition_digest', '')) <= 100
                AND strpos(coalesce(data ->> 'deployment_version', ''), '.') = 0
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'started_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,deployment_action,from_status,to_status,deployment_version,deployment_config,definition,definition_digest,triggered_by,started_at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'deployment_action') IN ('DEPLOY', 'UPDATE', 'ROLLBACK', 'UNDEPLOY')
                AND (data ->> 'from_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data ->> 'to_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data -> 'deployment_version')::text::integer >= 0
                AND jsonb_typeof((data -> 'deployment_config')) = 'object'
                AND ((data ->> 'definition') IS NULL OR jsonb_typeof((data -> 'definition')) = 'object')
                AND ((data ->> 'definition_digest') IS NULL OR (data -> 'definition_digest') ? (data ->> 'definition_digest'))
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'started_at')), false)
                AND coalesce(length(data ->> 'definition_digest') <= 100, true);
        ELSIF type = 'DeploymentLogAppended' THEN
            IF coalesce((data - '{deployment_id,level,message,at}'::text[]) = '{}'
                AND data @? '$ ? (@.level.type() == "string" && (@.level == "DEBUG" || @.level == "INFO" || @.level == "WARNING" || @.level == "ERROR") && @.message.type() == "string")'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND runfold.is_timestamp((data ->> 'at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,level,message,at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'level') IN ('DEBUG', 'INFO', 'WARNING', 'ERROR')
                AND (data -> 'message') ? (data ->> 'message')
                AND runfold.is_timestamp((data ->> 'at')), false);
        ELSIF type = 'DeploymentCompleted' THEN
            IF coalesce((data - '{deployment_id,deployment_action,to_status,deployment_version,deployment_config,triggered_by,completed_at}'::text[]) = '{}'
                AND data @? '$ ? (@.deployment_action.type() == "string" && (@.deployment_action == "DEPLOY" || @.deployment_action == "UPDATE" || @.deployment_action == "ROLLBACK" || @.deployment_action == "UNDEPLOY") && @.to_status.type() == "string" && (@.to_status == "IDLE" || @.to_status == "DEPLOYING" || @.to_status == "DEPLOYED" || @.to_status == "DEPLOYMENT_FAILED" || @.to_status == "UNDEPLOYING" || @.to_status == "UNDEPLOYED") && @.deployment_version.type() == "number" && @.deployment_version >= 0 && @.deployment_version <= 2147483647 && @.deployment_config.type() == "object")'
                AND strpos(coalesce(data ->> 'deployment_version', ''), '.') = 0
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'completed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,deployment_action,to_status,deployment_version,deployment_config,triggered_by,completed_at}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'deployment_action') IN ('DEPLOY', 'UPDATE', 'ROLLBACK', 'UNDEPLOY')
                AND (data ->> 'to_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data -> 'deployment_version')::text::integer >= 0
                AND jsonb_typeof((data -> 'deployment_config')) = 'object'
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'completed_at')), false);
        ELSIF type = 'DeploymentFailed' THEN
            IF coalesce((data - '{deployment_id,deployment_action,to_status,deployment_version,deployment_config,triggered_by,completed_at,error_message}'::text[]) = '{}'
                AND data @? '$ ? (@.deployment_action.type() == "string" && (@.deployment_action == "DEPLOY" || @.deployment_action == "UPDATE" || @.deployment_action == "ROLLBACK" || @.deployment_action == "UNDEPLOY") && @.to_status.type() == "string" && (@.to_status == "IDLE" || @.to_status == "DEPLOYING" || @.to_status == "DEPLOYED" || @.to_status == "DEPLOYMENT_FAILED" || @.to_status == "UNDEPLOYING" || @.to_status == "UNDEPLOYED") && @.deployment_version.type() == "number" && @.deployment_version >= 0 && @.deployment_version <= 2147483647 && @.deployment_config.type() == "object" && @.error_message.type() == "string")'
                AND strpos(coalesce(data ->> 'deployment_version', ''), '.') = 0
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'completed_at')), false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{deployment_id,deployment_action,to_status,deployment_version,deployment_config,triggered_by,completed_at,error_message}'::text[]) = '{}'
                AND runfold.is_uuid((data ->> 'deployment_id'))
                AND (data ->> 'deployment_action') IN ('DEPLOY', 'UPDATE', 'ROLLBACK', 'UNDEPLOY')
                AND (data ->> 'to_status') IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')
                AND (data -> 'deployment_version')::text::integer >= 0
                AND jsonb_typeof((data -> 'deployment_config')) = 'object'
                AND ((data ->> 'triggered_by') IS NULL OR runfold.is_uuid((data ->> 'triggered_by')))
                AND runfold.is_timestamp((data ->> 'completed_at'))
                AND (data -> 'error_message') ? (data ->> 'error_message'), false);
        ELSIF type = 'TriggerRegistered' THEN
            IF coalesce((data - '{trigger,node_id,trigger_subtype,trigger_config,index_key}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!" && (!exists(@.node_id) || @.node_id.type() == "null" || @.node_id.type() == "string" && @.node_id >= "!") && @.trigger_subtype.type() == "string" && (@.trigger_subtype == "CRON" || @.trigger_subtype == "MANUAL" || @.trigger_subtype == "WEBHOOK" || @.trigger_subtype == "EMAIL" || @.trigger_subtype == "GITHUB" || @.trigger_subtype == "SLACK") && @.trigger_config.type() == "object" && @.index_key.type() == "string")'
                AND octet_length(concat(data ->> 'trigger', data ->> 'node_id', data ->> 'index_key')) <= 255
                AND concat(data ->> 'trigger', data ->> 'node_id') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger,node_id,trigger_subtype,trigger_config,index_key}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger')
                AND ((data ->> 'node_id') IS NULL OR (data -> 'node_id') ? (data ->> 'node_id'))
                AND (data ->> 'trigger_subtype') IN ('CRON', 'MANUAL', 'WEBHOOK', 'EMAIL', 'GITHUB', 'SLACK')
                AND jsonb_typeof((data -> 'trigger_config')) = 'object'
                AND (data -> 'index_key') ? (data ->> 'index_key'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false)
                AND coalesce(length(data ->> 'node_id') <= 255 AND data ->> 'node_id' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'node_id', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', true)
                AND coalesce(length(data ->> 'index_key') <= 255, false);
        ELSIF type = 'TriggerActivated' THEN
            IF coalesce((data - '{trigger}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!")'
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255
                AND coalesce(data ->> 'trigger', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'TriggerDeactivated' THEN
            IF coalesce((data - '{trigger}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!")'
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255
                AND coalesce(data ->> 'trigger', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'TriggerFailed' THEN
            IF coalesce((data - '{trigger}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!")'
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255
                AND coalesce(data ->> 'trigger', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        ELSIF type = 'TriggerRemoved' THEN
            IF coalesce((data - '{trigger}'::text[]) = '{}'
                AND data @? '$ ? (@.trigger.type() == "string" && @.trigger >= "!")'
                AND octet_length(coalesce(data ->> 'trigger', '')) <= 255
                AND coalesce(data ->> 'trigger', '') !~ '[^ -~]', false) THEN
                RETURN true;
            END IF;
            RETURN coalesce(jsonb_typeof(data) = 'object'
                AND (data - '{trigger}'::text[]) = '{}'
                AND (data -> 'trigger') ? (data ->> 'trigger'), false)
                AND coalesce(length(data ->> 'trigger') <= 255 AND data ->> 'trigger' !~ '[\x01-\x1f\x7f-\x9f]' AND btrim(data ->> 'trigger', E'\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') <> '', false);
        END IF;
    END IF;
    RETURN false;
END
$valid$;
COMMENT ON FUNCTION runfold.event_is_valid IS
    'Quick check of an event''s data against the vocabulary, generated from the models.';
REVOKE ALL ON FUNCTION runfold.event_is_valid FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.event_is_valid TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.encryptable_fields() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '{data,error_data,error_details,error_message,headers,input_data,message,metadata,output_data,performance_metrics,raw_payload,request_data,response_data,resume_conditions,run_data,stack_trace,technical_details,trigger_data,user_friendly_message}'::text[]
$$;
COMMENT ON FUNCTION runfold.encryptable_fields IS
    'The fields that clients may encrypt, generated from EncryptedField.';
REVOKE ALL ON FUNCTION runfold.encryptable_fields FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.encryptable_fields TO runfold_engine, runfold_projector, runfold_operator, service_role;

CREATE FUNCTION runfold.has_encrypted_form(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE jsonb_typeof(value)
           WHEN 'string' THEN starts_with(value #>> '{}', 'encrypted:')
           WHEN 'object' THEN value ? '$encrypted'
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.has_encrypted_form IS
    'Whether a value has the marks of an encrypted one: a text that begins with encrypted:, or an object with the key $encrypted.';
REVOKE ALL ON FUNCTION runfold.has_encrypted_form FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.has_encrypted_form TO runfold_engine, runfold_projector, runfold_operator, service_role;

CREATE FUNCTION runfold.first_reserved_form(call jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('/%s/events/%s', a.n - 1, e.n - 1) || v.pointer
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN LATERAL jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
     CROSS JOIN LATERAL (
        SELECT '/payload' AS pointer, 0 AS n
         WHERE starts_with(e.event ->> 'payload', 'cnVuZm9sZC1lbmNyeXB0ZWQK')
        UNION ALL
        SELECT '/data/' || f.key, f.n
          FROM jsonb_each(CASE WHEN jsonb_typeof(e.event -> 'data') = 'object' THEN e.event -> 'data' END)
               WITH ORDINALITY AS f (key, value, n)
         WHERE f.key = ANY (runfold.encryptable_fields()) AND f.key <> 'metadata' AND runfold.has_encrypted_form(f.value)
        UNION ALL
        SELECT '/data/metadata/' || replace(replace(m.key, '~', '~0'), '/', '~1'), m.n
          FROM jsonb_each(CASE WHEN jsonb_typeof(e.event #> '{data,metadata}') = 'object' THEN e.event #> '{data,metadata}' END)
               WITH ORDINALITY AS m (key, value, n)
         WHERE runfold.has_encrypted_form(m.value)) AS v
     WHERE a.append -> 'encrypted' IS DISTINCT FROM 'true'
       AND (v.pointer = '/payload'
            OR EXISTS (SELECT FROM runfold.event_fields k WHERE k.type = e.event ->> 'type'))
     ORDER BY a.n, e.n, v.pointer COLLATE "C" LIMIT 1
$$;
COMMENT ON FUNCTION runfold.first_reserved_form IS
    'The pointer of the first plain value of a call that a reader would take for an encrypted one; NULL if it has none.';
REVOKE ALL ON FUNCTION runfold.first_reserved_form FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.first_reserved_form TO runfold_engine, runfold_projector, runfold_operator, service_role;

CREATE FUNCTION runfold.json_is_exact(appends text, parsed jsonb, canonical text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT octet_length(appends) - octet_length(replace(appends, ':', ''))
           = octet_length(canonical) - octet_length(replace(canonical, ':', ''))
       AND strpos(appends, '\u003') = 0
       AND strpos(canonical, '.0000000000000000000') = 0
       AND CASE WHEN pg_column_size(parsed) < octet_length(canonical) * 6 / 5
                THEN NOT parsed @? 'strict $.** ? (@.abs() >= 1000000000000000000)'
                ELSE canonical !~ '[ \[]-?[0-9]{19}' END
$$;
COMMENT ON FUNCTION runfold.json_is_exact IS
    'Whether the text certainly holds no duplicate key and no number that jsonb changes.';
REVOKE ALL ON FUNCTION runfold.json_is_exact FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.json_is_exact TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.base64_octets(value text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.length(value) / 4 * 3 - (pg_catalog.length(value) - pg_catalog.length(pg_catalog.rtrim(value, '=')))
$$;
COMMENT ON FUNCTION runfold.base64_octets IS
    'How many bytes a base64 text encodes.';
REVOKE ALL ON FUNCTION runfold.base64_octets FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.base64_octets TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.large_event_is_valid(event jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce(octet_length((event -> 'data')::text), 0) <= (SELECT value FROM runfold.settings WHERE name = 'max_event_bytes')
       AND coalesce(runfold.base64_octets(event ->> 'payload'), 0)
           <= (SELECT value FROM runfold.settings WHERE name = 'max_event_bytes')
       AND coalesce(octet_length((event -> 'metadata')::text), 0)
           <= (SELECT value FROM runfold.settings WHERE name = 'max_metadata_bytes');
END
$$;
COMMENT ON FUNCTION runfold.large_event_is_valid IS
    'Quick check of a large event against the limits.';
REVOKE ALL ON FUNCTION runfold.large_event_is_valid FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.large_event_is_valid TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.older_event_is_valid(category text, stream_name text, event jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    type constant text := event ->> 'type';
    version constant integer := coalesce(nullif(event -> 'schema_version', 'null')::text, '1');
BEGIN
    RETURN version BETWEEN 1 AND runfold.current_schema_version(type)
       AND runfold.event_is_valid(category, type, stream_name, runfold.upcast(type, version, event -> 'data'));
END
$$;
COMMENT ON FUNCTION runfold.older_event_is_valid IS
    'Quick check of an event of an older version, upcast.';
REVOKE ALL ON FUNCTION runfold.older_event_is_valid FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.older_event_is_valid TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.is_in_calendar(value text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])$'
       AND value::timestamptz BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00';
EXCEPTION WHEN data_exception THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION runfold.is_in_calendar IS
    'Whether a text is an RFC 3339 time with a zone, at most microseconds, in the years 1 to 9999 of UTC.';
REVOKE ALL ON FUNCTION runfold.is_in_calendar FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.is_in_calendar TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.raise_value_fault(
    kind text, minimum bigint, maximum bigint, allowed text[], value jsonb, pointer text
) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    expected constant text := CASE
        WHEN kind IN ('name', 'text', 'enum', 'uuid', 'timestamp') THEN 'string'
        WHEN kind IN ('integer', 'number') THEN 'number'
        WHEN kind = 'strings' THEN 'array'
        ELSE kind END;
    content constant text := value #>> '{}';
    shown constant jsonb := to_jsonb(left(content, 100));
    sound boolean;
    item record;
BEGIN
    IF kind = 'json' THEN
        RETURN;
    END IF;
    IF jsonb_typeof(value) <> expected THEN
        PERFORM runfold.raise_fault('wrong_type', pointer, to_jsonb(expected), to_jsonb(jsonb_typeof(value)));
    END IF;
    CASE
    WHEN kind IN ('name', 'text') THEN
        IF length(content) > maximum THEN
            PERFORM runfold.raise_fault('too_long', pointer, to_jsonb(maximum), to_jsonb(length(content)));
        ELSIF kind = 'name' AND content ~ '[\x01-\x1f\x7f-\x9f]' THEN
            PERFORM runfold.raise_fault('control_character', pointer, NULL, to_jsonb(
                'U+' || upper(lpad(to_hex(ascii(substring(content FROM '[\x01-\x1f\x7f-\x9f]'))), 4, '0'))));
        ELSIF kind = 'name' AND content ~ '^[\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$' THEN
            PERFORM runfold.raise_fault('blank', pointer);
        END IF;
    WHEN kind = 'enum' THEN
        IF content <> ALL (allowed) THEN
            PERFORM runfold.raise_fault('not_allowed', pointer, to_jsonb(allowed), shown);
        END IF;
    WHEN kind = 'uuid' THEN
        IF NOT runfold.is_uuid(content) THEN
            PERFORM runfold.raise_fault('not_a_uuid', pointer, NULL, shown);
        END IF;
    WHEN kind = 'timestamp' THEN
        BEGIN
            sound := runfold.is_timestamp(content);
        EXCEPTION WHEN data_exception THEN
            sound := false;
        END;
        IF NOT sound AND runfold.is_in_calendar(content) THEN
            PERFORM runfold.raise_fault('out_of_range', pointer, '["0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z"]', shown);
        ELSIF NOT sound THEN
            PERFORM runfold.raise_fault('not_a_timestamp', pointer, NULL, shown);
        END IF;
    WHEN kind IN ('integer', 'number') THEN
        IF kind = 'integer' AND scale(value::numeric) > 0 THEN
            PERFORM runfold.raise_fault('not_an_integer', pointer, NULL, value);
        ELSIF value::numeric < minimum OR value::numeric > maximum THEN
            PERFORM runfold.raise_fault('out_of_range', pointer, jsonb_build_array(minimum, maximum), value);
        END IF;
    WHEN kind = 'strings' THEN
        FOR item IN SELECT e.value, e.n FROM jsonb_array_elements(value) WITH ORDINALITY AS e (value, n) LOOP
            IF jsonb_typeof(item.value) <> 'string' THEN
                PERFORM runfold.raise_fault('wrong_type', pointer || '/' || (item.n - 1), '"string"',
                                            to_jsonb(jsonb_typeof(item.value)));
            END IF;
        END LOOP;
    ELSE
        NULL;
    END CASE;
END
$$;
COMMENT ON FUNCTION runfold.raise_value_fault IS
    'Raises the fault of a value that is not null, if it has one.';
REVOKE ALL ON FUNCTION runfold.raise_value_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.raise_value_fault TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.require_value(kind text, minimum bigint, maximum bigint, value jsonb, pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(value, 'null') = 'null' THEN
        PERFORM runfold.raise_fault('required', pointer);
    END IF;
    PERFORM runfold.raise_value_fault(kind, minimum, maximum, NULL, value, pointer);
END
$$;
COMMENT ON FUNCTION runfold.require_value IS
    'Raises the fault of a required value, if it has one.';
REVOKE ALL ON FUNCTION runfold.require_value FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.require_value TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.raise_claims_fault(claims jsonb, pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pair record;
    at text;
BEGIN
    IF coalesce(claims, 'null') = 'null' THEN
        RETURN;
    END IF;
    PERFORM runfold.require_value('array', NULL, NULL, claims, pointer);
    FOR pair IN SELECT e.value, e.n FROM jsonb_array_elements(claims) WITH ORDINALITY AS e (value, n) LOOP
        at := pointer || '/' || (pair.n - 1);
        PERFORM runfold.require_value('array', NULL, NULL, pair.value, at);
        IF jsonb_array_length(pair.value) <> 2 THEN
            PERFORM runfold.raise_fault('not_a_pair', at, '2', to_jsonb(jsonb_array_length(pair.value)));
        END IF;
        PERFORM runfold.require_value('name', 1, 255, pair.value -> 0, at || '/0');
        PERFORM runfold.require_value('name', 1, 255, pair.value -> 1, at || '/1');
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.raise_claims_fault IS
    'Raises the first fault of claims or releases.';
REVOKE ALL ON FUNCTION runfold.raise_claims_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.raise_claims_fault TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.is_base64(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.length(value) OPERATOR(pg_catalog.%) 4 OPERATOR(pg_catalog.=) 0
           AND value OPERATOR(pg_catalog.~) '^[A-Za-z0-9+/]*={0,2}$'
$$;
COMMENT ON FUNCTION runfold.is_base64 IS
    'Whether a text is base64.';
REVOKE ALL ON FUNCTION runfold.is_base64 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.is_base64 TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.raise_unknown_field(object jsonb, fields text[], pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown constant text := (SELECT k FROM jsonb_object_keys(object - fields) AS k ORDER BY k COLLATE "C" LIMIT 1);
BEGIN
    IF unknown IS NOT NULL THEN
        PERFORM runfold.raise_fault('unknown_field', pointer || '/' || replace(replace(unknown, '~', '~0'), '/', '~1'),
                                    NULL, to_jsonb(left(unknown, 100)));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.raise_unknown_field IS
    'Raises the first field that is not known.';
REVOKE ALL ON FUNCTION runfold.raise_unknown_field FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.raise_unknown_field TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.raise_event_fault(stream_id text, event jsonb, pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream_category constant text := split_part(stream_id, '-', 1);
    name constant text := substr(stream_id, length(stream_category) + 2);
    event_type constant text := event ->> 'type';
    version integer := 1;
    known runfold.event_types;
    data jsonb := nullif(event -> 'data', 'null');
    payload constant text := event ->> 'payload';
    metadata constant jsonb := nullif(event -> 'metadata', 'null');
    octets bigint;
    maximum bigint;
    field runfold.event_fields;
BEGIN
    PERFORM runfold.require_value('name', 1, 255, event -> 'type', pointer || '/type');
    SELECT * INTO known FROM runfold.event_types t
     WHERE t.category = stream_category AND t.type IN (event_type, '*') ORDER BY t.type = '*' LIMIT 1;
    IF NOT FOUND OR (known.type = '*' AND known.closed) THEN
        PERFORM runfold.raise_fault('unknown_type', pointer || '/type', NULL, to_jsonb(left(event_type, 100)));
    ELSIF NOT known.closed AND EXISTS (SELECT FROM runfold.event_types o WHERE o.type = event_type AND o.closed) THEN
        PERFORM runfold.raise_fault('reserved_type', pointer || '/type', NULL, to_jsonb(event_type));
    END IF;
    IF known.reserved AND NOT EXISTS (SELECT FROM runfold.permits p WHERE p.event_id::text = lower(event ->> 'event_id')) THEN
        PERFORM runfold.raise_fault('reserved_category', pointer || '/type', NULL, to_jsonb(event_type));
    END IF;
    IF coalesce(event -> 'schema_version', 'null') <> 'null' THEN
        PERFORM runfold.raise_value_fault('integer', 1, 2147483647, NULL, event -> 'schema_version', pointer || '/schema_version');
        version := event ->> 'schema_version';
        IF version > known.schema_version THEN
            PERFORM runfold.raise_fault('schema_version_newer', pointer || '/schema_version', to_jsonb(known.schema_version),
                                        to_jsonb(version));
        END IF;
    END IF;

    maximum := (SELECT s.value FROM runfold.settings s WHERE s.name = 'max_event_bytes');
    IF payload IS NOT NULL THEN
        IF data IS NOT NULL THEN
            PERFORM runfold.raise_fault('data_and_payload', pointer || '/payload');
        ELSIF NOT (known.opaque OR known.type = '*') THEN
            PERFORM runfold.raise_fault('payload_not_allowed', pointer || '/payload');
        END IF;
        PERFORM runfold.raise_value_fault('text', NULL, NULL, NULL, event -> 'payload', pointer || '/payload');
        IF NOT runfold.is_base64(payload) THEN
            PERFORM runfold.raise_fault('not_base64', pointer || '/payload');
        END IF;
        octets := runfold.base64_octets(payload);
        IF octets > maximum THEN
            PERFORM runfold.raise_fault('event_too_large', pointer || '/payload', to_jsonb(maximum), to_jsonb(octets));
        END IF;
    ELSE
        PERFORM runfold.require_value('object', NULL, NULL, data, pointer || '/data');
        octets := octet_length(data::text);
        IF octets > maximum THEN
            PERFORM runfold.raise_fault('event_too_large', pointer || '/data', to_jsonb(maximum), to_jsonb(octets));
        END IF;
        IF known.closed THEN
            data := runfold.upcast(event_type, version, data);
            FOR field IN SELECT * FROM runfold.event_fields f WHERE f.type = event_type ORDER BY f.ordinal LOOP
                IF coalesce(data -> field.field, 'null') <> 'null' THEN
                    PERFORM runfold.raise_value_fault(field.kind, field.minimum, field.maximum, field.allowed,
                                                      data -> field.field, pointer || '/data/' || field.field);
                ELSIF field.required THEN
                    PERFORM runfold.raise_fault('required', pointer || '/data/' || field.field);
                END IF;
            END LOOP;
            PERFORM runfold.raise_unknown_field(
                data, ARRAY(SELECT f.field FROM runfold.event_fields f WHERE f.type = event_type), pointer || '/data');
            IF event_type = 'ExecutionCreated' AND data ->> 'execution_id' <> name THEN
                PERFORM runfold.raise_fault('stream_mismatch', pointer || '/data/execution_id', to_jsonb(name),
                                            data -> 'execution_id');
            END IF;
        END IF;
    END IF;

    IF metadata IS NOT NULL THEN
        PERFORM runfold.raise_value_fault('object', NULL, NULL, NULL, metadata, pointer || '/metadata');
        maximum := (SELECT s.value FROM runfold.settings s WHERE s.name = 'max_metadata_bytes');
        octets := octet_length(metadata::text);
        IF octets > maximum THEN
            PERFORM runfold.raise_fault('metadata_too_large', pointer || '/metadata', to_jsonb(maximum), to_jsonb(octets));
        END IF;
    END IF;
    PERFORM runfold.require_value('timestamp', NULL, NULL, event -> 'occurred_at', pointer || '/occurred_at');
    PERFORM runfold.raise_unknown_field(
        event, '{event_id,type,schema_version,data,payload,metadata,occurred_at}', pointer);
END
$$;
COMMENT ON FUNCTION runfold.raise_event_fault IS
    'Raises the first fault of an event.';
REVOKE ALL ON FUNCTION runfold.raise_event_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.raise_event_fault TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.number_fault(token text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    digits constant text := regexp_replace(token, '[eE].*$', '');
    magnitude numeric;
BEGIN
    IF token !~ '[.eE]' THEN
        RETURN CASE WHEN length(token) > 20 OR token::numeric NOT BETWEEN -9223372036854775808 AND 9223372036854775807
                    THEN 'integer_too_large' END;
    END IF;
    magnitude := abs(token::numeric);
    -- 2^1024 - 2^970 and above is read as infinity, 2^-1075 and below as zero.
    RETURN CASE WHEN magnitude >= 1.7976931348623158079372897140530341e308
                  OR (magnitude <= 2.4703282292062327e-324 AND digits ~ '[1-9]') THEN 'number_too_large' END;
EXCEPTION WHEN data_exception THEN
    RETURN 'number_too_large';
END
$$;
COMMENT ON FUNCTION runfold.number_fault IS
    'What a number''s text cannot be read back as; NULL if it can.';
REVOKE ALL ON FUNCTION runfold.number_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.number_fault TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.raise_json_fault(appends text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Escapes that no text can hold are replaced with characters that this call does not contain.
    marks constant text[] := ARRAY(
        SELECT chr(c) FROM generate_series(64976, 65007) AS c
         WHERE strpos(appends, chr(c)) = 0 AND strpos(lower(appends), '\u' || to_hex(c)) = 0 LIMIT 3);
    clean text := appends;
    whole json;
    fault record;
BEGIN
    IF appends IS NULL THEN
        PERFORM runfold.raise_fault('wrong_type', '', '"array"', '"null"');
    END IF;
    IF appends ~* '\\u(0000|d[89a-f])' THEN
        clean := regexp_replace(clean, '(?<!\\)((?:\\\\)*)\\u0000', '\1' || marks[1], 'g');
        clean := regexp_replace(clean, '(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})',
                                '\1' || marks[3] || '\2\3', 'g');
        clean := regexp_replace(clean, '(?<!\\)((?:\\\\)*)\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\1' || marks[2], 'g');
        clean := regexp_replace(clean, marks[3] || '(....)(....)', '\\u\1\\u\2', 'g');
    END IF;
    BEGIN
        whole := clean::json;
    EXCEPTION
        WHEN data_exception THEN
            PERFORM runfold.raise_fault('invalid_json', '', NULL, to_jsonb(SQLERRM));
        WHEN statement_too_complex THEN
            PERFORM runfold.raise_fault('too_deep', '', '100');
    END;

    WITH RECURSIVE node (place, pointer, key, repeated, value) AS (
        SELECT '{}'::bigint[], '', NULL::text, false, whole
        UNION ALL
        SELECT n.place || c.n, n.pointer || '/' || c.step, c.key, c.repeated, c.value
          FROM node n
         CROSS JOIN LATERAL (
            SELECT o.n, o.key, replace(replace(o.key, '~', '~0'), '/', '~1') AS step,
                   row_number() OVER (PARTITION BY o.key COLLATE "C" ORDER BY o.n) > 1 AS repeated, o.value
              FROM json_each(CASE json_typeof(n.value) WHEN 'object' THEN n.value END) WITH ORDINALITY AS o (key, value, n)
            UNION ALL
            SELECT a.n, NULL, (a.n - 1)::text, false, a.value
              FROM json_array_elements(CASE json_typeof(n.value) WHEN 'array' THEN n.value END)
                   WITH ORDINALITY AS a (value, n)) AS c
         -- data and metadata are four steps below the call: their 101st level is the 105th.
         WHERE cardinality(n.place) < 104
    ), judged AS (
        SELECT n.place, n.pointer, n.value,
               CASE WHEN strpos(n.key, marks[1]) > 0 AND coalesce(nullif(strpos(n.key, marks[2]), 0) > strpos(n.key, marks[1]), true)
                    THEN 'nul_character'
                    WHEN strpos(n.key, marks[2]) > 0 THEN 'lone_surrogate'
                    WHEN n.repeated THEN 'duplicate_key'
                    ELSE CASE json_typeof(n.value)
                         WHEN 'number' THEN runfold.number_fault(n.value::text)
                         WHEN 'string' THEN
                             CASE WHEN strpos(n.value #>> '{}', marks[1]) > 0
                                   AND coalesce(nullif(strpos(n.value #>> '{}', marks[2]), 0) > strpos(n.value #>> '{}', marks[1]), true)
                                  THEN 'nul_character'
                                  WHEN strpos(n.value #>> '{}', marks[2]) > 0 THEN 'lone_surrogate' END
                         WHEN 'object' THEN CASE WHEN cardinality(n.place) >= 104 THEN 'too_deep' END
                         WHEN 'array' THEN CASE WHEN cardinality(n.place) >= 104 THEN 'too_deep' END
                         END
               END AS code
          FROM node n
    )
    SELECT j.* INTO fault FROM judged j WHERE j.code IS NOT NULL ORDER BY j.place LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.raise_fault(
            fault.code, translate(fault.pointer, marks[1] || marks[2], '??'),
            CASE fault.code WHEN 'too_deep' THEN '100'::jsonb
                            WHEN 'integer_too_large' THEN '[-9223372036854775808, 9223372036854775807]' END,
            CASE WHEN fault.code IN ('integer_too_large', 'number_too_large') THEN to_jsonb(left(fault.value::text, 100)) END);
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.raise_json_fault IS
    'Raises the first fault of a call''s JSON text.';
REVOKE ALL ON FUNCTION runfold.raise_json_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.raise_json_fault TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.raise_stream_id_fault(stream_id text, pointer text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream_category constant text := substring(stream_id FROM '^([a-z][a-z0-9_]*)-');
    name constant text := substr(stream_id, length(stream_category) + 2);
    shown constant jsonb := to_jsonb(left(stream_id, 100));
BEGIN
    IF octet_length(stream_id) > 300 THEN
        PERFORM runfold.raise_fault('too_long', pointer, '300', to_jsonb(octet_length(stream_id)));
    ELSIF stream_category IS NULL THEN
        PERFORM runfold.raise_fault('invalid_stream_id', pointer, NULL, shown);
    END IF;
    PERFORM runfold.raise_value_fault('name', 1, CASE WHEN stream_category IN ('execution', 'log') THEN 255 ELSE 300 END, NULL,
                                      to_jsonb(name), pointer);
    IF NOT EXISTS (SELECT FROM runfold.event_types t WHERE t.category = stream_category) THEN
        PERFORM runfold.raise_fault('unknown_category', pointer, NULL, to_jsonb(stream_category));
    ELSIF stream_category IN ('interaction', 'response', 'deployment', 'definition', 'tenant')
       AND NOT (runfold.is_uuid(name) AND lower(name) = name) THEN
        PERFORM runfold.raise_fault('not_a_uuid', pointer, NULL, to_jsonb(left(name, 100)));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.raise_stream_id_fault IS
    'Raises the fault of a stream id, if it has one.';
REVOKE ALL ON FUNCTION runfold.raise_stream_id_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.raise_stream_id_fault TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.raise_append_fault(appends text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most_bytes constant integer := 256000000;
    call jsonb;
    a record;
    e record;
    pointer text;
    stream_id text;
    repeated_id text;
    repeated_stream bigint;
    total integer := 0;
BEGIN
    -- Above it neither jsonb nor a regular expression takes the text.
    IF octet_length(appends) > most_bytes THEN
        PERFORM runfold.raise_fault('call_too_large', '', to_jsonb(most_bytes), to_jsonb(octet_length(appends)));
    END IF;
    BEGIN
        call := appends::jsonb;
    EXCEPTION
        WHEN data_exception OR statement_too_complex THEN NULL;  -- the text itself shows why, below
        WHEN program_limit_exceeded OR internal_error THEN
            -- Short numbers and many small objects take more room in jsonb than in text.
            PERFORM runfold.raise_fault('call_too_large', '', to_jsonb(most_bytes), to_jsonb(octet_length(appends)));
    END;
    PERFORM runfold.raise_json_fault(appends);
    PERFORM runfold.require_value('array', NULL, NULL, call, '');
    IF jsonb_array_length(call) = 0 THEN
        PERFORM runfold.raise_fault('empty_call', '');
    ELSIF jsonb_array_length(call) > 1000 THEN
        PERFORM runfold.raise_fault('too_many_appends', '', '1000', to_jsonb(jsonb_array_length(call)));
    END IF;
    SELECT min(r.n) INTO repeated_stream
      FROM (SELECT x.n, row_number() OVER (PARTITION BY x.append -> 'stream_id' ORDER BY x.n) AS occurrence
              FROM jsonb_array_elements(call) WITH ORDINALITY AS x (append, n)
             WHERE jsonb_typeof(x.append) = 'object') AS r
     WHERE r.occurrence > 1;
    SELECT format('/%s/events/%s/event_id', r.i - 1, r.j - 1) INTO repeated_id
      FROM (SELECT x.n AS i, y.n AS j,
                   row_number() OVER (PARTITION BY lower(y.event ->> 'event_id') ORDER BY x.n, y.n) AS occurrence
              FROM jsonb_array_elements(call) WITH ORDINALITY AS x (append, n),
                   jsonb_array_elements(CASE jsonb_typeof(x.append -> 'events') WHEN 'array' THEN x.append -> 'events' END)
                   WITH ORDINALITY AS y (event, n)) AS r
     WHERE r.occurrence > 1 ORDER BY r.i, r.j LIMIT 1;

    FOR a IN SELECT x.append, x.n FROM jsonb_array_elements(call) WITH ORDINALITY AS x (append, n) LOOP
        pointer := '/' || (a.n - 1);
        PERFORM runfold.require_value('object', NULL, NULL, a.append, pointer);
        stream_id := a.append ->> 'stream_id';
        PERFORM runfold.require_value('text', NULL, NULL, a.append -> 'stream_id', pointer || '/stream_id');
        PERFORM runfold.raise_stream_id_fault(stream_id, pointer || '/stream_id');
        IF a.n = repeated_stream THEN
            PERFORM runfold.raise_fault('duplicate_stream', pointer || '/stream_id', NULL, to_jsonb(stream_id));
        END IF;
        IF coalesce(a.append -> 'expected_version', 'null') <> 'null' THEN
            -- A text of digits counts as their number.
            PERFORM runfold.raise_value_fault(
                'integer', 0, 9223372036854775807, NULL,
                CASE WHEN a.append -> 'expected_version' @? '$ ? (@.type() == "string" && @ like_regex "^[0-9]{1,30}$")'
                     THEN to_jsonb((a.append ->> 'expected_version')::numeric) ELSE a.append -> 'expected_version' END,
                pointer || '/expected_version');
        END IF;
        IF coalesce(a.append -> 'user_id', 'null') <> 'null' THEN
            PERFORM runfold.raise_value_fault('uuid', NULL, NULL, NULL, a.append -> 'user_id', pointer || '/user_id');
        END IF;
        PERFORM runfold.require_value('array', NULL, NULL, a.append -> 'events', pointer || '/events');
        total := total + jsonb_array_length(a.append -> 'events');
        IF jsonb_array_length(a.append -> 'events') = 0 THEN
            PERFORM runfold.raise_fault('empty_append', pointer || '/events');
        ELSIF total > 10000 THEN
            PERFORM runfold.raise_fault('too_many_events', pointer || '/events', '10000', to_jsonb(total));
        END IF;
        FOR e IN SELECT x.event, format('%s/events/%s', pointer, x.n - 1) AS pointer
                   FROM jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS x (event, n) ORDER BY x.n LOOP
            PERFORM runfold.require_value('object', NULL, NULL, e.event, e.pointer);
            PERFORM runfold.require_value('uuid', NULL, NULL, e.event -> 'event_id', e.pointer || '/event_id');
            IF e.pointer || '/event_id' = repeated_id THEN
                PERFORM runfold.raise_fault('duplicate_event_id', repeated_id, NULL, e.event -> 'event_id');
            END IF;
            PERFORM runfold.raise_event_fault(stream_id, e.event, e.pointer);
        END LOOP;
        PERFORM runfold.raise_claims_fault(a.append -> 'claims', pointer || '/claims');
        PERFORM runfold.raise_claims_fault(a.append -> 'releases', pointer || '/releases');
        IF coalesce(a.append -> 'encrypted', 'null') <> 'null' THEN
            PERFORM runfold.raise_value_fault('boolean', NULL, NULL, NULL, a.append -> 'encrypted', pointer || '/encrypted');
        END IF;
        PERFORM runfold.raise_unknown_field(
            a.append, '{stream_id,expected_version,user_id,events,claims,releases,encrypted}', pointer);
    END LOOP;
    pointer := runfold.first_reserved_form(call);
    IF pointer IS NOT NULL THEN
        PERFORM runfold.raise_fault('reserved_form', pointer);
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.raise_append_fault IS
    'Raises the first fault of a call: the exact path behind the quick checks.';
REVOKE ALL ON FUNCTION runfold.raise_append_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.raise_append_fault TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.registered_event_is_valid(category text, event jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
#variable_conflict use_column
DECLARE
    known runfold.event_types;
    wanted constant text := event ->> 'type';
    payload constant text := event ->> 'payload';
BEGIN
    SELECT * INTO known FROM runfold.event_types t
     WHERE t.category = registered_event_is_valid.category AND t.type IN (wanted, '*') AND NOT t.closed
     ORDER BY t.type = '*' LIMIT 1;
    -- Folds choose events by type: nobody else's may bear a name of ours.
    RETURN FOUND AND NOT EXISTS (SELECT FROM runfold.event_types o WHERE o.type = wanted AND o.closed)
       AND jsonb_typeof(event -> 'type') = 'string' AND wanted ~ '^[!-~]+$' AND octet_length(wanted) <= 255
       AND coalesce(nullif(event -> 'schema_version', 'null')::text::integer, 1) BETWEEN 1 AND known.schema_version
       AND (event - '{event_id,type,schema_version,data,payload,metadata,occurred_at}'::text[]) = '{}'
       AND CASE WHEN payload IS NULL THEN jsonb_typeof(event -> 'data') = 'object'
                ELSE (known.opaque OR known.type = '*') AND event ->> 'data' IS NULL
                     AND jsonb_typeof(event -> 'payload') = 'string' AND runfold.is_base64(payload) END;
END
$$;
COMMENT ON FUNCTION runfold.registered_event_is_valid IS
    'Quick check of an event of a category that its owner registered.';
REVOKE ALL ON FUNCTION runfold.registered_event_is_valid FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.registered_event_is_valid TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.validate_appends(appends text, exact boolean DEFAULT false) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    parsed jsonb;
    canonical text;
    append jsonb;
    stream text;
    category text;
    events jsonb;
    event jsonb;
    size integer;
    event_ids uuid[] := '{}';
    stream_ids text[];
    valid boolean;
BEGIN
    IF octet_length(appends) > 256000000 THEN
        PERFORM runfold.raise_append_fault(appends);
    END IF;
    BEGIN
        parsed := appends::jsonb;
        IF NOT exact THEN
            canonical := parsed::text;
        END IF;
        valid := jsonb_array_length(parsed) BETWEEN 1 AND 1000 AND (exact OR runfold.json_is_exact(appends, parsed, canonical));
        -- Both marks of an encrypted value have this part, and few calls have it.
        IF valid AND strpos(coalesce(canonical, appends), 'ncrypted') > 0 THEN
            valid := runfold.first_reserved_form(parsed) IS NULL;
        END IF;
        IF valid AND jsonb_array_length(parsed) = 1 AND jsonb_array_length(parsed #> '{0,events}') <= 16 THEN
            append := parsed -> 0;
            events := append -> 'events';
            size := jsonb_array_length(events);
            stream := append ->> 'stream_id';
            category := split_part(stream, '-', 1);
            -- No more than the statement below says, of fewer forms: false only sends the call there.
            IF coalesce(
                   category IN ('execution', 'log') AND octet_length(stream) BETWEEN octet_length(category) + 2 AND 264
                   AND stream !~ '[^!-~]' AND jsonb_typeof(append -> 'stream_id') = 'string'
                   AND (append - '{stream_id,expected_version,user_id,events,encrypted}'::text[]) = '{}'
                   AND coalesce(jsonb_typeof(append -> 'encrypted'), 'null') IN ('boolean', 'null')
                   AND (append ->> 'expected_version' IS NULL OR (append -> 'expected_version')::text::bigint >= 0)
                   AND (append ->> 'user_id' IS NULL
                        OR append ->> 'user_id' LIKE '________-____-____-____-____________'
                           AND (append ->> 'user_id')::uuid IS NOT NULL), false) THEN
                FOR n IN 1 .. size LOOP
                    event := events -> n - 1;
                    EXIT WHEN NOT coalesce(
                        (event - '{event_id,type,schema_version,data,metadata,occurred_at}'::text[]) = '{}'
                        AND event ->> 'event_id' LIKE '________-____-____-____-____________'
                        AND (event ->> 'event_id')::uuid <> ALL (event_ids)
                        AND octet_length(event ->> 'occurred_at') = 32
                        AND to_char((event ->> 'occurred_at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
                            = event ->> 'occurred_at'
                        AND event ->> 'occurred_at' COLLATE "C" >= '0001-01-02' AND event ->> 'occurred_at' COLLATE "C" < '9999-12-31'
                        AND coalesce(jsonb_typeof(event -> 'metadata'), 'object') IN ('object', 'null')
                        AND (pg_column_size(event) < 800
                             OR NOT event @? 'strict $.**{101}' AND runfold.large_event_is_valid(event))
                        AND (event -> 'schema_version')::text = runfold.current_schema_version(event ->> 'type')::text
                        AND runfold.event_is_valid(category, event ->> 'type', stream, event -> 'data'), false);
                    IF n = size THEN
                        RETURN parsed;
                    END IF;
                    event_ids := event_ids || (event ->> 'event_id')::uuid;
                END LOOP;
            END IF;
        END IF;
        IF valid THEN
            SELECT count(*) <= 10000
                   AND count(*) FILTER (WHERE e.n = 1) = jsonb_array_length(parsed)
                   AND bool_and(coalesce(
                       e.event ->> 'event_id' LIKE '________-____-____-____-____________'
                       -- What most producers write, microseconds in UTC, reads back as it was.
                       AND (octet_length(e.event ->> 'occurred_at') = 32
                            AND to_char((e.event ->> 'occurred_at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
                                = e.event ->> 'occurred_at'
                            AND e.event ->> 'occurred_at' COLLATE "C" >= '0001-01-02' AND e.event ->> 'occurred_at' COLLATE "C" < '9999-12-31'
                            OR runfold.is_timestamp(e.event ->> 'occurred_at'))
                       AND coalesce(jsonb_typeof(e.event -> 'metadata'), 'object') IN ('object', 'null')
                       -- A level of nesting takes at least 8 bytes of jsonb; a byte of jsonb writes at most 40 (1e-300).
                       AND (pg_column_size(e.event) < 800
                            OR NOT jsonb_path_exists(e.event, 'strict $.**{101}')
                               AND (pg_column_size(e.event) < 1600 AND pg_column_size(e.event -> 'metadata') < 400
                                    OR runfold.large_event_is_valid(e.event)))
                       AND CASE WHEN a.category NOT IN ('execution', 'log', 'interaction', 'response', 'deployment', 'tenant')
                                THEN runfold.registered_event_is_valid(a.category, e.event)
                                     -- The mark of an encrypted payload, in base64.
                                     AND (NOT starts_with(e.event ->> 'payload', 'cnVuZm9sZC1lbmNyeXB0ZWQK')
                                          OR a.append -> 'encrypted' = 'true') IS NOT FALSE
                                WHEN (e.event - '{event_id,type,schema_version,data,metadata,occurred_at}'::text[]) <> '{}'
                                THEN false
                                WHEN coalesce(e.event ->> 'schema_version', '1')
                                     = runfold.current_schema_version(e.event ->> 'type')::text
                                     AND jsonb_typeof(e.event -> 'schema_version') IS DISTINCT FROM 'string'
                                THEN runfold.event_is_valid(a.category, e.event ->> 'type', a.stream_id, e.event -> 'data')
                                ELSE runfold.older_event_is_valid(a.category, a.stream_id, e.event) END
                       AND (e.n > 1 OR runfold.append_is_valid(a.append, a.stream_id, a.category)), false)),
                   array_agg((e.event ->> 'event_id')::uuid), array_agg(a.stream_id) FILTER (WHERE e.n = 1)
              INTO valid, event_ids, stream_ids
              FROM (SELECT x.append, x.append ->> 'stream_id' AS stream_id, split_part(x.append ->> 'stream_id', '-', 1) AS category
                      FROM jsonb_array_elements(parsed) AS x (append) OFFSET 0) AS a,
                   jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n);
        END IF;
        -- Not as count(DISTINCT) above, for which PostgreSQL 16 and later sort the appends.
        IF valid AND cardinality(event_ids) > 1 THEN
            valid := (SELECT count(DISTINCT id) FROM unnest(event_ids) AS id) = cardinality(event_ids)
                     AND (cardinality(stream_ids) = 1 OR (SELECT count(DISTINCT id COLLATE "C") FROM unnest(stream_ids) AS id)
                                                         = cardinality(stream_ids));
        END IF;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN  -- an allocation over 1 GB has no other state
        valid := false;
    END;
    IF valid IS NOT TRUE THEN
        PERFORM runfold.raise_append_fault(appends);
    END IF;
    RETURN parsed;
END
$$;
COMMENT ON FUNCTION runfold.validate_appends IS
    'Parses and validates a call of append_events, or raises its first fault.';
REVOKE ALL ON FUNCTION runfold.validate_appends FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.validate_appends TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.without_prefixes(call jsonb, sizes integer[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN 0 = ALL (sizes) THEN call ELSE (
        SELECT jsonb_agg(CASE WHEN sizes[a.n] = 0 THEN a.append ELSE a.append || jsonb_build_object('events', (
                   SELECT jsonb_agg(CASE WHEN e.n > sizes[a.n] THEN e.event ELSE '{}' END ORDER BY e.n)
                     FROM jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n))) END ORDER BY a.n)
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)) END
$$;
COMMENT ON FUNCTION runfold.without_prefixes IS
    'A call with empty objects in place of the first events of each append: the others keep their places, and so their pointers.';
REVOKE ALL ON FUNCTION runfold.without_prefixes FROM PUBLIC;

CREATE FUNCTION runfold.append_events(appends text, command_id uuid DEFAULT NULL, repeats text DEFAULT NULL)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean,
               skipped integer, versions bigint[], positions bigint[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    call jsonb := runfold.validate_appends(appends);
    count constant integer := jsonb_array_length(call);
    lock_order integer[] := '{1}';
    stream_ids text[];       -- as given, then those that are only locked
    expected_versions bigint[];
    begins_at constant bigint[] := NULL;  -- 0: see lock_streams
    skipping constant boolean := repeats IS NOT NULL;
    tenants uuid[];
    heads bigint[];          -- the version of each stream before this call
    ends integer[];          -- events up to and including each append
    total integer := 0;
    answering boolean := false;  -- a stream is an interaction's
    executions text[];       -- the streams whose executions are asked for what is answered
    single jsonb;            -- the event of a call that has one, as most have: it needs no unpacking of arrays
    i integer;
    expected bigint;
    locked record;
    conflict integer;        -- the first append whose expected_version does not match
    inserted bigint;
    result jsonb;
    stored jsonb;            -- with repeats: the events of each append that are stored
    numbers integer[];       -- and how many
    last bigint;
    base bigint;             -- the last position before this call's first
BEGIN
    IF repeats IS NOT NULL THEN
        PERFORM runfold.check_repeats(call, command_id, repeats);
    END IF;
    IF count = 1 THEN
        stream_ids := ARRAY[call #>> '{0,stream_id}'];
        expected_versions := ARRAY[(call #>> '{0,expected_version}')::bigint];
        tenants := ARRAY[(call #>> '{0,user_id}')::uuid];
        total := jsonb_array_length(call #> '{0,events}');
        ends := ARRAY[total];
        answering := starts_with(stream_ids[1], 'interaction-');
        IF total = 1 THEN
            single := call #> '{0,events,0}';
        END IF;
    ELSE
        FOR i IN 1 .. count LOOP
            stream_ids[i] := call #>> ARRAY[(i - 1)::text, 'stream_id'];
            expected_versions[i] := (call #>> ARRAY[(i - 1)::text, 'expected_version'])::bigint;
            tenants[i] := (call #>> ARRAY[(i - 1)::text, 'user_id'])::uuid;
            total := total + jsonb_array_length(call #> ARRAY[(i - 1)::text, 'events']);
            ends[i] := total;
            answering := answering OR starts_with(stream_ids[i], 'interaction-');
        END LOOP;
    END IF;
    -- An answer locks the execution that asked, too: the execution's end comes before it, and refuses it, or after it.
    IF answering THEN
        executions := runfold.executions_of_answers(call);
        stream_ids := stream_ids || ARRAY(SELECT s.stream_id FROM runfold.streams s
                                           WHERE s.stream_id = ANY (executions) AND s.stream_id <> ALL (stream_ids));
    END IF;
    IF cardinality(stream_ids) > 1 THEN
        lock_order := ARRAY(SELECT s.n FROM unnest(stream_ids) WITH ORDINALITY AS s (name, n) ORDER BY s.name COLLATE "C");
    END IF;

    -- Lock the streams: their rows, in one order for everybody, so that two calls cannot deadlock.
    -- A stream that is expected to be new is inserted first, another one is looked for first: mostly one statement suffices.
    FOREACH i IN ARRAY lock_order LOOP
        expected := expected_versions[i];
        locked := NULL;
        IF expected IS NULL OR expected > 0 THEN
            SELECT s.version, s.user_id, s.archived_at INTO locked FROM runfold.streams s WHERE s.stream_id = stream_ids[i] FOR NO KEY UPDATE;
        END IF;
        IF locked IS NULL THEN
            INSERT INTO runfold.streams AS s (stream_id, user_id, version)
            VALUES (stream_ids[i], tenants[i], coalesce(begins_at[i], 0))
                ON CONFLICT ON CONSTRAINT streams_pkey DO NOTHING RETURNING s.version, s.user_id, s.archived_at INTO locked;
        END IF;
        IF locked IS NULL THEN
            SELECT s.version, s.user_id, s.archived_at INTO locked FROM runfold.streams s WHERE s.stream_id = stream_ids[i] FOR NO KEY UPDATE;
        END IF;
        IF tenants[i] IS DISTINCT FROM locked.user_id THEN
            IF tenants[i] IS NOT NULL THEN
                PERFORM runfold.refuse('stream_unavailable', jsonb_build_object(
                    'pointer', format('/%s/user_id', i - 1), 'stream_id', stream_ids[i]));
            END IF;
            tenants[i] := locked.user_id;
        END IF;
        -- Its event ids are gone: what comes without the right version, or again, may be stored already.
        IF locked.archived_at IS NOT NULL AND i <= count AND (expected IS NULL OR skipping) THEN
            PERFORM runfold.refuse('stream_archived', runfold.archive_of_stream(stream_ids[i])
                                   || jsonb_build_object('pointer', format('/%s/stream_id', i - 1)));
        END IF;
        heads[i] := locked.version;
        IF expected <> locked.version AND (conflict IS NULL OR i < conflict) THEN
            conflict := i;
        END IF;
    END LOOP;

    -- A repeat? The command id, then the event ids: all new, all known (a repeat), or a mix (refused). Only then a conflict, so that
    -- a repeat of an append that moved the stream is a repeat.
    IF command_id IS NOT NULL THEN
        result := runfold.recorded_command(command_id, call);
        IF result IS NOT NULL THEN
            RETURN QUERY
            SELECT r.stream_id, r.version, r.first_position, r.last_position, true, NULL::integer, NULL::bigint[], NULL::bigint[]
              FROM ROWS FROM (jsonb_to_recordset(result)
                              AS (stream_id text, version bigint, first_position bigint, last_position bigint))
                   WITH ORDINALITY AS r (stream_id, version, first_position, last_position, n) ORDER BY r.n;
            RETURN;
        END IF;
    END IF;
    IF repeats IS NOT NULL THEN
        stored := runfold.stored_prefixes(call, heads);
        numbers := ARRAY(SELECT (s.prefix ->> 'size')::integer FROM jsonb_array_elements(stored) WITH ORDINALITY AS s (prefix, n)
                          ORDER BY s.n);
        call := runfold.without_prefixes(call, numbers);
        single := NULL;
        conflict := NULL;
        total := 0;
        FOR i IN 1 .. count LOOP
            total := total + jsonb_array_length(call #> ARRAY[(i - 1)::text, 'events']) - numbers[i];
            ends[i] := total;
            IF conflict IS NULL AND numbers[i] = 0 AND expected_versions[i] <> heads[i] THEN
                conflict := i;
            END IF;
        END LOOP;
        IF conflict IS NULL AND total > 0 THEN
            PERFORM runfold.add_event_ids(call, heads, numbers);
        END IF;
        inserted := total;
    ELSIF single IS NOT NULL THEN
        INSERT INTO runfold.event_ids (event_id, stream_version) VALUES ((single ->> 'event_id')::uuid, heads[1] + 1)
            ON CONFLICT DO NOTHING;
    ELSIF count = 1 THEN
        INSERT INTO runfold.event_ids (event_id, stream_version)
        SELECT (e #>> '{}')::uuid, heads[1] + n
          FROM jsonb_path_query(call, 'strict $[0].events[*].event_id') WITH ORDINALITY AS x (e, n)
            ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO runfold.event_ids (event_id, stream_version)
        SELECT (e ->> 'event_id')::uuid, heads[a.n] + x.n
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
               jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS x (e, n)
            ON CONFLICT DO NOTHING;
    END IF;
    IF repeats IS NULL THEN
        GET DIAGNOSTICS inserted = ROW_COUNT;
    END IF;
    IF inserted < total THEN
        RETURN QUERY SELECT r.*, true, NULL::integer, NULL::bigint[], NULL::bigint[] FROM runfold.recorded_appends(call, inserted > 0) AS r;
        RETURN;
    END IF;
    IF conflict IS NOT NULL THEN
        PERFORM runfold.refuse('version_conflict', jsonb_build_object(
            'pointer', format('/%s/expected_version', conflict - 1), 'stream_id', stream_ids[conflict],
            'version', heads[conflict], 'expected_version', expected_versions[conflict]));
    END IF;

    IF total = 0 THEN
        RETURN QUERY
        SELECT stream_ids[s.n], s.versions[s.size], s.positions[1], s.positions[s.size], true, s.size, s.versions, s.positions
          FROM ROWS FROM (jsonb_to_recordset(stored) AS (size integer, versions bigint[], positions bigint[]))
               WITH ORDINALITY AS s (size, versions, positions, n) ORDER BY s.n;
        RETURN;
    END IF;

    IF cardinality(executions) > 0 THEN
        PERFORM runfold.refuse_late_answers(call);
    END IF;

    -- The claims: those that the call asks for, and those of its events.
    IF call -> 0 ?| '{claims,releases}' OR count > 1 AND (call @? '$[*].claims' OR call @? '$[*].releases')
       OR runfold.has_claim_rule(single ->> 'type') OR single IS NULL AND call @? runfold.claiming_events() THEN
        PERFORM runfold.take_claims(call);
    END IF;

    -- The fence, and the positions behind it.
    last := runfold.allocate_positions(total);
    base := last - total;

    -- An erased tenant's streams take no event, whoever appends. Looked up behind the fence, in a statement of its own: who looked
    -- before it and then waited would come in behind TenantErased, and the tenant's rows would come back.
    IF EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = ANY (tenants[:count])) THEN
        PERFORM runfold.refuse_erased(tenants[:count], stream_ids[:count]);
    END IF;

    -- The events, at offsets (a row_number() would sort the payloads).
    IF single IS NOT NULL THEN
        INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                    user_id, data, payload, metadata, occurred_at, recorded_at)
        VALUES (last, last, stream_ids[1], heads[1] + 1, (single ->> 'event_id')::uuid, split_part(stream_ids[1], '-', 1),
                single ->> 'type', coalesce((single ->> 'schema_version')::integer, 1), tenants[1],
                nullif(single -> 'data', 'null'), decode(single ->> 'payload', 'base64'),
                coalesce(nullif(single -> 'metadata', 'null'), '{}'), (single ->> 'occurred_at')::timestamptz, clock_timestamp());
    ELSE
        INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                    user_id, data, payload, metadata, occurred_at, recorded_at)
        SELECT base + coalesce(ends[a.n - 1], 0) + e.n - a.stored, last, stream_ids[a.n], heads[a.n] + e.n - a.stored, e.event_id,
               split_part(stream_ids[a.n], '-', 1), e.type, coalesce(e.schema_version, 1), tenants[a.n], e.data,
               decode(e.payload, 'base64'), coalesce(e.metadata, '{}'), e.occurred_at, clock_timestamp()
          FROM (SELECT x.append, x.n, coalesce(numbers[x.n], 0) AS stored
                  FROM jsonb_array_elements(call) WITH ORDINALITY AS x (append, n) OFFSET 0) AS a,
               ROWS FROM (jsonb_to_recordset(a.append -> 'events')
                          AS (event_id uuid, type text, schema_version integer, data jsonb, payload text, metadata jsonb,
                              occurred_at timestamptz))
               WITH ORDINALITY AS e (event_id, type, schema_version, data, payload, metadata, occurred_at, n)
         WHERE e.n > a.stored;
    END IF;

    -- The streams' rows, and the command.
    FOR i IN 1 .. count LOOP
        stream_id := stream_ids[i];
        version := heads[i] + ends[i] - coalesce(ends[i - 1], 0);
        first_position := base + coalesce(ends[i - 1], 0) + 1;
        last_position := base + ends[i];
        repeated := false;
        IF repeats IS NOT NULL THEN
            skipped := numbers[i];
            versions := ARRAY(SELECT v::bigint FROM jsonb_array_elements_text(stored #> ARRAY[(i - 1)::text, 'versions']) AS v)
                        || ARRAY(SELECT generate_series(heads[i] + 1, version));
            positions := ARRAY(SELECT p::bigint FROM jsonb_array_elements_text(stored #> ARRAY[(i - 1)::text, 'positions']) AS p)
                         || ARRAY(SELECT generate_series(first_position, last_position));
            IF last_position < first_position THEN
                version := versions[skipped];
                first_position := positions[1];
                last_position := positions[skipped];
                repeated := true;
                RETURN NEXT;
                CONTINUE;
            END IF;
        END IF;
        UPDATE runfold.streams s
           SET version = append_events.version,
               first_position = coalesce(s.first_position, append_events.first_position),
               last_position = append_events.last_position
         WHERE s.stream_id = stream_ids[i];
        IF skipped > 0 THEN
            first_position := positions[1];
        END IF;
        RETURN NEXT;
    END LOOP;
    IF command_id IS NOT NULL THEN
        PERFORM runfold.record_command(command_id, call, (
            SELECT jsonb_agg(jsonb_build_object('stream_id', stream_ids[n],
                                                'version', heads[n] + ends[n] - coalesce(ends[n - 1], 0),
                                                'first_position', base + coalesce(ends[n - 1], 0) + 1,
                                                'last_position', base + ends[n]) ORDER BY n)
              FROM generate_series(1, count) AS n));
    END IF;

    -- Wake who waits for the log, at the commit. An idle worker or subscriber holds a lock and sleeps; a busy one will look again by
    -- itself. NOTIFY in every append would cost a third of the throughput and forbid PREPARE TRANSACTION; `SET runfold.wake = off`
    -- forgoes it. One worker is idle, so it holds its lock exclusively and we try it shared. Many subscribers are, so they share one
    -- lock and we try it exclusively, for a moment: an append that finds another's moment notifies in vain. A subscriber that goes to
    -- sleep now sees our fence, and looks again.
    IF coalesce(current_setting('runfold.wake', true), '') <> 'off'
       AND (NOT pg_try_advisory_xact_lock_shared('runfold.events'::regclass::oid::bigint::bit(32)::integer, 1)
            OR NOT CASE WHEN pg_try_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                        THEN pg_advisory_unlock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                        ELSE false END)
       -- Somebody else's full queue would fail this append at its commit; who is not woken looks again by itself, a moment later.
       AND pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('runfold_events', '');
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.append_events IS
    'Appends events to one or several streams, all or nothing; safe to send again with the same event ids.';
REVOKE ALL ON FUNCTION runfold.append_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.append_events TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.check_batch(
    stream_ids text[], counts integer[], expected bigint[], user_ids uuid[], event_ids uuid[], types text[],
    schema_versions integer[], datas text[], metadatas text[], occurred_ats timestamptz[], encrypted boolean[]
)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    appends constant integer := cardinality(stream_ids);
    events constant integer := cardinality(event_ids);
    octets constant bigint := (SELECT coalesce(sum(octet_length(d)), 0) FROM unnest(datas) AS d)
                              + (SELECT coalesce(sum(octet_length(m)), 0) FROM unnest(metadatas) AS m);
    wrong record;
BEGIN
    SELECT s.* INTO wrong
      FROM (VALUES (1, 'stream_ids', array_dims(stream_ids), cardinality(stream_ids), appends, true),
                   (2, 'event_ids', array_dims(event_ids), cardinality(event_ids), events, true),
                   (3, 'counts', array_dims(counts), cardinality(counts), appends, true),
                   (4, 'expected', array_dims(expected), cardinality(expected), appends, false),
                   (5, 'user_ids', array_dims(user_ids), cardinality(user_ids), appends, false),
                   (6, 'encrypted', array_dims(encrypted), cardinality(encrypted), appends, false),
                   (7, 'types', array_dims(types), cardinality(types), events, true),
                   (8, 'schema_versions', array_dims(schema_versions), cardinality(schema_versions), events, false),
                   (9, 'datas', array_dims(datas), cardinality(datas), events, true),
                   (10, 'metadatas', array_dims(metadatas), cardinality(metadatas), events, false),
                   (11, 'occurred_ats', array_dims(occurred_ats), cardinality(occurred_ats), events, true))
           AS s (n, name, dimensions, size, wanted, needed)
     WHERE CASE WHEN s.size IS NULL THEN s.needed
                ELSE s.size <> s.wanted OR s.dimensions <> format('[1:%s]', s.size) END
     ORDER BY s.n LIMIT 1;
    IF wrong.size IS NOT NULL THEN
        PERFORM runfold.raise_fault('out_of_range', '/' || wrong.name, to_jsonb(format('one dimension of %s', wrong.wanted)),
                                    to_jsonb(coalesce(wrong.dimensions, '[]')));
    ELSIF wrong.name IS NOT NULL THEN
        PERFORM runfold.raise_fault('required', '/' || wrong.name);
    END IF;
    SELECT c.n, c.size INTO wrong FROM unnest(counts) WITH ORDINALITY AS c (size, n)
     WHERE c.size IS NULL OR c.size NOT BETWEEN 0 AND events ORDER BY c.n LIMIT 1;
    IF FOUND THEN
        PERFORM runfold.raise_fault('out_of_range', format('/counts/%s', wrong.n - 1), jsonb_build_array(0, events), to_jsonb(wrong.size));
    ELSIF (SELECT sum(size) FROM unnest(counts) AS size) <> events THEN
        PERFORM runfold.raise_fault('out_of_range', '/counts', to_jsonb(format('a sum of %s', events)),
                                    to_jsonb((SELECT sum(size) FROM unnest(counts) AS size)));
    END IF;
    IF octets > 256000000 THEN
        PERFORM runfold.raise_fault('call_too_large', '', '256000000', to_jsonb(octets));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.check_batch IS
    'Refuses arrays of append_batch that do not fit each other, or are larger than a call may be.';
REVOKE ALL ON FUNCTION runfold.check_batch FROM PUBLIC;

CREATE FUNCTION runfold.text_of_batch(
    stream_ids text[], counts integer[], expected bigint[], user_ids uuid[], event_ids uuid[], types text[],
    schema_versions integer[], datas text[], metadatas text[], occurred_ats timestamptz[], encrypted boolean[]
)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part record;
BEGIN
    -- Each must be JSON by itself: only together would some be, and say something else.
    FOR part IN
        SELECT format('/%s/events/%s/%s', a.n - 1, a.i - 1, t.name) AS pointer, t.said
          FROM (SELECT x.n, i, row_number() OVER (ORDER BY x.n, i) AS number
                  FROM unnest(counts) WITH ORDINALITY AS x (size, n), generate_series(1, x.size) AS i) AS a
          JOIN unnest(datas, metadatas) WITH ORDINALITY AS e (data, metadata, n) ON e.n = a.number
         CROSS JOIN LATERAL (VALUES ('data', e.data), ('metadata', e.metadata)) AS t (name, said)
         ORDER BY a.number, t.name
    LOOP
        BEGIN
            PERFORM part.said::json;
        EXCEPTION
            WHEN data_exception THEN
                PERFORM runfold.raise_fault('invalid_json', part.pointer, NULL, to_jsonb(SQLERRM));
            WHEN program_limit_exceeded THEN NULL;  -- append_events says that it is too deep
        END;
    END LOOP;
    RETURN '[' || coalesce((
        SELECT string_agg(concat(
                   '{"stream_id":', coalesce(to_json(a.stream_id)::text, 'null'), ',"expected_version":', coalesce(a.expected::text, 'null'),
                   ',"user_id":', coalesce(to_json(a.user_id)::text, 'null'), ',"encrypted":', coalesce(a.encrypted::text, 'null'),
                   ',"events":[', (
                       SELECT string_agg(concat(
                                  '{"event_id":', coalesce(to_json(e.id)::text, 'null'), ',"type":', coalesce(to_json(e.type)::text, 'null'),
                                  ',"schema_version":', coalesce(e.schema_version::text, 'null'), ',"data":', coalesce(e.data, 'null'),
                                  ',"metadata":', coalesce(e.metadata, 'null'), ',"occurred_at":', coalesce(to_json(
                                      CASE WHEN e.occurred_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'
                                           THEN to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
                                           ELSE e.occurred_at::text END)::text, 'null'), '}'), ',' ORDER BY e.n)
                         FROM unnest(event_ids[a.until - a.size + 1 : a.until], types[a.until - a.size + 1 : a.until],
                                     schema_versions[a.until - a.size + 1 : a.until], datas[a.until - a.size + 1 : a.until],
                                     metadatas[a.until - a.size + 1 : a.until], occurred_ats[a.until - a.size + 1 : a.until])
                              WITH ORDINALITY AS e (id, type, schema_version, data, metadata, occurred_at, n)), ']}'), ',' ORDER BY a.n)
          FROM (SELECT x.*, (sum(x.size) OVER (ORDER BY x.n))::integer AS until
                  FROM unnest(stream_ids, counts, expected, user_ids, encrypted) WITH ORDINALITY
                       AS x (stream_id, size, expected, user_id, encrypted, n)) AS a), '') || ']';
END
$$;
COMMENT ON FUNCTION runfold.text_of_batch IS
    'The text of append_events that says what arrays of append_batch say.';
REVOKE ALL ON FUNCTION runfold.text_of_batch FROM PUBLIC;

CREATE FUNCTION runfold.append_batch(
    stream_ids text[], counts integer[], expected bigint[], user_ids uuid[], event_ids uuid[], types text[],
    schema_versions integer[], datas text[], metadatas text[], occurred_ats timestamptz[],
    repeats text DEFAULT NULL, encrypted boolean[] DEFAULT NULL
)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean,
               skipped integer, versions bigint[], positions bigint[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
-- As in recorded_appends: each row is looked up.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    total constant integer := cardinality(event_ids);
    quick boolean;
    claiming boolean;
    names text[];            -- of each event: its stream
    encrypting boolean[];    -- of each event: its append's
    bodies jsonb[];
    annexes jsonb[];         -- the metadata
    heads bigint[];          -- the version of each stream before this call
    tenants uuid[];
    event_versions bigint[];
    event_tenants uuid[];
    last bigint;
    base bigint;             -- the last position before this call's first
BEGIN
    PERFORM runfold.check_batch(stream_ids, counts, expected, user_ids, event_ids, types, schema_versions, datas, metadatas, occurred_ats,
                                encrypted);
    BEGIN
        SELECT array_agg(a.stream_id), array_agg(a.encrypted), bool_and(a.is_valid)
          INTO names, encrypting, quick
          FROM (SELECT x.stream_id, x.size, coalesce(x.encrypted, false) AS encrypted, coalesce(
                           x.size > 0 AND runfold.append_is_valid(
                               jsonb_build_object('stream_id', x.stream_id, 'expected_version', x.expected), x.stream_id,
                               split_part(x.stream_id, '-', 1)), false) AS is_valid
                  FROM unnest(stream_ids, counts, expected, encrypted) AS x (stream_id, size, expected, encrypted) OFFSET 0) AS a,
               generate_series(1, a.size);
        quick := quick AND total <= 10000 AND cardinality(stream_ids) <= 1000 AND (repeats IS NULL OR repeats = 'skip')
            AND 0 < ALL (counts)
            AND (cardinality(stream_ids) = 1 OR (SELECT count(DISTINCT id COLLATE "C") FROM unnest(stream_ids) AS id)
                                                = cardinality(stream_ids))
            AND (SELECT count(DISTINCT id) FROM unnest(event_ids) AS id) = total;
        IF quick THEN
            SELECT bool_and(coalesce(
                       e.occurred_at BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 23:59:59.999999+00'
                       AND runfold.json_is_exact(e.data_text, e.data, e.canonical)
                       AND (e.encrypted OR strpos(e.canonical, 'ncrypted') = 0)
                       AND (pg_column_size(e.data) < 800 OR NOT e.data @? 'strict $.**{100}')
                       AND (octet_length(e.canonical) <= 65536
                            OR octet_length(e.canonical) <= (SELECT s.value FROM runfold.settings s WHERE s.name = 'max_event_bytes'))
                       AND (e.metadata_text IS NULL OR e.metadata_text = '{}' OR e.metadata = 'null'
                            OR jsonb_typeof(e.metadata) = 'object'
                               AND runfold.json_is_exact(e.metadata_text, e.metadata, e.metadata::text)
                               AND strpos(e.metadata::text, 'ncrypted') = 0
                               AND (pg_column_size(e.metadata) < 800 OR NOT e.metadata @? 'strict $.**{100}')
                               AND (octet_length(e.metadata::text) <= 16384
                                    OR octet_length(e.metadata::text)
                                       <= (SELECT s.value FROM runfold.settings s WHERE s.name = 'max_metadata_bytes')))
                       AND CASE WHEN e.category IN ('execution', 'log')
                                THEN e.schema_version = runfold.current_schema_version(e.type)
                                     AND runfold.event_is_valid(e.category, e.type, e.stream_id, e.data)
                                -- An answer, for instance, locks more than its stream.
                                WHEN e.category IN ('interaction', 'response', 'deployment', 'tenant') THEN false
                                ELSE runfold.registered_event_is_valid(e.category, jsonb_build_object(
                                         'type', e.type, 'schema_version', e.schema_version, 'data', e.data)) END, false)),
                   bool_or(runfold.has_claim_rule(e.type)), array_agg(e.data), array_agg(coalesce(nullif(e.metadata, 'null'), '{}'))
              INTO quick, claiming, bodies, annexes
              FROM (SELECT d.*, d.data::text AS canonical
                      FROM (SELECT x.stream_id, split_part(x.stream_id, '-', 1) AS category, x.encrypted, x.type, x.schema_version,
                                   x.data AS data_text, x.data::jsonb AS data, x.metadata AS metadata_text,
                                   x.metadata::jsonb AS metadata, x.occurred_at
                              FROM unnest(names, encrypting, types, schema_versions, datas, metadatas, occurred_ats)
                                   AS x (stream_id, encrypted, type, schema_version, data, metadata, occurred_at) OFFSET 0) AS d
                    OFFSET 0) AS e;
        END IF;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
        quick := false;
    END;

    -- Lock the streams, in the order of append_events: what is new is inserted, the others are locked, nothing is written. One
    -- statement: who inserted first and locked then would deadlock with append_events on an old stream and a new one.
    IF quick THEN
        INSERT INTO runfold.streams AS s (stream_id, user_id, version)
        SELECT x.stream_id, x.user_id, 0 FROM unnest(stream_ids, user_ids) AS x (stream_id, user_id) ORDER BY x.stream_id COLLATE "C"
            ON CONFLICT ON CONSTRAINT streams_pkey DO UPDATE SET version = s.version WHERE false;
        SELECT array_agg(s.version ORDER BY x.n), array_agg(s.user_id ORDER BY x.n),
               bool_and(s.archived_at IS NULL AND coalesce(x.expected = s.version, x.expected IS NULL)
                        AND (x.user_id IS NULL OR x.user_id IS NOT DISTINCT FROM s.user_id))
          INTO heads, tenants, quick
          FROM unnest(stream_ids, expected, user_ids) WITH ORDINALITY AS x (stream_id, expected, user_id, n)
          JOIN runfold.streams s ON s.stream_id = x.stream_id;
    END IF;
    IF quick THEN
        SELECT array_agg(x.head + i), array_agg(x.user_id) INTO event_versions, event_tenants
          FROM unnest(heads, counts, tenants) AS x (head, size, user_id), generate_series(1, x.size) AS i;
        BEGIN
            INSERT INTO runfold.event_ids (event_id, stream_version)
            SELECT x.id, x.version FROM unnest(event_ids, event_versions) AS x (id, version);
        EXCEPTION WHEN unique_violation THEN
            quick := false;
        END;
    END IF;
    IF quick IS NOT TRUE THEN
        RETURN QUERY SELECT r.* FROM runfold.append_events(
            runfold.text_of_batch(stream_ids, counts, expected, user_ids, event_ids, types, schema_versions, datas, metadatas, occurred_ats,
                                  encrypted), NULL, repeats) AS r;
        RETURN;
    END IF;

    IF claiming THEN
        PERFORM runfold.take_claims((
            SELECT jsonb_agg(a.append ORDER BY a.n)
              FROM (SELECT x.n, jsonb_build_object('stream_id', x.stream_id, 'events', (
                               SELECT jsonb_agg(CASE WHEN runfold.has_claim_rule(e.type)
                                                     THEN jsonb_build_object('type', e.type, 'data', e.data) ELSE '{}' END ORDER BY e.n)
                                 FROM unnest(types[x.until - x.size + 1 : x.until], bodies[x.until - x.size + 1 : x.until])
                                      WITH ORDINALITY AS e (type, data, n))) AS append
                      FROM (SELECT a.*, sum(a.size) OVER (ORDER BY a.n)::integer AS until
                              FROM unnest(stream_ids, counts) WITH ORDINALITY AS a (stream_id, size, n)) AS x) AS a));
    END IF;

    -- The fence, and the positions behind it; an erased tenant is looked up behind the fence, as in append_events.
    last := runfold.allocate_positions(total);
    base := last - total;
    IF EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = ANY (tenants)) THEN
        PERFORM runfold.refuse_erased(tenants, stream_ids);
    END IF;

    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                user_id, data, metadata, occurred_at, recorded_at)
    SELECT base + e.n, last, e.stream_id, e.version, e.id, split_part(e.stream_id, '-', 1), e.type, coalesce(e.schema_version, 1),
           e.user_id, e.data, e.metadata, e.occurred_at, clock_timestamp()
      FROM unnest(names, event_versions, event_ids, types, schema_versions, event_tenants, bodies, annexes, occurred_ats)
           WITH ORDINALITY AS e (stream_id, version, id, type, schema_version, user_id, data, metadata, occurred_at, n);
    UPDATE runfold.streams s
       SET version = x.head + x.size, first_position = coalesce(s.first_position, base + x.until - x.size + 1),
           last_position = base + x.until
      FROM (SELECT a.*, sum(a.size) OVER (ORDER BY a.n) AS until
              FROM unnest(stream_ids, heads, counts) WITH ORDINALITY AS a (stream_id, head, size, n)) AS x
     WHERE s.stream_id = x.stream_id;

    -- Wake who waits for the log, at the commit. An idle worker or subscriber holds a lock and sleeps; a busy one will look again by
    -- itself. NOTIFY in every append would cost a third of the throughput and forbid PREPARE TRANSACTION; `SET runfold.wake = off`
    -- forgoes it. One worker is idle, so it holds its lock exclusively and we try it shared. Many subscribers are, so they share one
    -- lock and we try it exclusively, for a moment: an append that finds another's moment notifies in vain. A subscriber that goes to
    -- sleep now sees our fence, and looks again.
    IF coalesce(current_setting('runfold.wake', true), '') <> 'off'
       AND (NOT pg_try_advisory_xact_lock_shared('runfold.events'::regclass::oid::bigint::bit(32)::integer, 1)
            OR NOT CASE WHEN pg_try_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                        THEN pg_advisory_unlock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                        ELSE false END)
       -- Somebody else's full queue would fail this append at its commit; who is not woken looks again by itself, a moment later.
       AND pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('runfold_events', '');
    END IF;

    RETURN QUERY
    SELECT x.stream_id, x.head + x.size, base + x.until - x.size + 1, base + x.until, false,
           CASE WHEN repeats IS NOT NULL THEN 0 END,
           CASE WHEN repeats IS NOT NULL THEN ARRAY(SELECT generate_series(x.head + 1, x.head + x.size)) END,
           CASE WHEN repeats IS NOT NULL THEN ARRAY(SELECT generate_series(base + x.until - x.size + 1, base + x.until)) END
      FROM (SELECT a.*, (sum(a.size) OVER (ORDER BY a.n))::bigint AS until
              FROM unnest(stream_ids, heads, counts) WITH ORDINALITY AS a (stream_id, head, size, n)) AS x
     ORDER BY x.n;
END
$$;
COMMENT ON FUNCTION runfold.append_batch IS
    'Appends many events to one or several streams, all or nothing, as append_events does: the same checks, refusals, order and results, for drivers that send arrays.';
REVOKE ALL ON FUNCTION runfold.append_batch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.append_batch TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.append_reserved(appends jsonb)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids constant uuid[] := ARRAY(SELECT (e ->> 'event_id')::uuid
                                   FROM jsonb_array_elements(appends) AS a, jsonb_array_elements(a -> 'events') AS e);
BEGIN
    INSERT INTO runfold.permits (event_id) SELECT unnest(ids);
    RETURN QUERY SELECT r.stream_id, r.version, r.first_position, r.last_position, r.repeated FROM runfold.append_events(appends::text) AS r;
    DELETE FROM runfold.permits p WHERE p.event_id = ANY (ids);
END
$$;
COMMENT ON FUNCTION runfold.append_reserved IS
    'Appends reserved events, which append_events refuses from everybody else: for definer functions of ours only. Takes the call of append_events and returns the same.';
REVOKE ALL ON FUNCTION runfold.append_reserved FROM PUBLIC;

CREATE FUNCTION runfold.connection_body(c public.node_connections) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.jsonb_build_object(
        'source_node_id', c.source_node_id, 'target_node_id', c.target_node_id, 'connection_type', c.connection_type,
        'connection_index', c.connection_index, 'label', c.label, 'conditions', c.conditions)
$$;
COMMENT ON FUNCTION runfold.connection_body IS
    'A connection''s row as it is in a definition.';
REVOKE ALL ON FUNCTION runfold.connection_body FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.connection_body TO runfold_engine, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.node_body(n public.nodes) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.jsonb_build_object(
        'node_id', n.node_id, 'node_type', n.node_type, 'node_subtype', n.node_subtype, 'type_version', n.type_version,
        'name', n.name, 'description', n.description, 'disabled', n.disabled, 'parameters', n.parameters,
        'credentials', n.credentials, 'attached_nodes', n.attached_nodes, 'error_handling', n.error_handling,
        'max_retries', n.max_retries, 'retry_wait_time', n.retry_wait_time, 'webhooks', pg_catalog.to_jsonb(n.webhooks))
$$;
COMMENT ON FUNCTION runfold.node_body IS
    'A node''s row as it is in a definition, without what only the canvas shows.';
REVOKE ALL ON FUNCTION runfold.node_body FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.node_body TO runfold_engine, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.workflow_body(w public.workflows) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.jsonb_build_object(
        'name', w.name, 'description', w.description, 'version', w.version, 'active', w.active, 'workflow_data', w.workflow_data,
        'settings', w.settings, 'static_data', w.static_data, 'pin_data', w.pin_data, 'tags', pg_catalog.to_jsonb(w.tags),
        'is_template', w.is_template, 'template_category', w.template_category, 'icon_url', w.icon_url)
$$;
COMMENT ON FUNCTION runfold.workflow_body IS
    'A workflow''s row as it is in a definition: the columns that people own.';
REVOKE ALL ON FUNCTION runfold.workflow_body FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.workflow_body TO runfold_engine, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.definition_of(workflow_id uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.workflow_body(w) || jsonb_build_object(
               'nodes', coalesce((
                   SELECT jsonb_agg(runfold.node_body(n) || jsonb_build_object(
                              -- JSON has no infinity.
                              'position_x', CASE WHEN abs(n.position_x) < 'Infinity' THEN n.position_x END,
                              'position_y', CASE WHEN abs(n.position_y) < 'Infinity' THEN n.position_y END, 'notes', n.notes)
                              ORDER BY n.node_id COLLATE "C")
                     FROM public.nodes n WHERE n.workflow_id = w.id), '[]'),
               'connections', coalesce((
                   SELECT jsonb_agg(runfold.connection_body(c)
                              ORDER BY c.source_node_id COLLATE "C", c.target_node_id COLLATE "C", c.connection_type COLLATE "C",
                                       c.connection_index)
                     FROM public.node_connections c WHERE c.workflow_id = w.id), '[]'))
      FROM public.workflows w
     WHERE w.id = $1
$$;
COMMENT ON FUNCTION runfold.definition_of IS
    'A workflow''s definition as its rows have it now; null where there is no such workflow, or not for the caller.';
REVOKE ALL ON FUNCTION runfold.definition_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.definition_of TO runfold_engine, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.without_canvas(nodes jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(nodes) = 'array' THEN coalesce((
               SELECT jsonb_agg(CASE WHEN jsonb_typeof(e.node) = 'object'
                                     THEN e.node - '{position,position_x,position_y,notes,created_at,updated_at}'::text[]
                                     ELSE e.node END ORDER BY e.n)
                 FROM jsonb_array_elements(nodes) WITH ORDINALITY AS e (node, n)), '[]')
           ELSE nodes END
$$;
COMMENT ON FUNCTION runfold.without_canvas IS
    'Nodes without what only the canvas shows: positions, notes and times. What is no array of objects is returned as it is.';
REVOKE ALL ON FUNCTION runfold.without_canvas FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.without_canvas TO runfold_engine, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.digest_of_parts(workflow jsonb, nodes text, connections text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(
        CASE WHEN jsonb_typeof(workflow #> '{workflow_data,nodes}') = 'array'
             THEN workflow || jsonb_build_object('workflow_data', jsonb_set(
                      workflow -> 'workflow_data', '{nodes}', runfold.without_canvas(workflow #> '{workflow_data,nodes}')))
             ELSE workflow END::text
        || E'\n\n' || coalesce(nodes, '') || E'\n\n' || coalesce(connections, ''), 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION runfold.digest_of_parts IS
    'The digest of a definition that is given in parts: what is neither node nor connection, and the texts of these, a line each.';
REVOKE ALL ON FUNCTION runfold.digest_of_parts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.digest_of_parts TO runfold_engine, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.digest_of_workflow(workflow_id uuid, OUT digest text, OUT nodes bigint, OUT connections bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.digest_of_parts(runfold.workflow_body(w), n.lines, c.lines), n.count, c.count
      FROM public.workflows w,
           LATERAL (SELECT string_agg(runfold.node_body(x)::text, E'\n' ORDER BY x.node_id COLLATE "C") AS lines, count(*) AS count
                      FROM public.nodes x WHERE x.workflow_id = w.id) AS n,
           LATERAL (SELECT string_agg(runfold.connection_body(x)::text, E'\n'
                               ORDER BY x.source_node_id COLLATE "C", x.target_node_id COLLATE "C", x.connection_type COLLATE "C",
                                        x.connection_index) AS lines, count(*) AS count
                      FROM public.node_connections x WHERE x.workflow_id = w.id) AS c
     WHERE w.id = $1
$$;
COMMENT ON FUNCTION runfold.digest_of_workflow IS
    'The digest of a workflow''s definition as its rows have it now, and how many nodes and connections it has.';
REVOKE ALL ON FUNCTION runfold.digest_of_workflow FROM PUBLIC;

CREATE FUNCTION runfold.last_definition(workflow_id uuid, OUT version bigint, OUT digest text, OUT user_id uuid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(s.version, 0), e.data ->> 'digest', s.user_id
      FROM (SELECT runfold.stream_id('definition', $1::text) AS stream_id) AS named
      LEFT JOIN runfold.streams s ON s.stream_id = named.stream_id
      LEFT JOIN runfold.events e ON e.position = s.last_position
$$;
COMMENT ON FUNCTION runfold.last_definition IS
    'The newest version of a workflow''s definition: its number and digest, and the tenant of its stream; 0 and nulls before the first.';
REVOKE ALL ON FUNCTION runfold.last_definition FROM PUBLIC;

CREATE FUNCTION runfold.lock_definitions(workflow_ids uuid[]) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO runfold.streams AS s (stream_id, user_id, version)
    SELECT runfold.stream_id('definition', w.id::text), w.user_id, 0
      FROM public.workflows w
     WHERE w.id = ANY (workflow_ids) AND w.user_id IS NOT NULL
     ORDER BY runfold.stream_id('definition', w.id::text) COLLATE "C"
        ON CONFLICT ON CONSTRAINT streams_pkey DO UPDATE SET version = s.version WHERE false
$$;
COMMENT ON FUNCTION runfold.lock_definitions IS
    'Locks the definition streams of some workflows, in the order in which every append takes streams.';
REVOKE ALL ON FUNCTION runfold.lock_definitions FROM PUBLIC;

CREATE FUNCTION runfold.new_id() RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    -- A random UUID of version 4, whose first 6 bytes become milliseconds, the next two version 7 and 4096ths of one.
    SELECT encode(overlay(uuid_send(gen_random_uuid())
                          PLACING substring(int8send(t.us / 1000), 3) || substring(int8send(28672 + t.us % 1000 * 4096 / 1000), 7)
                          FROM 1), 'hex')::uuid
      FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us OFFSET 0) AS t
$$;
COMMENT ON FUNCTION runfold.new_id IS
    'A new UUID of version 7: it sorts by when it was made.';
REVOKE ALL ON FUNCTION runfold.new_id FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.new_id TO runfold_operator;

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
COMMENT ON FUNCTION runfold.append_definitions IS
    'Appends DefinitionSaved for each workflow that this transaction edited and whose digest is another than that of its newest version; keeps the bodies.';
REVOKE ALL ON FUNCTION runfold.append_definitions FROM PUBLIC;

CREATE FUNCTION runfold.append_definition_saved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.append_definitions();
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.append_definition_saved IS
    'Trigger: appends DefinitionSaved, at the commit, for the workflows that the transaction edited.';
REVOKE ALL ON FUNCTION runfold.append_definition_saved FROM PUBLIC;

CREATE FUNCTION runfold.append_deletion(workflow_id uuid, owner uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream constant text := runfold.stream_id('deployment', workflow_id::text);
    now constant text := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    append jsonb := jsonb_build_object('stream_id', stream, 'events', jsonb_build_array(jsonb_build_object(
        'event_id', runfold.new_id(), 'type', 'WorkflowDeleted', 'schema_version', 1, 'occurred_at', now,
        'data', jsonb_build_object('at', now, 'by', coalesce(auth.uid()::text, session_user)))));
BEGIN
    IF owner IS NOT NULL AND NOT EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = stream) THEN
        BEGIN
            PERFORM runfold.append_reserved(jsonb_build_array(append || jsonb_build_object('user_id', owner)));
            RETURN;
        EXCEPTION WHEN SQLSTATE 'RF003' THEN
            -- Another tenant made the stream at this moment.
            NULL;
        END;
    END IF;
    PERFORM runfold.append_reserved(jsonb_build_array(append));
END
$$;
COMMENT ON FUNCTION runfold.append_deletion IS
    'Appends WorkflowDeleted to a workflow''s deployment stream, at any version and for any tenant of the stream.';
REVOKE ALL ON FUNCTION runfold.append_deletion FROM PUBLIC;

CREATE FUNCTION runfold.append_deployment_events(appends text, command_id uuid DEFAULT NULL)
RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    call constant jsonb := runfold.validate_appends(appends);
    pointer text;
    found jsonb;
BEGIN
    SELECT format('/%s/stream_id', a.n - 1), a.append -> 'stream_id' INTO pointer, found
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     WHERE NOT starts_with(a.append ->> 'stream_id', 'deployment-')
     ORDER BY a.n LIMIT 1;
    IF pointer IS NULL THEN
        SELECT format('/%s/events/%s/type', a.n - 1, e.n - 1), e.event -> 'type' INTO pointer, found
          FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n),
               jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
         WHERE e.event ->> 'type' = 'WorkflowDeleted'
         ORDER BY a.n, e.n LIMIT 1;
    END IF;
    IF pointer IS NOT NULL THEN
        PERFORM runfold.raise_fault('not_of_a_deployment', pointer, NULL, found);
    END IF;
    RETURN QUERY SELECT r.stream_id, r.version, r.first_position, r.last_position, r.repeated
                   FROM runfold.append_events(appends, command_id) AS r;
END
$$;
COMMENT ON FUNCTION runfold.append_deployment_events IS
    'Appends events of deployments, as append_events does; refuses all others.';
REVOKE ALL ON FUNCTION runfold.append_deployment_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.append_deployment_events TO runfold_scheduler;

CREATE FUNCTION runfold.has_ended(execution_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.end_status($1) IS NOT NULL
$$;
COMMENT ON FUNCTION runfold.has_ended IS
    'Whether the log holds the end of an execution, folded or not.';
REVOKE ALL ON FUNCTION runfold.has_ended FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.has_ended TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.closes_pause(type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT type IN ('PauseResumed', 'PauseTimedOut', 'PauseCanceled')
$$;
COMMENT ON FUNCTION runfold.closes_pause IS
    'Whether an event of this type closes its pause.';
REVOKE ALL ON FUNCTION runfold.closes_pause FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.closes_pause TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.open_pauses(execution_id text)
RETURNS TABLE (pause text, interaction_id uuid, timeout_at timestamptz, action text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH happened AS (
        SELECT e.position, e.type, e.data ->> 'pause' COLLATE "C" AS pause, runfold.upcast(e.type, e.schema_version, e.data) AS data
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = runfold.stream_id('execution', $1)
           AND (e.type = 'PauseOpened' OR runfold.closes_pause(e.type) OR runfold.ends_execution(e.type))
           AND e.position >= coalesce((SELECT x.first_event_position FROM public.workflow_executions x WHERE x.execution_id = $1), 0)
    ), opened AS (
        SELECT DISTINCT ON (h.pause) h.* FROM happened h WHERE h.type = 'PauseOpened' ORDER BY h.pause, h.position
    )
    SELECT o.pause, (o.data ->> 'interaction_id')::uuid, (o.data ->> 'timeout_at')::timestamptz,
           runfold.timeout_action(o.data -> 'resume_conditions')
      FROM opened o
     WHERE NOT EXISTS (SELECT FROM happened c
                        WHERE runfold.ends_execution(c.type)
                           OR (runfold.closes_pause(c.type) AND c.pause = o.pause AND c.position > o.position))
$$;
COMMENT ON FUNCTION runfold.open_pauses IS
    'The pauses of an execution that are open now, as the log says.';
REVOKE ALL ON FUNCTION runfold.open_pauses FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.open_pauses TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.row_id(stream_id text, kind text, name text) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    -- Bits 52 to 55 are the version, 70 and 71 the variant; single bits, so that the hash is computed once.
    SELECT pg_catalog.encode(pg_catalog.substring(
               pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(
               pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(
               pg_catalog.sha256(pg_catalog.convert_to($1 || E'\x1f' || $2 || E'\x1f' || $3, 'UTF8')),
               55, 1), 54, 0), 53, 0), 52, 0), 71, 1), 70, 0), 1, 16), 'hex')::uuid
$$;
COMMENT ON FUNCTION runfold.row_id IS
    'The UUID of the row that a stream names so.';
REVOKE ALL ON FUNCTION runfold.row_id FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.row_id TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.due_timeouts(at timestamptz, max_count integer, remind_before interval)
RETURNS TABLE (kind text, execution_id text, pause text, interactions uuid[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    candidate record;
    state record;
    found integer := 0;
BEGIN
    kind := 'interaction';
    FOR candidate IN
        SELECT h.id
          FROM public.human_interactions h
         WHERE h.status = 'pending' AND h.timeout_at <= at
           AND NOT EXISTS (SELECT FROM runfold.event_ids i
                            WHERE i.event_id = runfold.row_id(runfold.stream_id('interaction', h.id::text), 'InteractionTimedOut', ''))
         ORDER BY h.timeout_at
    LOOP
        EXIT WHEN found >= max_count;
        SELECT s.* INTO state FROM runfold.interaction_state(candidate.id) AS s;
        IF state.status = 'pending' AND state.timeout_at <= at AND NOT runfold.has_ended(state.execution_id) THEN
            execution_id := state.execution_id;
            pause := state.pause;
            interactions := ARRAY[candidate.id];
            found := found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;

    kind := 'pause';
    found := 0;
    FOR candidate IN
        SELECT x.execution_id, p.name, p.interaction_id, p.execution_id AS row_id
          FROM public.workflow_execution_pauses p
          JOIN public.workflow_executions x ON x.id = p.execution_id
         WHERE p.status = 'active' AND p.timeout_at <= at
           AND NOT EXISTS (SELECT FROM runfold.event_ids i
                            WHERE i.event_id = runfold.row_id(runfold.stream_id('execution', x.execution_id), 'PauseTimedOut', p.name))
         ORDER BY p.timeout_at
    LOOP
        EXIT WHEN found >= max_count;
        IF candidate.interaction_id IS NOT NULL THEN
            SELECT array_agg(candidate.interaction_id) AS ids, bool_or(s.status = 'responded') AS answered
              INTO state FROM runfold.interaction_state(candidate.interaction_id) AS s;
        ELSE
            SELECT array_agg(h.id) AS ids, bool_or(s.status = 'responded') AS answered
              INTO state
              FROM public.human_interactions h
             CROSS JOIN LATERAL runfold.interaction_state(h.id) AS s
             WHERE h.execution_id = candidate.row_id AND s.pause = candidate.name;
        END IF;
        IF state.answered IS NOT TRUE
           AND EXISTS (SELECT FROM runfold.open_pauses(candidate.execution_id) AS o WHERE o.pause = candidate.name) THEN
            execution_id := candidate.execution_id;
            pause := candidate.name;
            interactions := coalesce(state.ids, '{}');
            found := found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;

    kind := 'reminder';
    found := 0;
    pause := NULL;
    FOR candidate IN
        SELECT h.id
          FROM public.human_interactions h
         WHERE h.status = 'pending' AND h.timeout_at > at AND h.timeout_at <= at + remind_before
           AND NOT EXISTS (SELECT FROM runfold.event_ids i
                            WHERE i.event_id = runfold.row_id(runfold.stream_id('interaction', h.id::text), 'InteractionReminderSent', ''))
         ORDER BY h.timeout_at
    LOOP
        EXIT WHEN found >= max_count;
        SELECT s.* INTO state FROM runfold.interaction_state(candidate.id) AS s;
        IF state.status = 'pending' AND NOT state.reminded AND NOT runfold.has_ended(state.execution_id) THEN
            execution_id := state.execution_id;
            interactions := ARRAY[candidate.id];
            found := found + 1;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.due_timeouts IS
    'Interactions and pauses past their time, and interactions near it that were not warned of; at most so many of each.';
REVOKE ALL ON FUNCTION runfold.due_timeouts FROM PUBLIC;

CREATE FUNCTION runfold.timeout_event(stream_id text, type text, name text, at timestamptz, data jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('event_id', runfold.row_id(stream_id, type, name), 'type', type, 'occurred_at', i.instant,
                              'data', data || jsonb_build_object('at', i.instant))
      FROM (SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant) AS i
$$;
COMMENT ON FUNCTION runfold.timeout_event IS
    'An event about time running out, to append: its id follows from what it is about.';
REVOKE ALL ON FUNCTION runfold.timeout_event FROM PUBLIC;

CREATE FUNCTION runfold.with_event(appends jsonb, stream_id text, event jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN appends -> stream_id @> jsonb_build_array(jsonb_build_object('event_id', event -> 'event_id')) THEN appends
                ELSE appends || jsonb_build_object(stream_id, coalesce(appends -> stream_id, '[]') || event) END
$$;
COMMENT ON FUNCTION runfold.with_event IS
    'The events by stream, with one more unless it is among them.';
REVOKE ALL ON FUNCTION runfold.with_event FROM PUBLIC;

CREATE FUNCTION runfold.append_due_timeouts(max_count integer DEFAULT 100, remind_before interval DEFAULT '15 minutes')
RETURNS TABLE (stream_id text, type text, pause text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    now constant timestamptz := clock_timestamp();
    due jsonb;
    names text[];
    present text[];
    versions jsonb;           -- stream -> version, of those that are locked
    appends jsonb := '{}';    -- stream -> events
    candidate record;
    state record;
    other uuid;
    stream text;
    execution text;
    said text;                -- what is to happen, as the interaction has it
BEGIN
    SELECT jsonb_agg(to_jsonb(d)) INTO due FROM runfold.due_timeouts(now, max_count, remind_before) AS d;
    IF due IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(DISTINCT n.name)
      INTO names
      FROM jsonb_to_recordset(due) AS d (kind text, execution_id text, interactions uuid[])
     CROSS JOIN LATERAL (SELECT runfold.stream_id('execution', d.execution_id) WHERE d.kind <> 'reminder'
                         UNION ALL SELECT runfold.stream_id('interaction', i::text) FROM unnest(d.interactions) AS i) AS n (name);
    present := ARRAY(SELECT s.stream_id FROM runfold.streams s WHERE s.stream_id = ANY (names));
    SELECT coalesce(jsonb_object_agg(l.stream_id, l.version), '{}')
      INTO versions
      FROM (SELECT s.stream_id, s.version FROM runfold.streams s WHERE s.stream_id = ANY (present)
             ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE SKIP LOCKED) AS l;

    FOR candidate IN
        SELECT d.kind, d.execution_id, d.pause, d.interactions
          FROM jsonb_to_recordset(due) AS d (kind text, execution_id text, pause text, interactions uuid[])
    LOOP
        execution := runfold.stream_id('execution', candidate.execution_id);
        CONTINUE WHEN candidate.kind <> 'reminder' AND execution = ANY (present) AND NOT versions ? execution;
        CONTINUE WHEN EXISTS (SELECT FROM unnest(candidate.interactions) AS i
                               CROSS JOIN LATERAL (SELECT runfold.stream_id('interaction', i::text) AS id) AS s
                               WHERE s.id = ANY (present) AND NOT versions ? s.id);
        IF candidate.kind = 'pause' THEN
            -- With its interaction already.
            CONTINUE WHEN appends -> execution @> jsonb_build_array(jsonb_build_object(
                'event_id', runfold.row_id(execution, 'PauseTimedOut', candidate.pause)));
            CONTINUE WHEN NOT EXISTS (SELECT FROM runfold.open_pauses(candidate.execution_id) AS o WHERE o.pause = candidate.pause);
            CONTINUE WHEN EXISTS (SELECT FROM unnest(candidate.interactions) AS i
                                   CROSS JOIN LATERAL runfold.interaction_state(i) AS s WHERE s.status = 'responded');
        END IF;
        said := NULL;
        FOREACH other IN ARRAY candidate.interactions LOOP
            stream := runfold.stream_id('interaction', other::text);
            SELECT s.* INTO state FROM runfold.interaction_state(other) AS s;
            IF state.status IS DISTINCT FROM 'pending' THEN
                CONTINUE;
            ELSIF candidate.kind = 'reminder' THEN
                IF NOT state.reminded THEN
                    appends := runfold.with_event(
                        appends, stream, runfold.timeout_event(stream, 'InteractionReminderSent', '', now, '{}'));
                END IF;
                CONTINUE;
            END IF;
            said := state.action;
            appends := runfold.with_event(appends, stream, runfold.timeout_event(
                stream, 'InteractionTimedOut', '', now, jsonb_build_object('action', state.action)));
        END LOOP;
        IF candidate.kind <> 'reminder' THEN
            -- The pause that is due, and the one that waits for an interaction that has timed out just now.
            FOR state IN
                SELECT o.pause, o.action
                  FROM runfold.open_pauses(candidate.execution_id) AS o
                 WHERE candidate.kind = 'pause' AND o.pause = candidate.pause
                    OR candidate.kind = 'interaction' AND appends ? runfold.stream_id('interaction', candidate.interactions[1]::text)
                   AND (o.interaction_id = candidate.interactions[1] OR o.interaction_id IS NULL AND o.pause = candidate.pause)
            LOOP
                appends := runfold.with_event(appends, execution, runfold.timeout_event(
                    execution, 'PauseTimedOut', state.pause, now, jsonb_build_object(
                        'pause', state.pause, 'action', coalesce(state.action, said, 'fail'))));
            END LOOP;
        END IF;
    END LOOP;
    IF appends = '{}' THEN
        RETURN;
    END IF;

    -- The worker does not wait for the disk, because it can fold again; who reads of a timeout acts on it.
    PERFORM set_config('synchronous_commit', s.reset_val, true) FROM pg_settings s WHERE s.name = 'synchronous_commit';
    PERFORM runfold.append_events((
        SELECT jsonb_agg(jsonb_build_object('stream_id', a.key, 'expected_version', versions -> a.key, 'events', a.value))
          FROM jsonb_each(appends) AS a)::text);
    RETURN QUERY
    SELECT a.key, e.event ->> 'type', e.event #>> '{data,pause}'
      FROM jsonb_each(appends) AS a
     CROSS JOIN jsonb_array_elements(a.value) AS e (event)
     ORDER BY a.key COLLATE "C";
END
$$;
COMMENT ON FUNCTION runfold.append_due_timeouts IS
    'Appends the timeouts and warnings that are due by the database''s clock, once each; returns what it appended.';
REVOKE ALL ON FUNCTION runfold.append_due_timeouts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.append_due_timeouts TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.record_tracking(tracker text, application_name text, notification_id bigint, call_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE runfold.tracking t SET notification_id = record_tracking.notification_id, call_id = record_tracking.call_id
     WHERE t.tracker = record_tracking.tracker AND t.application_name = record_tracking.application_name
       AND t.notification_id < record_tracking.notification_id;
    IF FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO runfold.tracking AS t (tracker, application_name, notification_id, call_id)
    VALUES (tracker, application_name, notification_id, call_id)
        ON CONFLICT ON CONSTRAINT tracking_pkey DO UPDATE
        SET notification_id = excluded.notification_id, call_id = excluded.call_id
      WHERE t.notification_id < excluded.notification_id;
    IF FOUND THEN
        RETURN false;
    ELSIF EXISTS (SELECT FROM runfold.tracking t
                   WHERE t.tracker = record_tracking.tracker AND t.application_name = record_tracking.application_name
                     AND t.notification_id = record_tracking.notification_id AND t.call_id = record_tracking.call_id) THEN
        RETURN true;
    END IF;
    PERFORM runfold.refuse('already_tracked', jsonb_build_object(
        'tracker', tracker, 'application_name', application_name, 'notification_id', notification_id));
END
$$;
COMMENT ON FUNCTION runfold.record_tracking IS
    'Records how far a tracker has followed an application; never backwards.';
REVOKE ALL ON FUNCTION runfold.record_tracking FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.record_tracking TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.recorded_opaque_events(
    stream_ids text[], versions bigint[], numbers integer[], types text[], type_numbers integer[], payloads bytea[], event_ids uuid[]
) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    SELECT CASE WHEN count(*) = cardinality($7) THEN min(e.position) END
      FROM unnest($3, $2, $5, $6, $7) AS c (number, version, type_number, payload, id)
      JOIN runfold.streams s ON s.stream_id = ($1)[c.number]
      JOIN runfold.events e ON e.stream_id = s.stream_id AND e.stream_version = c.version AND e.event_id = c.id
                           AND e.type = ($4)[c.type_number] AND e.payload = c.payload
                           AND e.position BETWEEN s.first_position AND s.last_position
$$;
COMMENT ON FUNCTION runfold.recorded_opaque_events IS
    'The first position of a call of append_opaque_events that was recorded before.';
REVOKE ALL ON FUNCTION runfold.recorded_opaque_events FROM PUBLIC;

CREATE FUNCTION runfold.require_opaque_events(
    category text, names text[], first_versions bigint[], numbers integer[], types text[], type_numbers integer[], payloads bytea[],
    event_ids uuid[]
) RETURNS void
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    total constant integer := cardinality(numbers);
    count constant integer := cardinality(names);
    sound boolean;
    largest integer;
    maximum bigint;
    name text;
BEGIN
    IF EXISTS (SELECT FROM runfold.event_types t WHERE t.category = require_opaque_events.category AND t.reserved) THEN
        PERFORM runfold.raise_fault('reserved_category', '/category', NULL, to_jsonb(category));
    ELSIF NOT EXISTS (SELECT FROM runfold.applications a WHERE a.category = require_opaque_events.category) THEN
        PERFORM runfold.raise_fault('unknown_category', '/category', NULL, to_jsonb(left(category, 100)));
    ELSIF coalesce(total, 0) = 0 THEN
        PERFORM runfold.raise_fault('empty_call', '');
    ELSIF total > 10000 THEN
        PERFORM runfold.raise_fault('too_many_events', '', '10000');
    ELSIF count > 1000 THEN
        PERFORM runfold.raise_fault('too_many_appends', '', '1000', to_jsonb(count));
    ELSIF pg_column_size(payloads) > 256000000 THEN
        PERFORM runfold.raise_fault('call_too_large', '', '256000000', to_jsonb(pg_column_size(payloads)));
    END IF;
    -- min and max look past nulls, which the columns refuse.
    SELECT min(e.number) = 1 AND max(e.number) = count AND min(e.type_number) >= 1 AND max(e.type_number) <= cardinality(types)
           AND cardinality(type_numbers) = total AND cardinality(payloads) = total AND cardinality(event_ids) = total
           AND cardinality(first_versions) = count AND array_position(numbers, NULL) IS NULL AND array_position(payloads, NULL) IS NULL
      INTO sound
      FROM unnest(numbers, type_numbers) AS e (number, type_number);
    IF sound IS NOT TRUE THEN
        PERFORM runfold.raise_fault('wrong_type', '', '"arrays of one length each, without nulls"', '"others"');
    ELSIF count > 1 AND (SELECT count(DISTINCT s.name) < count OR NOT array_agg(s.n::integer) <@ numbers
                           FROM unnest(names) WITH ORDINALITY AS s (name, n)) THEN
        PERFORM runfold.raise_fault('duplicate_stream', '/names', NULL, '"a name twice, or without events"');
    ELSIF pg_column_size(payloads) > 65536 THEN  -- the least that max_event_bytes may be
        SELECT s.value INTO maximum FROM runfold.settings s WHERE s.name = 'max_event_bytes';
        SELECT max(octet_length(p)) INTO largest FROM unnest(payloads) AS p;
        IF largest > maximum THEN
            PERFORM runfold.raise_fault('event_too_large', '/payloads', to_jsonb(maximum), to_jsonb(largest));
        END IF;
    END IF;
    FOREACH name IN ARRAY types LOOP
        -- None of ours has a colon; what is not a plain topic is looked at closely.
        IF name ~ '^[!-~]+:[!-~]+$' AND length(name) <= 255 THEN
            CONTINUE;
        END IF;
        PERFORM runfold.raise_value_fault('name', 1, 255, NULL, to_jsonb(name), '/types');
        IF EXISTS (SELECT FROM runfold.event_types o WHERE o.type = name AND o.closed) THEN
            PERFORM runfold.raise_fault('reserved_type', '/types', NULL, to_jsonb(name));
        END IF;
    END LOOP;
    FOR i IN 1 .. count LOOP
        IF first_versions[i] BETWEEN 0 AND 9223372036854700000 AND names[i] ~ '^[!-~]+$'
           AND length(category) + length(names[i]) < 264 THEN
            CONTINUE;
        END IF;
        PERFORM runfold.raise_value_fault('integer', 0, 9223372036854700000, NULL, to_jsonb(first_versions[i]), '/first_versions');
        PERFORM runfold.raise_stream_id_fault(runfold.stream_id(category, names[i]), '/names');
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.require_opaque_events IS
    'Raises the fault of a call of append_opaque_events, if it has one.';
REVOKE ALL ON FUNCTION runfold.require_opaque_events FROM PUBLIC;

CREATE FUNCTION runfold.append_opaque_events(
    category text, names text[], first_versions bigint[], numbers integer[], types text[], type_numbers integer[], payloads bytea[],
    event_ids uuid[], occurred_at timestamptz, tracker text DEFAULT NULL, application_name text DEFAULT NULL, notification_id bigint DEFAULT NULL,
    call_id uuid DEFAULT NULL, user_id uuid DEFAULT NULL, OUT first_position bigint, OUT repeated boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    total constant integer := cardinality(numbers);
    count constant integer := cardinality(names);
    lock_order integer[] := '{1}';
    stream_ids text[];
    expected_versions bigint[];
    begins_at bigint[];      -- the versions of streams before their first event
    skipping constant boolean := false;  -- see lock_streams
    tenants uuid[] := array_fill(user_id, ARRAY[coalesce(count, 0)]);  -- of the call, then of each stream
    heads bigint[];          -- of each stream before this call
    event_versions bigint[];
    next_versions bigint[] := first_versions;
    first_offsets integer[];
    last_offsets integer[];
    i integer;
    n integer;
    expected bigint;
    locked record;
    conflict integer;        -- the first stream whose version does not match
    base bigint;             -- the last position before this call's first
BEGIN
    IF total = 0 AND tracker IS NOT NULL THEN
        repeated := runfold.record_tracking(tracker, application_name, notification_id, call_id);
        RETURN;
    END IF;
    repeated := false;
    PERFORM runfold.require_opaque_events(category, names, first_versions, numbers, types, type_numbers, payloads, event_ids);
    IF occurred_at NOT BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 23:59:59.999999+00' THEN
        PERFORM runfold.raise_fault('out_of_range', '/occurred_at', '["0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z"]',
                                    to_jsonb(occurred_at));
    END IF;
    IF count = 1 THEN
        stream_ids := ARRAY[runfold.stream_id(category, names[1])];
        expected_versions := ARRAY[first_versions[1] - 1];
        event_versions := ARRAY(SELECT generate_series(first_versions[1], first_versions[1] + total - 1));
        next_versions[1] := first_versions[1] + total;
        first_offsets := '{1}';
        last_offsets := ARRAY[total];
    ELSE
        FOR i IN 1 .. total LOOP
            n := numbers[i];
            event_versions[i] := next_versions[n];
            next_versions[n] := next_versions[n] + 1;
            IF first_offsets[n] IS NULL THEN
                first_offsets[n] := i;
            END IF;
            last_offsets[n] := i;
        END LOOP;
        FOR i IN 1 .. count LOOP
            stream_ids[i] := runfold.stream_id(category, names[i]);
            expected_versions[i] := first_versions[i] - 1;
        END LOOP;
        lock_order := ARRAY(SELECT s.n FROM unnest(stream_ids) WITH ORDINALITY AS s (name, n) ORDER BY s.name COLLATE "C");
    END IF;

    begins_at := expected_versions;

    -- Lock the streams: their rows, in one order for everybody, so that two calls cannot deadlock.
    -- A stream that is expected to be new is inserted first, another one is looked for first: mostly one statement suffices.
    FOREACH i IN ARRAY lock_order LOOP
        expected := expected_versions[i];
        locked := NULL;
        IF expected IS NULL OR expected > 0 THEN
            SELECT s.version, s.user_id, s.archived_at INTO locked FROM runfold.streams s WHERE s.stream_id = stream_ids[i] FOR NO KEY UPDATE;
        END IF;
        IF locked IS NULL THEN
            INSERT INTO runfold.streams AS s (stream_id, user_id, version)
            VALUES (stream_ids[i], tenants[i], coalesce(begins_at[i], 0))
                ON CONFLICT ON CONSTRAINT streams_pkey DO NOTHING RETURNING s.version, s.user_id, s.archived_at INTO locked;
        END IF;
        IF locked IS NULL THEN
            SELECT s.version, s.user_id, s.archived_at INTO locked FROM runfold.streams s WHERE s.stream_id = stream_ids[i] FOR NO KEY UPDATE;
        END IF;
        IF tenants[i] IS DISTINCT FROM locked.user_id THEN
            IF tenants[i] IS NOT NULL THEN
                PERFORM runfold.refuse('stream_unavailable', jsonb_build_object(
                    'pointer', format('/%s/user_id', i - 1), 'stream_id', stream_ids[i]));
            END IF;
            tenants[i] := locked.user_id;
        END IF;
        -- Its event ids are gone: what comes without the right version, or again, may be stored already.
        IF locked.archived_at IS NOT NULL AND i <= count AND (expected IS NULL OR skipping) THEN
            PERFORM runfold.refuse('stream_archived', runfold.archive_of_stream(stream_ids[i])
                                   || jsonb_build_object('pointer', format('/%s/stream_id', i - 1)));
        END IF;
        heads[i] := locked.version;
        IF expected <> locked.version AND (conflict IS NULL OR i < conflict) THEN
            conflict := i;
        END IF;
    END LOOP;

    -- A repeat, or a conflict?
    IF conflict IS NOT NULL THEN
        first_position := runfold.recorded_opaque_events(stream_ids, event_versions, numbers, types, type_numbers, payloads, event_ids);
        IF first_position IS NOT NULL THEN
            repeated := true;
            RETURN;
        END IF;
        PERFORM runfold.refuse('version_conflict', jsonb_build_object(
            'stream_id', stream_ids[conflict], 'version', heads[conflict],
            'expected_version', expected_versions[conflict]));
    END IF;

    -- What may wait for others: the tracker's row, the event ids.
    IF tracker IS NOT NULL THEN
        PERFORM runfold.record_tracking(tracker, application_name, notification_id, call_id);
    END IF;
    INSERT INTO runfold.event_ids (event_id, stream_version)
    SELECT e.id, e.version FROM unnest(event_ids, event_versions) AS e (id, version);

    -- The fence, and the positions behind it.
    base := runfold.allocate_positions(total) - total;

    -- As in append_events: looked up behind the fence, in a statement of its own.
    IF EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = ANY (tenants)) THEN
        PERFORM runfold.refuse_erased(tenants, stream_ids);
    END IF;

    -- The events, and the streams' rows.
    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version, user_id,
                                payload, metadata, occurred_at, recorded_at)
    SELECT base + e.n, base + total, stream_ids[e.number], e.version, e.id, category, types[e.type_number], 1, tenants[e.number],
           e.payload, '{}',
           occurred_at, clock_timestamp()
      FROM unnest(numbers, event_versions, event_ids, type_numbers, payloads) WITH ORDINALITY
           AS e (number, version, id, type_number, payload, n);
    FOR i IN 1 .. count LOOP
        UPDATE runfold.streams s
           SET version = next_versions[i] - 1, first_position = coalesce(s.first_position, base + first_offsets[i]),
               last_position = base + last_offsets[i]
         WHERE s.stream_id = stream_ids[i];
    END LOOP;

    -- Wake who waits for the log, at the commit. An idle worker or subscriber holds a lock and sleeps; a busy one will look again by
    -- itself. NOTIFY in every append would cost a third of the throughput and forbid PREPARE TRANSACTION; `SET runfold.wake = off`
    -- forgoes it. One worker is idle, so it holds its lock exclusively and we try it shared. Many subscribers are, so they share one
    -- lock and we try it exclusively, for a moment: an append that finds another's moment notifies in vain. A subscriber that goes to
    -- sleep now sees our fence, and looks again.
    IF coalesce(current_setting('runfold.wake', true), '') <> 'off'
       AND (NOT pg_try_advisory_xact_lock_shared('runfold.events'::regclass::oid::bigint::bit(32)::integer, 1)
            OR NOT CASE WHEN pg_try_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                        THEN pg_advisory_unlock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                        ELSE false END)
       -- Somebody else's full queue would fail this append at its commit; who is not woken looks again by itself, a moment later.
       AND pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('runfold_events', '');
    END IF;

    first_position := base + 1;
END
$$;
COMMENT ON FUNCTION runfold.append_opaque_events IS
    'Appends opaque events of an application to one or several streams, all or nothing; safe to send again with the same event ids.';
REVOKE ALL ON FUNCTION runfold.append_opaque_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.append_opaque_events TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.append_tenant_erased(tenant uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream constant text := runfold.stream_id('tenant', tenant::text);
    now constant timestamptz := clock_timestamp();
    id constant uuid := runfold.new_id();
    before bigint;
    last bigint;
BEGIN
    INSERT INTO runfold.streams (stream_id, user_id, version) VALUES (stream, tenant, 0) ON CONFLICT DO NOTHING;
    SELECT s.version INTO STRICT before FROM runfold.streams s WHERE s.stream_id = stream FOR NO KEY UPDATE;
    INSERT INTO runfold.event_ids (event_id, stream_version) VALUES (id, before + 1);
    last := runfold.allocate_positions(1);
    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version,
                                user_id, data, metadata, occurred_at, recorded_at)
    VALUES (last, last, stream, before + 1, id, 'tenant', 'TenantErased', 1, tenant,
            jsonb_build_object('at', to_char(now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), 'by', session_user),
            '{}', now, clock_timestamp());
    UPDATE runfold.streams s
       SET version = before + 1, first_position = coalesce(s.first_position, last), last_position = last
     WHERE s.stream_id = stream;

    -- Wake who waits for the log, at the commit. An idle worker or subscriber holds a lock and sleeps; a busy one will look again by
    -- itself. NOTIFY in every append would cost a third of the throughput and forbid PREPARE TRANSACTION; `SET runfold.wake = off`
    -- forgoes it. One worker is idle, so it holds its lock exclusively and we try it shared. Many subscribers are, so they share one
    -- lock and we try it exclusively, for a moment: an append that finds another's moment notifies in vain. A subscriber that goes to
    -- sleep now sees our fence, and looks again.
    IF coalesce(current_setting('runfold.wake', true), '') <> 'off'
       AND (NOT pg_try_advisory_xact_lock_shared('runfold.events'::regclass::oid::bigint::bit(32)::integer, 1)
            OR NOT CASE WHEN pg_try_advisory_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                        THEN pg_advisory_unlock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)
                        ELSE false END)
       -- Somebody else's full queue would fail this append at its commit; who is not woken looks again by itself, a moment later.
       AND pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('runfold_events', '');
    END IF;

    RETURN last;
END
$$;
COMMENT ON FUNCTION runfold.append_tenant_erased IS
    'Appends TenantErased to the stream of a tenant; returns its position.';
REVOKE ALL ON FUNCTION runfold.append_tenant_erased FROM PUBLIC;

CREATE FUNCTION runfold.append_workflow_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.append_deletion(OLD.id, OLD.user_id);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.append_workflow_deleted IS
    'Trigger: appends WorkflowDeleted in the transaction that deletes a workflow.';
REVOKE ALL ON FUNCTION runfold.append_workflow_deleted FROM PUBLIC;

CREATE FUNCTION runfold.applied_migrations() RETURNS TABLE (version text, is_newest boolean, is_stamped boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regclass('supabase_migrations.schema_migrations') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT m.version::text, m.version = max(m.version) OVER (),'
        ' m.version = (regexp_match(obj_description(''runfold''::regnamespace, ''pg_namespace''), ''[0-9]{14}''))[1]'
        ' FROM supabase_migrations.schema_migrations m';
END
$$;
COMMENT ON FUNCTION runfold.applied_migrations IS
    'The migrations that were applied, and whether the schema''s stamp is the newest of them: else one has failed half way.';
REVOKE ALL ON FUNCTION runfold.applied_migrations FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.applied_migrations TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.archivable_head() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT least(coalesce((SELECT min(c.position) FROM runfold.checkpoints c), 0), (SELECT min(s.position) FROM runfold.subscriptions s))
$$;
COMMENT ON FUNCTION runfold.archivable_head IS
    'The position up to which every group of projections and every subscription that is kept has read the log.';
REVOKE ALL ON FUNCTION runfold.archivable_head FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.archivable_head TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.archived_head() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(a.to_position), 0) FROM runfold.archives a WHERE a.state = 'archived'
$$;
COMMENT ON FUNCTION runfold.archived_head IS
    'The greatest position at or below which events may have left the log for the archive; 0: none has.';
REVOKE ALL ON FUNCTION runfold.archived_head FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.archived_head TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.archived_values(categories text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100000 SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.value
      FROM runfold.streams s
     CROSS JOIN LATERAL (VALUES (s.stream_id::text), (runfold.stream_name(s.stream_id)), (lower(runfold.stream_name(s.stream_id))),
                                (runfold.row_id(s.stream_id, split_part(s.stream_id, '-', 1), runfold.stream_name(s.stream_id))::text)) AS v (value)
     WHERE s.archived_at IS NOT NULL AND (categories IS NULL OR split_part(s.stream_id, '-', 1) = ANY (categories))
$$;
COMMENT ON FUNCTION runfold.archived_values IS
    'What columns that name a row''s stream hold for the streams of some categories, or of all (null), that are archived: their ids, their names without the category (a UUID in lower case, too), and the ids of their rows.';
REVOKE ALL ON FUNCTION runfold.archived_values FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.archived_values TO runfold_projector, runfold_operator, runfold_projections, runfold_reader;

CREATE FUNCTION runfold.archived_version(stream text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT s.archived_version FROM runfold.streams s WHERE s.stream_id = $1), 0)
$$;
COMMENT ON FUNCTION runfold.archived_version IS
    'The version up to which a stream is archived; 0: its events are in the log.';
REVOKE ALL ON FUNCTION runfold.archived_version FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.archived_version TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.attach_month(parent text, by_column text, month timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partition constant text := parent || '_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
    upto constant timestamptz := ((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    EXECUTE format('CREATE TABLE runfold_partitions.%1$I (LIKE public.%2$I INCLUDING ALL,'
                   ' CONSTRAINT in_its_month CHECK (%3$I >= %4$L AND %3$I < %5$L))', partition, parent, by_column, month, upto);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION runfold_partitions.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, partition, month, upto);
    EXECUTE format('ALTER TABLE runfold_partitions.%I DROP CONSTRAINT in_its_month', partition);
END
$$;
COMMENT ON FUNCTION runfold.attach_month IS
    'Makes the partition of a table for a month, by the time in one of its columns, and returns nothing.';
REVOKE ALL ON FUNCTION runfold.attach_month FROM PUBLIC;

CREATE FUNCTION runfold.may_fold(group_name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_has_role(session_user, 'runfold_projector', 'MEMBER')
        OR pg_has_role(session_user, 'runfold_operator', 'MEMBER')
        OR pg_has_role(session_user, current_user, 'MEMBER')
        OR EXISTS (SELECT FROM runfold.user_groups g WHERE g.group_name = $1 AND g.role_name = session_user)
$$;
COMMENT ON FUNCTION runfold.may_fold IS
    'Returns whether the session may fold a group: the projector and the operator any group, a login of users'' projections the groups that are noted as its own.';
REVOKE ALL ON FUNCTION runfold.may_fold FROM PUBLIC;

CREATE FUNCTION runfold.begin_batch(group_name text, OUT "position" bigint, OUT parked boolean, OUT built jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    begun boolean;
    of_user boolean;
BEGIN
    -- The worker is a projector: it does not pay for the call.
    IF NOT (pg_has_role(session_user, 'runfold_projector', 'MEMBER') OR runfold.may_fold(group_name)) THEN
        RAISE insufficient_privilege USING MESSAGE = format('the group %s does not belong to %s', group_name, session_user);
    END IF;
    -- One group a transaction: what a statement of one group calls cannot reach another's checkpoint.
    SELECT bool_or(g.batch = pg_current_xact_id()), bool_or(g.group_name = group_name) INTO begun, of_user
      FROM runfold.user_groups g;
    IF begun THEN
        PERFORM runfold.refuse('batch_begun_already');
    END IF;
    IF of_user THEN
        UPDATE runfold.user_groups g SET batch = pg_current_xact_id(), settled = false WHERE g.group_name = group_name;
    END IF;
    SELECT c.position INTO "position" FROM runfold.checkpoints c WHERE c.group_name = group_name FOR NO KEY UPDATE OF c;
    -- In a later statement: a session that waited for the row sees the rest as it is after the wait.
    SELECT EXISTS (SELECT FROM runfold.parked_streams p WHERE p.group_name = group_name)
           OR EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = group_name),
           coalesce(jsonb_object_agg(b.name, b.version), '{}')
      INTO parked, built
      FROM runfold.projections b WHERE b.group_name = group_name;
END
$$;
COMMENT ON FUNCTION runfold.begin_batch IS
    'Holds the checkpoint of a group to the end of the transaction. Returns its position, whether streams are parked or events discarded in the group, and the versions that its tables were built with.';
REVOKE ALL ON FUNCTION runfold.begin_batch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.begin_batch TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.begin_slice(group_name text, digest text, slice integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM FROM runfold.rebuilds r
      WHERE r.group_name = group_name AND r.digest = digest AND NOT r.folded AND runfold.may_fold(group_name) FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO runfold.rebuild_slices (group_name, slice) VALUES (group_name, slice) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION runfold.begin_slice IS
    'Notes a slice of a rebuild as done, in the transaction that folds it, and holds the rebuild until its end. Returns false where another session did the slice, or the rebuild was begun again.';
REVOKE ALL ON FUNCTION runfold.begin_slice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.begin_slice TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.require_log_after(after bigint, streams text[] DEFAULT NULL, categories text[] DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    segment runfold.archives;
    archived text;
BEGIN
    SELECT a.* INTO segment FROM runfold.archives a WHERE a.state = 'archived' AND a.to_position > after ORDER BY a.from_position LIMIT 1;
    IF segment.file IS NULL THEN
        RETURN true;
    END IF;
    IF streams IS NOT NULL THEN
        SELECT s.stream_id INTO archived
          FROM runfold.streams s
         WHERE s.stream_id = ANY (streams) AND s.archived_at IS NOT NULL
           AND EXISTS (SELECT FROM runfold.archives a
                        WHERE a.state = 'archived' AND a.to_position > after
                          AND a.from_position <= s.last_position AND a.to_position >= s.first_position)
         ORDER BY s.stream_id LIMIT 1;
        IF archived IS NOT NULL THEN
            PERFORM runfold.refuse('stream_archived', runfold.archive_of_stream(archived));
        END IF;
    ELSIF categories IS NULL OR EXISTS (
        SELECT FROM unnest(categories) AS c (name)
         WHERE EXISTS (SELECT FROM runfold.streams s  -- those whose names begin with the category and a hyphen
                        WHERE s.stream_id >= (c.name || '-') COLLATE "C" AND s.stream_id < (c.name || '.') COLLATE "C"
                          AND s.archived_at IS NOT NULL)) THEN
        PERFORM runfold.refuse('log_archived', jsonb_build_object(
            'position', after, 'archived_head', runfold.archived_head(), 'file', segment.file));
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION runfold.require_log_after IS
    'True, or refuses: if events after a position are in the archive, and not in the log.';
REVOKE ALL ON FUNCTION runfold.require_log_after FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.require_log_after TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.server_identity() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) FROM pg_control_system() AS s
$$;
COMMENT ON FUNCTION runfold.server_identity IS
    'The server and its timeline: another one after a restore, an upgrade or a fail-over. Not on a standby.';
REVOKE ALL ON FUNCTION runfold.server_identity FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.server_identity TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.begin_subscription(
    subscription text, filters jsonb DEFAULT '{}', after bigint DEFAULT 0, after_event_id uuid DEFAULT NULL,
    archived text DEFAULT NULL
)
RETURNS TABLE ("position" bigint, event_id uuid)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    here constant text := runfold.server_identity();
BEGIN
    IF archived IS DISTINCT FROM 'skip' AND NOT EXISTS (SELECT FROM runfold.subscriptions s WHERE s.name = subscription) THEN
        PERFORM runfold.require_log_after(begin_subscription.after,
            CASE WHEN begin_subscription.filters ? 'streams'
                 THEN ARRAY(SELECT jsonb_array_elements_text(begin_subscription.filters -> 'streams')) END,
            CASE WHEN begin_subscription.filters ? 'category' THEN ARRAY[begin_subscription.filters ->> 'category'] END);
    END IF;
    INSERT INTO runfold.subscriptions (name, position, event_id, filters, server)
    VALUES (subscription, begin_subscription.after,
            coalesce(after_event_id, (SELECT e.event_id FROM runfold.events e WHERE e.position = begin_subscription.after)),
            begin_subscription.filters, here)
        ON CONFLICT DO NOTHING;
    RETURN QUERY
    UPDATE runfold.subscriptions s
       SET filters = begin_subscription.filters, server = here,
           restored_position = CASE WHEN s.server <> here THEN s.position ELSE s.restored_position END
     WHERE s.name = subscription
    RETURNING s.position, s.event_id;
END
$$;
COMMENT ON FUNCTION runfold.begin_subscription IS
    'Begins, or begins again, a subscription that has a name, and returns its bookmark. A new one begins behind the event given.';
REVOKE ALL ON FUNCTION runfold.begin_subscription FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.begin_subscription TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.refuse('log_immutable', words => jsonb_build_object(
        'operation', TG_OP, 'table', format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME)));
END
$$;
COMMENT ON FUNCTION runfold.refuse_change IS
    'Trigger: refuses every change of a recorded event.';
REVOKE ALL ON FUNCTION runfold.refuse_change FROM PUBLIC;

CREATE FUNCTION runfold.segments() RETURNS TABLE (from_position bigint, to_position bigint, partition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.bounds[1]::bigint, b.bounds[2]::bigint - 1, b.partition
      FROM (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''?(\d+)''?\) TO \(''?(\d+)''?\)') AS bounds,
                   format('%I.%I', c.relnamespace::regnamespace, c.relname) AS partition
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'runfold.events'::regclass) AS b
     ORDER BY b.bounds[1]::bigint
$$;
COMMENT ON FUNCTION runfold.segments IS
    'The segments of the log, one a partition, in their order.';
REVOKE ALL ON FUNCTION runfold.segments FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.segments TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.build_remainder(from_position bigint, OUT left_events bigint, OUT left_streams bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    archive runfold.archives;
    partition text;
    remains constant text := 'remains_' || lpad(from_position::text, 12, '0');
BEGIN
    SELECT * INTO STRICT archive FROM runfold.archives a WHERE a.from_position = from_position;
    SELECT s.partition INTO STRICT partition FROM runfold.segments() s
     WHERE s.from_position = from_position AND s.to_position = archive.to_position;
    EXECUTE format('SELECT count(*), count(DISTINCT e.stream_id) FROM %s e JOIN runfold.leaving_streams l USING (stream_id)', partition)
       INTO left_events, left_streams;
    IF left_events = 0 THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE runfold_partitions.%I (LIKE runfold.events INCLUDING ALL,'
                   ' CONSTRAINT position_is_in_range CHECK (position >= %s AND position <= %s))'
                   ' WITH (autovacuum_vacuum_insert_scale_factor = 0.5)',
                   remains, from_position, archive.to_position);
    EXECUTE format('INSERT INTO runfold_partitions.%I SELECT e.* FROM %s e'
                   ' WHERE NOT EXISTS (SELECT FROM runfold.leaving_streams l WHERE l.stream_id = e.stream_id) ORDER BY e.position',
                   remains, partition);
    EXECUTE format('CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON runfold_partitions.%I'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change()', remains);
    EXECUTE format('ANALYZE runfold_partitions.%I', remains);
    INSERT INTO runfold.swaps (from_position, to_position, left_events, left_streams, forgotten)
    VALUES (from_position, archive.to_position, left_events, left_streams, from_position - 1);
END
$$;
COMMENT ON FUNCTION runfold.build_remainder IS
    'Builds what remains of a segment once the chosen streams have left it, beside it; returns how many events and streams leave.';
REVOKE ALL ON FUNCTION runfold.build_remainder FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.build_remainder TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.is_list_of_names(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(value) = 'array'
                THEN (SELECT coalesce(bool_and(jsonb_typeof(m.value) = 'string'), true) AND count(*) = count(DISTINCT m.value)
                        FROM jsonb_array_elements(value) AS m)
                ELSE false END
$$;
COMMENT ON FUNCTION runfold.is_list_of_names IS
    'Whether a value is a list of texts, each of them once.';
REVOKE ALL ON FUNCTION runfold.is_list_of_names FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.is_list_of_names TO runfold_engine, runfold_operator, runfold_agent, authenticated, service_role;

CREATE FUNCTION runfold.keyword_fault(keyword text, value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
           WHEN keyword IN ('title', 'description', '$comment', '$ref', '$id', '$schema', '$anchor', 'pattern', 'format',
                            'contentEncoding', 'contentMediaType')
           THEN CASE WHEN jsonb_typeof(value) <> 'string' THEN 'it is a text' END
           WHEN keyword IN ('deprecated', 'readOnly', 'writeOnly', 'uniqueItems')
           THEN CASE WHEN jsonb_typeof(value) <> 'boolean' THEN 'it is true or false' END
           WHEN keyword IN ('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum')
           THEN CASE WHEN jsonb_typeof(value) <> 'number' THEN 'it is a number' END
           WHEN keyword = 'multipleOf'
           THEN CASE WHEN jsonb_typeof(value) <> 'number' OR NOT (value > '0') THEN 'it is a number above 0' END
           WHEN keyword IN ('minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'minContains',
                            'maxContains')
           THEN CASE WHEN jsonb_typeof(value) <> 'number' OR NOT (value >= '0')
                       OR (value #>> '{}')::numeric % 1 <> 0 THEN 'it is a whole number from 0' END
           WHEN keyword IN ('properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependentRequired')
           THEN CASE WHEN jsonb_typeof(value) <> 'object' THEN 'it is an object'
                     WHEN keyword = 'dependentRequired'
                          AND NOT (SELECT coalesce(bool_and(runfold.is_list_of_names(m.value)), true) FROM jsonb_each(value) AS m)
                     THEN 'its values are lists of different texts' END
           WHEN keyword IN ('allOf', 'anyOf', 'oneOf', 'prefixItems')
           THEN CASE WHEN jsonb_typeof(value) <> 'array' OR value = '[]' THEN 'it is a list of schemas, and not empty' END
           WHEN keyword IN ('enum', 'examples')
           THEN CASE WHEN jsonb_typeof(value) <> 'array' THEN 'it is a list' END
           WHEN keyword = 'required'
           THEN CASE WHEN NOT runfold.is_list_of_names(value) THEN 'it is a list of different texts' END
           WHEN keyword = 'type'
           THEN CASE WHEN NOT (runfold.is_list_of_names(CASE jsonb_typeof(value) WHEN 'string' THEN jsonb_build_array(value)
                                                                               ELSE value END)
                               AND value NOT IN ('[]')
                               AND value <@ '["array", "boolean", "integer", "null", "number", "object", "string"]')
                     THEN 'it is array, boolean, integer, null, number, object or string, or a list of different ones' END
           END
$$;
COMMENT ON FUNCTION runfold.keyword_fault IS
    'Why a keyword of a JSON Schema cannot have a value; NULL if it can, or if the keyword is not known.';
REVOKE ALL ON FUNCTION runfold.keyword_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.keyword_fault TO runfold_engine, runfold_operator, runfold_agent, authenticated, service_role;

CREATE FUNCTION runfold.schema_fault(document jsonb, pointer text DEFAULT '', depth integer DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind constant text := jsonb_typeof(document);
    keyword text;
    value jsonb;
    at text;
    inner_at text;
    inner_schema jsonb;
    reason text;
    fault jsonb;
BEGIN
    IF kind = 'boolean' AND depth > 0 THEN
        RETURN NULL;
    END IF;
    IF kind IS DISTINCT FROM 'object' THEN
        RETURN jsonb_build_object('pointer', pointer, 'reason', 'a schema is an object', 'found', coalesce(kind, 'null'));
    END IF;
    IF depth > 64 THEN
        RETURN jsonb_build_object('pointer', pointer, 'reason', 'schemas are at most 64 deep', 'found', depth);
    END IF;
    FOR keyword, value IN SELECT e.key, e.value FROM jsonb_each(document) AS e ORDER BY e.key COLLATE "C" LOOP
        at := pointer || '/' || replace(replace(keyword, '~', '~0'), '/', '~1');
        reason := runfold.keyword_fault(keyword, value);
        IF reason IS NOT NULL THEN
            RETURN jsonb_build_object('pointer', at, 'reason', reason, 'found', left(value::text, 100));
        END IF;
        FOR inner_at, inner_schema IN
            SELECT at, value
             WHERE keyword IN ('items', 'not', 'if', 'then', 'else', 'contains', 'propertyNames', 'additionalProperties',
                               'unevaluatedItems', 'unevaluatedProperties')
            UNION ALL
            SELECT at || '/' || replace(replace(m.key, '~', '~0'), '/', '~1'), m.value
              FROM jsonb_each(CASE WHEN jsonb_typeof(value) = 'object' THEN value ELSE '{}' END) AS m
             WHERE keyword IN ('properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas')
            UNION ALL
            SELECT at || '/' || (m.n - 1), m.value
              FROM jsonb_array_elements(CASE WHEN jsonb_typeof(value) = 'array' THEN value ELSE '[]' END)
                   WITH ORDINALITY AS m (value, n)
             WHERE keyword IN ('allOf', 'anyOf', 'oneOf', 'prefixItems')
        LOOP
            fault := runfold.schema_fault(inner_schema, inner_at, depth + 1);
            IF fault IS NOT NULL THEN
                RETURN fault;
            END IF;
        END LOOP;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.schema_fault IS
    'The first fault of a JSON Schema, as {"pointer", "reason", "found"}; NULL if it has none.';
REVOKE ALL ON FUNCTION runfold.schema_fault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.schema_fault TO runfold_engine, runfold_operator, runfold_agent, authenticated, service_role;

CREATE FUNCTION runfold.version_order(version text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN p.part IS NULL THEN ARRAY['!', version]
                ELSE ARRAY[lpad(p.part[1], 50, '0'), lpad(coalesce(p.part[2], ''), 50, '0'), lpad(coalesce(p.part[3], ''), 50, '0')]
                     || CASE WHEN p.part[4] IS NULL THEN ARRAY['~']
                             ELSE (SELECT array_agg(CASE WHEN i.id ~ '^[0-9]+$' THEN '0' || lpad(i.id, 50, '0') ELSE 'A' || i.id END
                                                    ORDER BY i.n)
                                     FROM string_to_table(p.part[4], '.') WITH ORDINALITY AS i (id, n)) END
            END COLLATE "C"
      FROM (SELECT regexp_match(version, '^v?([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+))?)?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$')
           ) AS p (part)
$$;
COMMENT ON FUNCTION runfold.version_order IS
    'What versions are ordered by: 1.10.0 after 1.9.0, and 2.0.0 after 2.0.0-rc.1, as semantic versions are. Others come first.';
REVOKE ALL ON FUNCTION runfold.version_order FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.version_order TO runfold_engine, runfold_operator, runfold_agent, authenticated, service_role;

CREATE FUNCTION runfold.check_node_specification() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault constant jsonb := runfold.schema_fault(NEW.specification_data);
BEGIN
    IF fault IS NOT NULL THEN
        PERFORM runfold.refuse('invalid_schema',
                               fault || jsonb_build_object('pointer', '/specification_data' || (fault ->> 'pointer')));
    END IF;
    IF (runfold.version_order(NEW.specification_version))[1] = '!' THEN
        PERFORM runfold.refuse('invalid_version', jsonb_build_object('pointer', '/specification_version',
                                                                     'found', NEW.specification_version));
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION runfold.check_node_specification IS
    'Refuses a node specification whose data is no JSON Schema or whose version has no order, and sets updated_at.';
REVOKE ALL ON FUNCTION runfold.check_node_specification FROM PUBLIC;

CREATE FUNCTION runfold.check_tool() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault constant jsonb := (
        SELECT f.fault || jsonb_build_object('pointer', s.pointer || (f.fault ->> 'pointer'))
          FROM (VALUES (1, '/tool_schema', NEW.tool_schema),
                       (2, '/tool_schema/inputSchema', NEW.tool_schema -> 'inputSchema'),
                       (3, '/tool_schema/outputSchema', NEW.tool_schema -> 'outputSchema'),
                       (4, '/configuration_schema', NEW.configuration_schema)) AS s (n, pointer, document)
         CROSS JOIN LATERAL (SELECT runfold.schema_fault(s.document)) AS f (fault)
         WHERE f.fault IS NOT NULL AND s.document IS NOT NULL
         ORDER BY s.n
         LIMIT 1);
BEGIN
    IF fault IS NOT NULL THEN
        PERFORM runfold.refuse('invalid_schema', fault);
    END IF;
    IF (runfold.version_order(NEW.version))[1] = '!' THEN
        PERFORM runfold.refuse('invalid_version', jsonb_build_object('pointer', '/version', 'found', NEW.version));
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION runfold.check_tool IS
    'Refuses a tool whose schemas are no JSON Schemas or whose version has no order, and sets updated_at.';
REVOKE ALL ON FUNCTION runfold.check_tool FROM PUBLIC;

CREATE FUNCTION runfold.event_leaf(
    "position" bigint, append_end bigint, stream_id text, stream_version bigint, event_id uuid, type text, schema_version integer,
    user_id uuid, data jsonb, payload bytea, metadata jsonb, occurred_at timestamptz, recorded_at timestamptz
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.jsonb_build_array(
               1, position, append_end, stream_id, stream_version, event_id, type, schema_version, user_id, data,
               pg_catalog.encode(payload, 'hex'), metadata,
               (extract(epoch FROM occurred_at) * 1000000)::bigint, (extract(epoch FROM recorded_at) * 1000000)::bigint)::text, 'UTF8'))
$$;
COMMENT ON FUNCTION runfold.event_leaf IS
    'The leaf of an event, format 1: SHA-256 over all that the event says, its category but for that (a category is the beginning of a stream''s name).';
REVOKE ALL ON FUNCTION runfold.event_leaf FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.event_leaf TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.execution_is_over(execution_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT $1 IS NULL
        OR EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = runfold.stream_id('execution', $1) AND s.archived_at IS NOT NULL)
        OR runfold.end_status($1) IS NOT NULL
$$;
COMMENT ON FUNCTION runfold.execution_is_over IS
    'Whether an execution has ended, is archived, or was never said (NULL).';
REVOKE ALL ON FUNCTION runfold.execution_is_over FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.execution_is_over TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.response_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'ResponseReceived' THEN 'unprocessed'
           WHEN 'ResponseMatched' THEN 'matched'
           WHEN 'ResponseFilteredOut' THEN 'filtered_out'
           WHEN 'ResponseErrored' THEN 'error'
           WHEN 'ResponseReopened' THEN 'unprocessed' END
$$;
COMMENT ON FUNCTION runfold.response_target IS
    'The status that an event of this type moves a response to; NULL for one that moves none.';
REVOKE ALL ON FUNCTION runfold.response_target FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.response_target TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.choose_leaving(
    from_position bigint, to_position bigint, older_than interval DEFAULT NULL, OUT streams bigint, OUT events bigint
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    lower constant bigint := from_position;
    upper constant bigint := to_position;
    bound bigint := runfold.archivable_head();
BEGIN
    DELETE FROM runfold.leaving_streams;
    WITH policies AS MATERIALIZED (
        SELECT r.category, now() - CASE WHEN older_than IS NOT NULL AND r.category IN ('execution', 'log', 'interaction', 'response')
                                        THEN older_than ELSE r.keep END AS cutoff
          FROM runfold.retention r WHERE r.kind = 'archive'
    ), old AS MATERIALIZED (
        SELECT s.stream_id, s.version, s.first_position, s.last_position, p.category
          FROM runfold.streams s
          JOIN policies p ON p.category = split_part(s.stream_id, '-', 1)
          JOIN runfold.events l ON l.position = s.last_position AND l.recorded_at < p.cutoff
         WHERE s.first_position >= lower AND s.last_position <= least(upper, bound) AND l.position BETWEEN lower AND upper
           AND s.archived_at IS NULL
           AND NOT EXISTS (SELECT FROM runfold.parked_streams k WHERE k.stream_id = s.stream_id)
           AND NOT EXISTS (SELECT FROM runfold.claims c WHERE c.stream_id = s.stream_id)
           AND NOT EXISTS (SELECT FROM runfold.holds h WHERE runfold.stream_id('execution', h.execution_id) = s.stream_id)
    ), ends AS MATERIALIZED (
        -- What each of them has become by its last event that moves it.
        SELECT DISTINCT ON (e.stream_id) e.stream_id,
               CASE e.category WHEN 'execution' THEN runfold.ends_execution(e.type)
                               WHEN 'interaction' THEN runfold.interaction_has_ended(runfold.interaction_target(e.type))
                               ELSE runfold.response_target(e.type) IN ('matched', 'filtered_out', 'error') END AS ended
          FROM runfold.events e
         WHERE e.position BETWEEN lower AND upper AND e.category IN ('execution', 'interaction', 'response')
           AND CASE e.category WHEN 'execution' THEN runfold.ends_execution(e.type)
                               WHEN 'interaction' THEN runfold.interaction_target(e.type) IS NOT NULL
                               ELSE runfold.response_target(e.type) IS NOT NULL END
         ORDER BY e.stream_id, e.position DESC
    ), asked AS MATERIALIZED (
        SELECT e.stream_id, e.data ->> 'execution_id' AS execution_id
          FROM runfold.events e
         WHERE e.position BETWEEN lower AND upper AND e.category = 'interaction' AND e.type = 'InteractionRequested'
    ), chosen AS MATERIALIZED (
        SELECT o.* FROM old o
          LEFT JOIN ends n ON n.stream_id = o.stream_id
         WHERE CASE o.category
               WHEN 'log' THEN runfold.execution_is_over(runfold.stream_name(o.stream_id))
               WHEN 'interaction' THEN n.ended AND NOT EXISTS (
                   SELECT FROM asked a WHERE a.stream_id = o.stream_id AND NOT runfold.execution_is_over(a.execution_id))
               WHEN 'execution' THEN coalesce(n.ended, false)
               WHEN 'response' THEN coalesce(n.ended, false)
               ELSE true END
    ), digests AS (
        SELECT d.stream_id, count(*) AS events, sha256(string_agg(d.leaf, '' ORDER BY d.stream_version)) AS digest
          FROM (SELECT e.stream_id, e.stream_version,
                       runfold.event_leaf(e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.type,
                                          e.schema_version, e.user_id, e.data, e.payload, e.metadata, e.occurred_at, e.recorded_at) AS leaf
                  FROM runfold.events e JOIN chosen c ON c.stream_id = e.stream_id
                 WHERE e.position BETWEEN lower AND upper) AS d
         GROUP BY d.stream_id
    ), entered AS (
        INSERT INTO runfold.leaving_streams (stream_id, version, first_position, last_position, digest)
        SELECT c.stream_id, c.version, c.first_position, c.last_position, d.digest FROM chosen c JOIN digests d USING (stream_id)
        RETURNING stream_id
    )
    SELECT count(*), coalesce(sum(d.events), 0) INTO streams, events
      FROM entered JOIN digests d ON d.stream_id = entered.stream_id;
END
$$;
COMMENT ON FUNCTION runfold.choose_leaving IS
    'Chooses the streams that may leave a range of segments for the archive, in place of those chosen before.';
REVOKE ALL ON FUNCTION runfold.choose_leaving FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.choose_leaving TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.clear_restored() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    TRUNCATE runfold.restored_events
$$;
COMMENT ON FUNCTION runfold.clear_restored IS
    'Empties runfold.restored_events: what a restore that was interrupted left there.';
REVOKE ALL ON FUNCTION runfold.clear_restored FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.clear_restored TO runfold_operator;

CREATE FUNCTION runfold.close_questions(
    after uuid DEFAULT NULL, looks integer DEFAULT 1000, max_count integer DEFAULT 100, OUT closed integer, OUT reached uuid
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    candidates jsonb;
    ended record;
    stream text;
    appends jsonb;
    page integer;
BEGIN
    closed := 0;
    SELECT CASE WHEN count(*) = looks THEN (array_agg(o.id ORDER BY o.id DESC))[1] END,
           jsonb_agg(jsonb_build_object('id', o.id, 'execution_id', x.execution_id, 'end_position', x.end_position) ORDER BY o.id)
               FILTER (WHERE x.end_position IS NOT NULL)
      INTO reached, candidates
      FROM (SELECT h.id, h.execution_id
              FROM public.human_interactions h
             WHERE h.status = 'pending' AND (after IS NULL OR h.id > after)
             ORDER BY h.id
             LIMIT looks) AS o
      LEFT JOIN public.workflow_executions x ON x.id = o.execution_id;

    FOR ended IN
        SELECT e.event_id, c.execution_id, array_agg(runfold.stream_id('interaction', c.id::text)) AS streams
          FROM (SELECT * FROM jsonb_to_recordset(candidates) AS c (id uuid, execution_id text, end_position bigint)
                 LIMIT max_count) AS c
          JOIN runfold.events e ON e.position = c.end_position
         GROUP BY e.event_id, c.execution_id
    LOOP
        stream := runfold.stream_id('execution', ended.execution_id);
        PERFORM FROM runfold.streams s WHERE s.stream_id = stream FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        SELECT jsonb_agg(jsonb_build_object(
                   'stream_id', l.stream_id, 'expected_version', l.version,
                   'events', jsonb_build_array(runfold.timeout_event(l.stream_id, 'InteractionCanceled', 'execution_ended', now,
                                                                     '{"reason": "execution_ended"}'))) ORDER BY l.stream_id COLLATE "C")
          INTO appends
          FROM (SELECT s.stream_id, s.version FROM runfold.streams s WHERE s.stream_id = ANY (ended.streams)
                 ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE SKIP LOCKED) AS l
         CROSS JOIN LATERAL runfold.interaction_state(runfold.stream_name(l.stream_id)::uuid) AS i
         WHERE i.status = 'pending';
        CONTINUE WHEN appends IS NULL;
        page := 1;
        WHILE EXISTS (SELECT FROM runfold.commands c
                       WHERE c.command_id = runfold.row_id(stream, 'questions', ended.event_id || '/' || page)) LOOP
            page := page + 1;
        END LOOP;
        PERFORM runfold.append_events(appends::text, runfold.row_id(stream, 'questions', ended.event_id || '/' || page));
        closed := closed + jsonb_array_length(appends);
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.close_questions IS
    'Closes questions of executions that have ended; returns how many, and the last open question that it looked at, NULL behind the last of all.';
REVOKE ALL ON FUNCTION runfold.close_questions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.close_questions TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.copy_present_prices() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH changed AS (
        UPDATE public.ai_models m
           SET cost_per_input_token = p.input_per_million / 1000000,
               cost_per_cached_token = p.cached_per_million / 1000000,
               cost_per_output_token = p.output_per_million / 1000000
          FROM (SELECT k.model, p.*
                  FROM (SELECT DISTINCT model FROM public.ai_model_prices) AS k
                  LEFT JOIN LATERAL (SELECT p.input_per_million, p.cached_per_million, p.output_per_million
                                       FROM public.ai_model_prices p
                                      WHERE p.model = k.model AND p.valid_from <= now()
                                      ORDER BY p.valid_from DESC, p.above_input_tokens
                                      LIMIT 1) AS p ON true) AS p
         WHERE p.model = m.id
           AND (m.cost_per_input_token, m.cost_per_cached_token, m.cost_per_output_token)
               IS DISTINCT FROM (p.input_per_million / 1000000, p.cached_per_million / 1000000, p.output_per_million / 1000000)
        RETURNING 1)
    SELECT count(*) FROM changed
$$;
COMMENT ON FUNCTION runfold.copy_present_prices IS
    'Copies the price of each model that is valid now into its row of ai_models; returns how many rows changed.';
REVOKE ALL ON FUNCTION runfold.copy_present_prices FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.copy_present_prices TO runfold_projector, runfold_operator, service_role;

CREATE FUNCTION runfold.copy_status_to_workflows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runfold.stale_workflows (workflow_id)
    SELECT w.id FROM public.workflows w JOIN changed c ON c.workflow_id = w.id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.copy_status_to_workflows IS
    'Trigger: notes the workflows whose workflow_status changed, to be copied after the fold.';
REVOKE ALL ON FUNCTION runfold.copy_status_to_workflows FROM PUBLIC;

CREATE FUNCTION runfold.copy_to_workflows(ids uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    locked uuid[];
    kept uuid[];
    deferred text;
BEGIN
    WITH free AS (
        SELECT w.id FROM public.workflows w WHERE w.id = ANY (ids) FOR NO KEY UPDATE OF w SKIP LOCKED
    ), copied AS (
        -- The trigger log_columns_are_kept sets all columns of the copy.
        UPDATE public.workflows w SET latest_execution_id = w.latest_execution_id FROM free WHERE w.id = free.id RETURNING w.id
    ), forgotten AS (
        -- Only notes that this statement sees: one that comes meanwhile is of a later status.
        DELETE FROM runfold.stale_workflows s
         WHERE s.workflow_id = ANY (ids)
           AND (s.workflow_id IN (SELECT id FROM copied)
                OR NOT EXISTS (SELECT FROM public.workflows w WHERE w.id = s.workflow_id))
    )
    SELECT array_agg(w.id) FILTER (WHERE w.id NOT IN (SELECT id FROM free)),
           array_agg(w.id) FILTER (WHERE w.id IN (SELECT id FROM free) AND w.id NOT IN (SELECT id FROM copied))
      INTO locked, kept
      FROM public.workflows w
     WHERE w.id = ANY (ids);
    deferred := (SELECT string_agg(format('%I.%I', n.nspname, c.conname), ', ')
                   FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
                  WHERE c.conrelid = 'public.workflows'::regclass AND c.condeferrable AND c.conname <> 'deletion_is_appended');
    IF deferred IS NOT NULL THEN
        EXECUTE format('SET CONSTRAINTS %s IMMEDIATE', deferred);
    END IF;
    IF kept IS NOT NULL THEN
        RAISE EXCEPTION 'a trigger of workflows leaves the row as it is';
    END IF;
    UPDATE runfold.stale_workflows s SET try_at = clock_timestamp() + interval '0.5 s' WHERE s.workflow_id = ANY (locked);
END
$$;
COMMENT ON FUNCTION runfold.copy_to_workflows IS
    'Copies workflow_status to some workflows, and forgets that they are stale; what is locked is due again in a moment.';
REVOKE ALL ON FUNCTION runfold.copy_to_workflows FROM PUBLIC;

CREATE FUNCTION runfold.list_of_durations(parts integer[], counts bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    list bigint[] := array_fill(0::bigint, ARRAY[224]);
BEGIN
    FOR n IN 1 .. coalesce(cardinality(parts), 0) LOOP
        IF parts[n] IS NOT NULL THEN
            list[parts[n]] := list[parts[n]] + counts[n];
        END IF;
    END LOOP;
    RETURN list;
END
$$;
COMMENT ON FUNCTION runfold.list_of_durations IS
    'A list of 224 durations that has these counts in these parts, and 0 elsewhere.';
REVOKE ALL ON FUNCTION runfold.list_of_durations FROM PUBLIC;

CREATE FUNCTION runfold.sum_of_rows(rows runfold.counted_row[], unit interval) RETURNS TABLE (
    user_id uuid, workflow_id uuid, node_type text, node_subtype text, at timestamptz, created bigint, succeeded bigint,
    failed bigint, canceled bigint, other bigint, ended_succeeded bigint, ended_failed bigint, ended_canceled bigint,
    ended_other bigint, durations bigint[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.user_id, p.workflow_id, p.node_type, p.node_subtype, p.at,
           sum(p.created)::bigint,
           coalesce(sum(p.created) FILTER (WHERE p.outcome = 'succeeded'), 0)::bigint,
           coalesce(sum(p.created) FILTER (WHERE p.outcome = 'failed'), 0)::bigint,
           coalesce(sum(p.created) FILTER (WHERE p.outcome = 'canceled'), 0)::bigint,
           coalesce(sum(p.created) FILTER (WHERE p.outcome = 'other'), 0)::bigint,
           coalesce(sum(p.ended) FILTER (WHERE p.outcome = 'succeeded'), 0)::bigint,
           coalesce(sum(p.ended) FILTER (WHERE p.outcome = 'failed'), 0)::bigint,
           coalesce(sum(p.ended) FILTER (WHERE p.outcome = 'canceled'), 0)::bigint,
           coalesce(sum(p.ended) FILTER (WHERE p.outcome = 'other'), 0)::bigint,
           runfold.list_of_durations(array_agg(p.part), array_agg(p.ended::bigint))
      FROM (SELECT g.user_id, g.workflow_id, g.node_type, g.node_subtype, g.at, g.outcome, g.part, sum(g.created) AS created,
                   sum(g.ended) AS ended
              FROM (SELECT r.user_id, r.workflow_id, r.node_type, r.node_subtype, r.outcome,
                           date_bin(unit, r.created_at, '2000-01-01Z') AS at, NULL::integer AS part, r.number AS created, 0 AS ended
                      FROM unnest(rows) AS r
                    UNION ALL
                    SELECT r.user_id, r.workflow_id, r.node_type, r.node_subtype, r.outcome,
                           date_bin(unit, r.ended_at, '2000-01-01Z'), r.part, 0, r.number
                      FROM unnest(rows) AS r
                     WHERE r.outcome IS NOT NULL) AS g
             GROUP BY g.user_id, g.workflow_id, g.node_type, g.node_subtype, g.at, g.outcome, g.part) AS p
     GROUP BY p.user_id, p.workflow_id, p.node_type, p.node_subtype, p.at
$$;
COMMENT ON FUNCTION runfold.sum_of_rows IS
    'What rows add to the counts of dashboards, by workflow or kind of node and by hour or day; `other` is a fourth outcome.';
REVOKE ALL ON FUNCTION runfold.sum_of_rows FROM PUBLIC;

CREATE FUNCTION runfold.count_executions(rows runfold.counted_row[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    empty uuid[];
BEGIN
    IF cardinality(rows) = 0 THEN
        RETURN;
    END IF;
    WITH added AS (
        INSERT INTO public.execution_hours AS t
            (user_id, workflow_id, hour, created, succeeded, failed, canceled, timed_out, ended_succeeded, ended_failed, ended_canceled,
             ended_timed_out, durations)
        SELECT s.user_id, s.workflow_id, s.at, s.created, s.succeeded, s.failed, s.canceled, s.other,
               s.ended_succeeded, s.ended_failed, s.ended_canceled, s.ended_other, s.durations
          FROM runfold.sum_of_rows(rows, '1 hour') AS s
            ON CONFLICT (user_id, workflow_id, hour) DO UPDATE SET
               created = t.created + excluded.created, succeeded = t.succeeded + excluded.succeeded,
               failed = t.failed + excluded.failed, canceled = t.canceled + excluded.canceled,
               timed_out = t.timed_out + excluded.timed_out,
               ended_succeeded = t.ended_succeeded + excluded.ended_succeeded,
               ended_failed = t.ended_failed + excluded.ended_failed,
               ended_canceled = t.ended_canceled + excluded.ended_canceled,
               ended_timed_out = t.ended_timed_out + excluded.ended_timed_out,
               durations = CASE WHEN 0 = ALL (excluded.durations) THEN t.durations
                                ELSE runfold.add_durations(t.durations, excluded.durations) END
        RETURNING t.id, t.created, t.ended_succeeded + t.ended_failed + t.ended_canceled + t.ended_timed_out AS ended)
    SELECT array_agg(a.id) INTO empty FROM added a WHERE a.created = 0 AND a.ended = 0;
    IF empty IS NOT NULL THEN
        DELETE FROM public.execution_hours t WHERE t.id = ANY (empty);
    END IF;
    WITH added AS (
        INSERT INTO public.execution_days AS t
            (user_id, workflow_id, day, created, succeeded, failed, canceled, timed_out, ended_succeeded, ended_failed, ended_canceled,
             ended_timed_out, durations)
        SELECT s.user_id, s.workflow_id, (s.at AT TIME ZONE 'UTC')::date, s.created, s.succeeded, s.failed, s.canceled, s.other,
               s.ended_succeeded, s.ended_failed, s.ended_canceled, s.ended_other, s.durations
          FROM runfold.sum_of_rows(rows, '1 day') AS s
            ON CONFLICT (user_id, workflow_id, day) DO UPDATE SET
               created = t.created + excluded.created, succeeded = t.succeeded + excluded.succeeded,
               failed = t.failed + excluded.failed, canceled = t.canceled + excluded.canceled,
               timed_out = t.timed_out + excluded.timed_out,
               ended_succeeded = t.ended_succeeded + excluded.ended_succeeded,
               ended_failed = t.ended_failed + excluded.ended_failed,
               ended_canceled = t.ended_canceled + excluded.ended_canceled,
               ended_timed_out = t.ended_timed_out + excluded.ended_timed_out,
               durations = CASE WHEN 0 = ALL (excluded.durations) THEN t.durations
                                ELSE runfold.add_durations(t.durations, excluded.durations) END
        RETURNING t.id, t.created, t.ended_succeeded + t.ended_failed + t.ended_canceled + t.ended_timed_out AS ended)
    SELECT array_agg(a.id) INTO empty FROM added a WHERE a.created = 0 AND a.ended = 0;
    IF empty IS NOT NULL THEN
        DELETE FROM public.execution_days t WHERE t.id = ANY (empty);
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.count_executions IS
    'Adds executions to the counts of their hours and days, and takes others away.';
REVOKE ALL ON FUNCTION runfold.count_executions FROM PUBLIC;

CREATE FUNCTION runfold.duration_part(ms bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.width_bucket($1, '{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,18,20,22,24,26,28,30,32,36,40,44,48,52,56,60,64,72,80,88,96,
           104,112,120,128,144,160,176,192,208,224,240,256,288,320,352,384,416,448,480,512,576,640,704,768,832,
           896,960,1024,1152,1280,1408,1536,1664,1792,1920,2048,2304,2560,2816,3072,3328,3584,3840,4096,4608,
           5120,5632,6144,6656,7168,7680,8192,9216,10240,11264,12288,13312,14336,15360,16384,18432,20480,22528,
           24576,26624,28672,30720,32768,36864,40960,45056,49152,53248,57344,61440,65536,73728,81920,90112,
           98304,106496,114688,122880,131072,147456,163840,180224,196608,212992,229376,245760,262144,294912,
           327680,360448,393216,425984,458752,491520,524288,589824,655360,720896,786432,851968,917504,983040,
           1048576,1179648,1310720,1441792,1572864,1703936,1835008,1966080,2097152,2359296,2621440,2883584,
           3145728,3407872,3670016,3932160,4194304,4718592,5242880,5767168,6291456,6815744,7340032,7864320,
           8388608,9437184,10485760,11534336,12582912,13631488,14680064,15728640,16777216,18874368,20971520,
           23068672,25165824,27262976,29360128,31457280,33554432,37748736,41943040,46137344,50331648,54525952,
           58720256,62914560,67108864,75497472,83886080,92274688,100663296,109051904,117440512,125829120,
           134217728,150994944,167772160,184549376,201326592,218103808,234881024,251658240,268435456,301989888,
           335544320,369098752,402653184,436207616,469762048,503316480,536870912,603979776,671088640,738197504,
           805306368,872415232,939524096,1006632960}'::pg_catalog.int8[]) + 1
$$;
COMMENT ON FUNCTION runfold.duration_part IS
    'Which of the 224 parts of a list of durations a time in milliseconds is in: 8 parts an octave, the last one from 11.6 days on.';
REVOKE ALL ON FUNCTION runfold.duration_part FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.duration_part TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.from_epoch_ms(ms bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Days apart from the rest: whole milliseconds times an interval lose precision in the year 2255.
    SELECT (timestamp '1970-01-01' OPERATOR(pg_catalog.+) pg_catalog.make_interval(
                days => (ms / 86400000)::integer, secs => (ms % 86400000)::double precision / 1000))
           AT TIME ZONE 'UTC'
$$;
COMMENT ON FUNCTION runfold.from_epoch_ms IS
    'Epoch milliseconds as a timestamp.';
REVOKE ALL ON FUNCTION runfold.from_epoch_ms FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.from_epoch_ms TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.count_added_executions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_executions(ARRAY(
        WITH changed AS (SELECT 1 AS sign, n.* FROM new_rows n)
        -- The executions of `changed`, a row for those that are alike: what is added (sign 1) and what is taken away (-1) cancels out.
        -- Little is computed for each row, and the rest for those that are alike.
        SELECT ROW (sum(g.sign), g.user_id, g.workflow_id, NULL, NULL, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'TIMEOUT' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 3600000), g.created_at), g.part)::runfold.counted_row
          FROM (SELECT c.sign, c.user_id, c.workflow_id, c.status, date_bin('1 hour', c.created_at, '2000-01-01Z') AS created_at,
                       c.end_time / 3600000 AS ended, runfold.duration_part(c.duration_ms) AS part
                  FROM changed c) AS g
         GROUP BY g.user_id, g.workflow_id, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0
    ));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.count_added_executions IS
    'Counts executions whose rows were added, for dashboards.';
REVOKE ALL ON FUNCTION runfold.count_added_executions FROM PUBLIC;

CREATE FUNCTION runfold.count_nodes(rows runfold.counted_row[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    empty uuid[];
BEGIN
    IF cardinality(rows) = 0 THEN
        RETURN;
    END IF;
    WITH added AS (
        INSERT INTO public.node_days AS t
            (user_id, node_type, node_subtype, day, created, succeeded, failed, canceled, skipped, ended_succeeded, ended_failed, ended_canceled,
             ended_skipped, durations)
        SELECT s.user_id, s.node_type, s.node_subtype, (s.at AT TIME ZONE 'UTC')::date, s.created, s.succeeded, s.failed, s.canceled, s.other,
               s.ended_succeeded, s.ended_failed, s.ended_canceled, s.ended_other, s.durations
          FROM runfold.sum_of_rows(rows, '1 day') AS s
            ON CONFLICT (user_id, node_type, node_subtype, day) DO UPDATE SET
               created = t.created + excluded.created, succeeded = t.succeeded + excluded.succeeded,
               failed = t.failed + excluded.failed, canceled = t.canceled + excluded.canceled,
               skipped = t.skipped + excluded.skipped,
               ended_succeeded = t.ended_succeeded + excluded.ended_succeeded,
               ended_failed = t.ended_failed + excluded.ended_failed,
               ended_canceled = t.ended_canceled + excluded.ended_canceled,
               ended_skipped = t.ended_skipped + excluded.ended_skipped,
               durations = CASE WHEN 0 = ALL (excluded.durations) THEN t.durations
                                ELSE runfold.add_durations(t.durations, excluded.durations) END
        RETURNING t.id, t.created, t.ended_succeeded + t.ended_failed + t.ended_canceled + t.ended_skipped AS ended)
    SELECT array_agg(a.id) INTO empty FROM added a WHERE a.created = 0 AND a.ended = 0;
    IF empty IS NOT NULL THEN
        DELETE FROM public.node_days t WHERE t.id = ANY (empty);
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.count_nodes IS
    'Adds activations to the counts of their days, and takes others away.';
REVOKE ALL ON FUNCTION runfold.count_nodes FROM PUBLIC;

CREATE FUNCTION runfold.count_added_nodes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_nodes(ARRAY(
        WITH changed AS (SELECT 1 AS sign, n.* FROM new_rows n)
        -- The activations of `changed`, as counted_executions counts executions.
        SELECT ROW (sum(g.sign), g.user_id, NULL, g.node_type, g.node_subtype, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'SKIPPED' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 86400000), g.created_at), g.part)::runfold.counted_row
          FROM (SELECT c.sign, c.user_id, c.node_type, c.node_subtype, c.status, date_bin('1 day', c.created_at, '2000-01-01Z') AS created_at,
                       c.end_time / 86400000 AS ended, runfold.duration_part(c.duration_ms) AS part
                  FROM changed c) AS g
         GROUP BY g.user_id, g.node_type, g.node_subtype, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0
    ));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.count_added_nodes IS
    'Counts activations whose rows were added, for dashboards.';
REVOKE ALL ON FUNCTION runfold.count_added_nodes FROM PUBLIC;

CREATE FUNCTION runfold.rows_of_executions() RETURNS runfold.counted_row[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(
        WITH changed AS (SELECT 1 AS sign, n.* FROM public.workflow_executions n)
        -- The executions of `changed`, a row for those that are alike: what is added (sign 1) and what is taken away (-1) cancels out.
        -- Little is computed for each row, and the rest for those that are alike.
        SELECT ROW (sum(g.sign), g.user_id, g.workflow_id, NULL, NULL, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'TIMEOUT' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 3600000), g.created_at), g.part)::runfold.counted_row
          FROM (SELECT c.sign, c.user_id, c.workflow_id, c.status, date_bin('1 hour', c.created_at, '2000-01-01Z') AS created_at,
                       c.end_time / 3600000 AS ended, runfold.duration_part(c.duration_ms) AS part
                  FROM changed c) AS g
         GROUP BY g.user_id, g.workflow_id, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0
    )
$$;
COMMENT ON FUNCTION runfold.rows_of_executions IS
    'All executions, for the counts of dashboards.';
REVOKE ALL ON FUNCTION runfold.rows_of_executions FROM PUBLIC;

CREATE FUNCTION runfold.rows_of_nodes() RETURNS runfold.counted_row[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(
        WITH changed AS (SELECT 1 AS sign, n.* FROM public.node_executions n)
        -- The activations of `changed`, as counted_executions counts executions.
        SELECT ROW (sum(g.sign), g.user_id, NULL, g.node_type, g.node_subtype, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'SKIPPED' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 86400000), g.created_at), g.part)::runfold.counted_row
          FROM (SELECT c.sign, c.user_id, c.node_type, c.node_subtype, c.status, date_bin('1 day', c.created_at, '2000-01-01Z') AS created_at,
                       c.end_time / 86400000 AS ended, runfold.duration_part(c.duration_ms) AS part
                  FROM changed c) AS g
         GROUP BY g.user_id, g.node_type, g.node_subtype, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0
    )
$$;
COMMENT ON FUNCTION runfold.rows_of_nodes IS
    'All activations, for the counts of dashboards.';
REVOKE ALL ON FUNCTION runfold.rows_of_nodes FROM PUBLIC;

CREATE FUNCTION runfold.count_again() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE public.workflow_executions, public.node_executions IN SHARE MODE;
    DELETE FROM public.execution_hours;
    DELETE FROM public.execution_days;
    DELETE FROM public.node_days;
    PERFORM runfold.count_executions(runfold.rows_of_executions());
    PERFORM runfold.count_nodes(runfold.rows_of_nodes());
END
$$;
COMMENT ON FUNCTION runfold.count_again IS
    'Counts executions and activations again from their rows, for dashboards.';
REVOKE ALL ON FUNCTION runfold.count_again FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.count_again TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.count_changed_executions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_executions(ARRAY(
        WITH changed AS (SELECT 1 AS sign, n.* FROM new_rows n UNION ALL SELECT -1 AS sign, o.* FROM old_rows o)
        -- The executions of `changed`, a row for those that are alike: what is added (sign 1) and what is taken away (-1) cancels out.
        -- Little is computed for each row, and the rest for those that are alike.
        SELECT ROW (sum(g.sign), g.user_id, g.workflow_id, NULL, NULL, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'TIMEOUT' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 3600000), g.created_at), g.part)::runfold.counted_row
          FROM (SELECT c.sign, c.user_id, c.workflow_id, c.status, date_bin('1 hour', c.created_at, '2000-01-01Z') AS created_at,
                       c.end_time / 3600000 AS ended, runfold.duration_part(c.duration_ms) AS part
                  FROM changed c) AS g
         GROUP BY g.user_id, g.workflow_id, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0
    ));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.count_changed_executions IS
    'Counts executions whose rows were changed, for dashboards.';
REVOKE ALL ON FUNCTION runfold.count_changed_executions FROM PUBLIC;

CREATE FUNCTION runfold.count_changed_nodes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_nodes(ARRAY(
        WITH changed AS (SELECT 1 AS sign, n.* FROM new_rows n UNION ALL SELECT -1 AS sign, o.* FROM old_rows o)
        -- The activations of `changed`, as counted_executions counts executions.
        SELECT ROW (sum(g.sign), g.user_id, NULL, g.node_type, g.node_subtype, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'SKIPPED' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 86400000), g.created_at), g.part)::runfold.counted_row
          FROM (SELECT c.sign, c.user_id, c.node_type, c.node_subtype, c.status, date_bin('1 day', c.created_at, '2000-01-01Z') AS created_at,
                       c.end_time / 86400000 AS ended, runfold.duration_part(c.duration_ms) AS part
                  FROM changed c) AS g
         GROUP BY g.user_id, g.node_type, g.node_subtype, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0
    ));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.count_changed_nodes IS
    'Counts activations whose rows were changed, for dashboards.';
REVOKE ALL ON FUNCTION runfold.count_changed_nodes FROM PUBLIC;

CREATE FUNCTION runfold.count_removed_executions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_executions(ARRAY(
        WITH changed AS (SELECT -1 AS sign, o.* FROM old_rows o)
        -- The executions of `changed`, a row for those that are alike: what is added (sign 1) and what is taken away (-1) cancels out.
        -- Little is computed for each row, and the rest for those that are alike.
        SELECT ROW (sum(g.sign), g.user_id, g.workflow_id, NULL, NULL, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'TIMEOUT' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 3600000), g.created_at), g.part)::runfold.counted_row
          FROM (SELECT c.sign, c.user_id, c.workflow_id, c.status, date_bin('1 hour', c.created_at, '2000-01-01Z') AS created_at,
                       c.end_time / 3600000 AS ended, runfold.duration_part(c.duration_ms) AS part
                  FROM changed c) AS g
         GROUP BY g.user_id, g.workflow_id, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0
    ));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.count_removed_executions IS
    'Counts executions whose rows were removed, for dashboards.';
REVOKE ALL ON FUNCTION runfold.count_removed_executions FROM PUBLIC;

CREATE FUNCTION runfold.count_removed_nodes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.count_nodes(ARRAY(
        WITH changed AS (SELECT -1 AS sign, o.* FROM old_rows o)
        -- The activations of `changed`, as counted_executions counts executions.
        SELECT ROW (sum(g.sign), g.user_id, NULL, g.node_type, g.node_subtype, g.created_at,
                    CASE g.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'ERROR' THEN 'failed' WHEN 'CANCELED' THEN 'canceled'
                                  WHEN 'SKIPPED' THEN 'other' END,
                    coalesce(runfold.from_epoch_ms(g.ended * 86400000), g.created_at), g.part)::runfold.counted_row
          FROM (SELECT c.sign, c.user_id, c.node_type, c.node_subtype, c.status, date_bin('1 day', c.created_at, '2000-01-01Z') AS created_at,
                       c.end_time / 86400000 AS ended, runfold.duration_part(c.duration_ms) AS part
                  FROM changed c) AS g
         GROUP BY g.user_id, g.node_type, g.node_subtype, g.status, g.created_at, g.ended, g.part
        HAVING sum(g.sign) <> 0
    ));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.count_removed_nodes IS
    'Counts activations whose rows were removed, for dashboards.';
REVOKE ALL ON FUNCTION runfold.count_removed_nodes FROM PUBLIC;

CREATE FUNCTION runfold.counts_that_differ() RETURNS TABLE (table_name text, key jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH executions AS MATERIALIZED (
        SELECT runfold.rows_of_executions() AS rows
    ), nodes AS MATERIALIZED (
        SELECT runfold.rows_of_nodes() AS rows
    ), expected (table_name, key, counts) AS (
        SELECT 'execution_hours', jsonb_build_array(s.user_id, s.workflow_id, extract(epoch FROM s.at)),
               jsonb_build_array(s.created, s.succeeded, s.failed, s.canceled, s.other, s.ended_succeeded, s.ended_failed,
                                 s.ended_canceled, s.ended_other, s.durations)
          FROM executions, runfold.sum_of_rows(rows, '1 hour') AS s
        UNION ALL
        SELECT 'execution_days', jsonb_build_array(s.user_id, s.workflow_id, (s.at AT TIME ZONE 'UTC')::date),
               jsonb_build_array(s.created, s.succeeded, s.failed, s.canceled, s.other, s.ended_succeeded, s.ended_failed,
                                 s.ended_canceled, s.ended_other, s.durations)
          FROM executions, runfold.sum_of_rows(rows, '1 day') AS s
        UNION ALL
        SELECT 'node_days', jsonb_build_array(s.user_id, s.node_type, s.node_subtype, (s.at AT TIME ZONE 'UTC')::date),
               jsonb_build_array(s.created, s.succeeded, s.failed, s.canceled, s.other, s.ended_succeeded, s.ended_failed,
                                 s.ended_canceled, s.ended_other, s.durations)
          FROM nodes, runfold.sum_of_rows(rows, '1 day') AS s
    ), found (table_name, key, counts) AS (
        SELECT 'execution_hours', jsonb_build_array(t.user_id, t.workflow_id, extract(epoch FROM t.hour)),
               jsonb_build_array(t.created, t.succeeded, t.failed, t.canceled, t.timed_out, t.ended_succeeded, t.ended_failed,
                                 t.ended_canceled, t.ended_timed_out, t.durations)
          FROM public.execution_hours t
        UNION ALL
        SELECT 'execution_days', jsonb_build_array(t.user_id, t.workflow_id, t.day),
               jsonb_build_array(t.created, t.succeeded, t.failed, t.canceled, t.timed_out, t.ended_succeeded, t.ended_failed,
                                 t.ended_canceled, t.ended_timed_out, t.durations)
          FROM public.execution_days t
        UNION ALL
        SELECT 'node_days', jsonb_build_array(t.user_id, t.node_type, t.node_subtype, t.day),
               jsonb_build_array(t.created, t.succeeded, t.failed, t.canceled, t.skipped, t.ended_succeeded, t.ended_failed,
                                 t.ended_canceled, t.ended_skipped, t.durations)
          FROM public.node_days t
    )
    SELECT table_name, key FROM (TABLE expected EXCEPT TABLE found) AS missing
     UNION
    SELECT table_name, key FROM (TABLE found EXCEPT TABLE expected) AS wrong
$$;
COMMENT ON FUNCTION runfold.counts_that_differ IS
    'The counts of dashboards that are not those of the rows: table and key. It reads all rows.';
REVOKE ALL ON FUNCTION runfold.counts_that_differ FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.counts_that_differ TO runfold_engine, runfold_projector, runfold_operator, runfold_reader;

CREATE FUNCTION runfold.creation_took_effect(stream_id text, "position" bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    creation record;
    workflow text;
    made_at bigint;
BEGIN
    FOR creation IN
        SELECT e.position, lower(e.data ->> 'workflow_id' COLLATE "C") AS workflow
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = stream_id AND e.type = 'ExecutionCreated' AND e.position <= position
         ORDER BY e.position
    LOOP
        IF made_at IS NULL OR EXISTS (
            SELECT FROM runfold.streams s
              JOIN runfold.events d ON d.stream_id = s.stream_id AND d.position BETWEEN s.first_position AND s.last_position
             WHERE s.stream_id = runfold.stream_id('deployment', workflow) AND d.type = 'WorkflowDeleted'
               AND d.position > made_at AND d.position < creation.position)
        THEN
            workflow := creation.workflow;
            made_at := creation.position;
        END IF;
    END LOOP;
    RETURN made_at IS NOT DISTINCT FROM position;
END
$$;
COMMENT ON FUNCTION runfold.creation_took_effect IS
    'Whether this ExecutionCreated made its execution''s row.';
REVOKE ALL ON FUNCTION runfold.creation_took_effect FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.creation_took_effect TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.current_interactions(workflow uuid, tenant uuid DEFAULT NULL)
RETURNS TABLE (interaction_id uuid, "position" bigint, status text, request jsonb, message_ids text[], user_id uuid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.id, a.position, s.status, runfold.upcast(e.type, e.schema_version, e.data),
           ARRAY(SELECT n.metadata ->> 'message_id' FROM runfold.read_stream(e.stream_id) AS n
                  WHERE jsonb_typeof(n.metadata -> 'message_id') = 'string' ORDER BY n.stream_version),
           e.user_id
      FROM (SELECT u.id, min(u.position) AS position
              FROM (SELECT h.id, h.first_event_position AS position
                      FROM public.human_interactions h
                     WHERE h.workflow_id = $1 AND h.status IN ('pending', 'error')
                    UNION ALL
                    SELECT runfold.stream_name(r.stream_id)::uuid, r.position
                      FROM runfold.events r
                     WHERE r.category = 'interaction' AND r.type = 'InteractionRequested'
                       AND lower(r.data ->> 'workflow_id' COLLATE "C") = $1::text
                       AND r.position > coalesce((SELECT c.position FROM runfold.checkpoints c WHERE c.group_name = 'interaction'), 0)
                   ) AS u
             GROUP BY u.id) AS a
      JOIN runfold.events e ON e.position = a.position
     CROSS JOIN LATERAL runfold.interaction_state(a.id) AS s
     -- A tenant's answer is for the tenant's questions, and for those without one in a workflow of the tenant's own.
     WHERE ($2 IS NULL OR e.user_id = $2
            OR (e.user_id IS NULL AND EXISTS (SELECT FROM public.workflows w WHERE w.id = $1 AND w.user_id = $2)))
       AND s.reason IS DISTINCT FROM 'execution_ended'
       AND (runfold.interaction_has_ended(s.status) OR NOT runfold.has_ended(s.execution_id))
     ORDER BY a.position
$$;
COMMENT ON FUNCTION runfold.current_interactions IS
    'The interactions of a workflow that are open, or were a moment ago, the oldest first, each with the status that the log gives it.';
REVOKE ALL ON FUNCTION runfold.current_interactions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.current_interactions TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.cutoff_of(table_name text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(r.cutoff), '-infinity') FROM runfold.retention r WHERE r.table_name = cutoff_of.table_name
$$;
COMMENT ON FUNCTION runfold.cutoff_of IS
    'Returns the time before which the rows of a read table have expired; -infinity where none have.';
REVOKE ALL ON FUNCTION runfold.cutoff_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.cutoff_of TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.execution_last_seen(execution_id text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT max(e.recorded_at)
      FROM runfold.streams s
      JOIN runfold.events e ON e.position = s.last_position
     WHERE s.stream_id IN (runfold.stream_id('execution', $1), runfold.stream_id('log', $1))
$$;
COMMENT ON FUNCTION runfold.execution_last_seen IS
    'When the log recorded the last event of an execution or of its log lines, by the server''s clock.';
REVOKE ALL ON FUNCTION runfold.execution_last_seen FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.execution_last_seen TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.engine_is_silent(engine_id uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.gone_at IS NOT NULL
        OR l.beat - CASE WHEN e.leader_epoch = l.epoch THEN e.leader_beat ELSE 0 END >= e.patience
      FROM runfold.engines e
     CROSS JOIN runfold.leader l
     WHERE e.engine_id = $1
$$;
COMMENT ON FUNCTION runfold.engine_is_silent IS
    'Whether an engine has missed so many beats of the leader that it is taken for dead, or was given up before.';
REVOKE ALL ON FUNCTION runfold.engine_is_silent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.engine_is_silent TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.held_by_silence(execution_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.engine_is_silent(h.engine_id) FROM runfold.holds h WHERE h.execution_id = $1
$$;
COMMENT ON FUNCTION runfold.held_by_silence IS
    'Whether the engine that holds an execution is silent; NULL: no engine holds it.';
REVOKE ALL ON FUNCTION runfold.held_by_silence FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.held_by_silence TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.declare_lost(execution_id text, idle interval, detector text) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream constant text := runfold.stream_id('execution', execution_id);
    now timestamptz;
    at text;
    last_seen timestamptz;
    version bigint;
BEGIN
    SELECT s.version INTO version FROM runfold.streams s WHERE s.stream_id = stream FOR NO KEY UPDATE;
    now := clock_timestamp();
    last_seen := runfold.execution_last_seen(execution_id);
    IF last_seen IS NULL OR last_seen > now - idle OR NOT coalesce(runfold.held_by_silence(execution_id), true)
       OR runfold.has_ended(execution_id) THEN
        RETURN NULL;
    END IF;
    at := to_char(now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    PERFORM runfold.append_events(jsonb_build_array(jsonb_build_object(
        'stream_id', stream, 'expected_version', version, 'events', jsonb_build_array(jsonb_build_object(
            'event_id', runfold.new_id(), 'type', 'ExecutionDeclaredLost', 'occurred_at', at,
            'data', jsonb_build_object(
                'end_time', floor(extract(epoch FROM now) * 1000)::bigint, 'detector', detector,
                'last_seen', to_char(last_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))))))::text);
    RETURN last_seen;
END
$$;
COMMENT ON FUNCTION runfold.declare_lost IS
    'Ends an execution that was not seen for that long, and returns when it was last seen; NULL, and nothing, if it was or has ended.';
REVOKE ALL ON FUNCTION runfold.declare_lost FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.declare_lost TO runfold_operator;

CREATE FUNCTION runfold.definition_digest(definition jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.digest_of_parts(
        definition - '{id,user_id,session_id,created_at,updated_at}'::text[]
            - CASE WHEN jsonb_typeof(definition -> 'nodes') = 'array' THEN 'nodes' ELSE '' END
            - CASE WHEN jsonb_typeof(definition -> 'connections') = 'array' THEN 'connections' ELSE '' END,
        (SELECT string_agg(CASE WHEN jsonb_typeof(e.node) = 'object'
                                THEN e.node - '{position,position_x,position_y,notes,created_at,updated_at}'::text[]
                                ELSE e.node END::text, E'\n' ORDER BY e.n)
           FROM jsonb_array_elements(CASE WHEN jsonb_typeof(definition -> 'nodes') = 'array' THEN definition -> 'nodes' ELSE '[]' END)
                WITH ORDINALITY AS e (node, n)),
        (SELECT string_agg(e.edge::text, E'\n' ORDER BY e.n)
           FROM jsonb_array_elements(CASE WHEN jsonb_typeof(definition -> 'connections') = 'array'
                                          THEN definition -> 'connections' ELSE '[]' END) WITH ORDINALITY AS e (edge, n)))
$$;
COMMENT ON FUNCTION runfold.definition_digest IS
    'The digest of a definition: sha256 of its text without positions, notes, times and ids.';
REVOKE ALL ON FUNCTION runfold.definition_digest FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.definition_digest TO runfold_engine, runfold_operator, runfold_agent, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.definition_fields()
RETURNS TABLE (part text, place integer, field text, kind text, minimum bigint, maximum bigint, allowed text[], required boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.part, (row_number() OVER ())::integer, f.field, f.kind, f.minimum, f.maximum, f.allowed::text[], f.required
      FROM (VALUES
        ('workflow', 'id', 'uuid', NULL, NULL, NULL, false),
        ('workflow', 'session_id', 'uuid', NULL, NULL, NULL, false),
        ('workflow', 'name', 'name', 1, 255, NULL, false),
        ('workflow', 'description', 'text', NULL, NULL, NULL, false),
        ('workflow', 'version', 'name', 1, 50, NULL, false),
        ('workflow', 'active', 'boolean', NULL, NULL, NULL, false),
        ('workflow', 'workflow_data', 'object', NULL, NULL, NULL, false),
        ('workflow', 'settings', 'object', NULL, NULL, NULL, false),
        ('workflow', 'static_data', 'object', NULL, NULL, NULL, false),
        ('workflow', 'pin_data', 'object', NULL, NULL, NULL, false),
        ('workflow', 'tags', 'strings', NULL, NULL, NULL, false),
        ('workflow', 'is_template', 'boolean', NULL, NULL, NULL, false),
        ('workflow', 'template_category', 'text', NULL, 100, NULL, false),
        ('workflow', 'icon_url', 'text', NULL, 500, NULL, false),
        ('workflow', 'nodes', 'array', NULL, NULL, NULL, true),
        ('workflow', 'connections', 'array', NULL, NULL, NULL, false),
        ('nodes', 'node_id', 'name', 1, 255, NULL, true),
        ('nodes', 'node_type', 'enum', NULL, NULL,
         '{TRIGGER,AI_AGENT,EXTERNAL_ACTION,ACTION,FLOW,HUMAN_IN_THE_LOOP,TOOL,MEMORY}', true),
        ('nodes', 'node_subtype', 'name', 1, 100, NULL, true),
        ('nodes', 'type_version', 'integer', 1, 2147483647, NULL, false),
        ('nodes', 'name', 'name', 1, 255, NULL, true),
        ('nodes', 'description', 'text', NULL, NULL, NULL, false),
        ('nodes', 'disabled', 'boolean', NULL, NULL, NULL, false),
        ('nodes', 'position_x', 'number', -1000000000, 1000000000, NULL, false),
        ('nodes', 'position_y', 'number', -1000000000, 1000000000, NULL, false),
        ('nodes', 'parameters', 'object', NULL, NULL, NULL, false),
        ('nodes', 'credentials', 'object', NULL, NULL, NULL, false),
        ('nodes', 'attached_nodes', 'strings', NULL, NULL, NULL, false),
        ('nodes', 'error_handling', 'enum', NULL, NULL,
         '{STOP_WORKFLOW_ON_ERROR,CONTINUE_REGULAR_OUTPUT_ON_ERROR,CONTINUE_ERROR_OUTPUT_ON_ERROR}', false),
        ('nodes', 'max_retries', 'integer', 0, 2147483647, NULL, false),
        ('nodes', 'retry_wait_time', 'integer', 0, 2147483647, NULL, false),
        ('nodes', 'notes', 'text', NULL, NULL, NULL, false),
        ('nodes', 'webhooks', 'strings', NULL, NULL, NULL, false),
        ('connections', 'source_node_id', 'name', 1, 255, NULL, true),
        ('connections', 'target_node_id', 'name', 1, 255, NULL, true),
        ('connections', 'connection_type', 'enum', NULL, NULL,
         '{MAIN,ERROR,SUCCESS,CONDITIONAL,AI_AGENT,AI_CHAIN,AI_DOCUMENT,AI_EMBEDDING,AI_LANGUAGE_MODEL,AI_MEMORY,AI_OUTPUT_PARSER,AI_RETRIEVER,AI_RERANKER,AI_TEXT_SPLITTER,AI_TOOL,AI_VECTOR_STORE,MEMORY_ATTACHMENT,CONTEXT_PROVIDER}',
         false),
        ('connections', 'connection_index', 'integer', 0, 2147483647, NULL, false),
        ('connections', 'label', 'text', NULL, 255, NULL, false),
        ('connections', 'conditions', 'object', NULL, NULL, NULL, false)
      ) AS f (part, field, kind, minimum, maximum, allowed, required)
$$;
COMMENT ON FUNCTION runfold.definition_fields IS
    'The fields of a workflow''s definition, of its nodes and of its connections: what each may be.';
REVOKE ALL ON FUNCTION runfold.definition_fields FROM PUBLIC;

CREATE FUNCTION runfold.schema_violations(document jsonb, value jsonb, pointer text)
RETURNS TABLE (at text, code text, "limit" jsonb, found jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    type constant text := jsonb_typeof(value);
    content constant text := value #>> '{}';
    shown constant jsonb := to_jsonb(left(content, 100));
    types constant jsonb := CASE jsonb_typeof(document -> 'type') WHEN 'string' THEN jsonb_build_array(document -> 'type')
                                                                  ELSE document -> 'type' END;
    number numeric;
    size integer;
    name text;
    member jsonb;
BEGIN
    at := pointer;
    IF document = 'false' THEN
        RETURN QUERY SELECT at, 'unknown_field', NULL::jsonb, NULL::jsonb;
    END IF;
    IF jsonb_typeof(document) <> 'object' THEN
        RETURN;
    END IF;
    IF types IS NOT NULL AND NOT (types ? type OR types ? 'integer' AND type = 'number' AND content::numeric % 1 = 0) THEN
        RETURN QUERY SELECT at, 'wrong_type', types, to_jsonb(type);
        RETURN;
    END IF;
    IF NOT document -> 'enum' @> jsonb_build_array(value) OR value <> document -> 'const' THEN
        RETURN QUERY SELECT at, 'not_allowed', coalesce(document -> 'enum', document -> 'const'), shown;
    END IF;
    IF type = 'number' THEN
        number := content;
        IF number < (document ->> 'minimum')::numeric OR number > (document ->> 'maximum')::numeric
           OR number <= (document ->> 'exclusiveMinimum')::numeric OR number >= (document ->> 'exclusiveMaximum')::numeric THEN
            RETURN QUERY SELECT at, 'out_of_range',
                jsonb_build_array(coalesce(document -> 'minimum', document -> 'exclusiveMinimum'),
                                  coalesce(document -> 'maximum', document -> 'exclusiveMaximum')), value;
        END IF;
    ELSIF type = 'string' THEN
        size := length(content);
        IF size > (document ->> 'maxLength')::numeric THEN
            RETURN QUERY SELECT at, 'too_long', document -> 'maxLength', to_jsonb(size);
        ELSIF size < (document ->> 'minLength')::numeric THEN
            RETURN QUERY SELECT at, 'too_short', document -> 'minLength', to_jsonb(size);
        END IF;
        BEGIN
            IF content !~ (document ->> 'pattern') THEN
                RETURN QUERY SELECT at, 'not_matching', document -> 'pattern', shown;
            END IF;
        EXCEPTION WHEN invalid_regular_expression THEN
            NULL;
        END;
    ELSIF type = 'array' THEN
        size := jsonb_array_length(value);
        IF size > (document ->> 'maxItems')::numeric THEN
            RETURN QUERY SELECT at, 'too_long', document -> 'maxItems', to_jsonb(size);
        ELSIF size < (document ->> 'minItems')::numeric THEN
            RETURN QUERY SELECT at, 'too_short', document -> 'minItems', to_jsonb(size);
        END IF;
        RETURN QUERY SELECT v.* FROM jsonb_array_elements(value) WITH ORDINALITY AS e (item, n),
                                     runfold.schema_violations(document -> 'items', e.item, format('%s/%s', pointer, e.n - 1)) AS v;
    ELSIF type = 'object' THEN
        RETURN QUERY SELECT pointer || '/' || replace(replace(r.name, '~', '~0'), '/', '~1'), 'required', NULL::jsonb, NULL::jsonb
                       FROM jsonb_array_elements_text(document -> 'required') AS r (name) WHERE NOT value ? r.name;
        FOR name, member IN SELECT e.key, e.value FROM jsonb_each(value) AS e ORDER BY e.key COLLATE "C" LOOP
            RETURN QUERY SELECT v.* FROM runfold.schema_violations(
                CASE WHEN document -> 'properties' ? name THEN document #> ARRAY['properties', name]
                     WHEN document ? 'patternProperties' THEN NULL ELSE document -> 'additionalProperties' END,
                member, pointer || '/' || replace(replace(name, '~', '~0'), '/', '~1')) AS v;
        END LOOP;
    END IF;
    RETURN QUERY SELECT v.* FROM jsonb_array_elements(document -> 'allOf') AS part, runfold.schema_violations(part, value, pointer) AS v;
END
$$;
COMMENT ON FUNCTION runfold.schema_violations IS
    'Where a value does not fit a JSON Schema: a JSON pointer below `pointer`, a code of runfold.faults, the limit and what was found.';
REVOKE ALL ON FUNCTION runfold.schema_violations FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.schema_violations TO runfold_engine, runfold_operator, runfold_agent, authenticated, service_role;

CREATE FUNCTION runfold.whole_definition(definition jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(definition) = 'object' AND jsonb_typeof(definition -> 'workflow_data') = 'object'
                THEN (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
                        FROM jsonb_each(definition -> 'workflow_data') AS e WHERE e.key IN ('nodes', 'connections'))
                     || definition
                     || jsonb_build_object('workflow_data', (definition -> 'workflow_data') - '{nodes,connections}'::text[])
                ELSE definition END
$$;
COMMENT ON FUNCTION runfold.whole_definition IS
    'A definition with `nodes` and `connections` at its top, where a person or a front end may have left them in `workflow_data`.';
REVOKE ALL ON FUNCTION runfold.whole_definition FROM PUBLIC;

CREATE FUNCTION runfold.definition_faults(definition jsonb)
RETURNS TABLE (pointer text, code text, "limit" jsonb, found jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH parts AS (
        SELECT 'workflow' AS part, 0 AS rank, 0::bigint AS n, '' AS pointer, runfold.whole_definition(definition) AS value
        UNION ALL
        SELECT p.part, p.rank, e.n, format('/%s/%s', p.part, e.n - 1), e.value
          FROM (VALUES ('nodes', 1), ('connections', 2)) AS p (part, rank),
               runfold.whole_definition(definition) AS whole,
               jsonb_array_elements(CASE WHEN jsonb_typeof(whole) = 'object' AND jsonb_typeof(whole -> p.part) = 'array'
                                         THEN whole -> p.part ELSE '[]' END) WITH ORDINALITY AS e (value, n)
    ), objects AS (
        SELECT * FROM parts p WHERE jsonb_typeof(p.value) = 'object'
    ), given AS MATERIALIZED (
        SELECT o.part, o.rank, o.n, coalesce(f.place, 1000) AS place,
               o.pointer || '/' || replace(replace(v.key, '~', '~0'), '/', '~1') AS pointer,
               f.kind, f.minimum, f.maximum, f.allowed, v.value, v.value #>> '{}' AS content, jsonb_typeof(v.value) AS type,
               CASE WHEN f.kind IN ('name', 'text', 'enum', 'uuid') THEN 'string' WHEN f.kind IN ('integer', 'number') THEN 'number'
                    WHEN f.kind = 'strings' THEN 'array' ELSE f.kind END AS expected
          FROM objects o
         CROSS JOIN jsonb_each(o.value) AS v
          LEFT JOIN runfold.definition_fields() AS f ON f.part = o.part AND f.field = v.key
         WHERE f.kind IS NULL OR v.value <> 'null'
    ), of_values AS (
        SELECT g.rank, g.n, g.place, g.pointer,
               CASE WHEN g.kind IS NULL THEN 'unknown_field'
                    WHEN g.type <> g.expected THEN 'wrong_type'
                    WHEN g.kind IN ('name', 'text') AND length(g.content) > g.maximum THEN 'too_long'
                    WHEN g.kind = 'name' AND g.content ~ '[\x01-\x1f\x7f-\x9f]' THEN 'control_character'
                    WHEN g.kind = 'name' AND g.content ~ '^[\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$'
                    THEN 'blank'
                    WHEN g.kind = 'enum' AND g.content <> ALL (g.allowed) THEN 'not_allowed'
                    WHEN g.kind = 'uuid' AND NOT runfold.is_uuid(g.content) THEN 'not_a_uuid'
                    WHEN g.kind = 'integer' AND scale(g.value::numeric) > 0 THEN 'not_an_integer'
                    WHEN g.kind IN ('integer', 'number') AND g.value::numeric NOT BETWEEN g.minimum AND g.maximum THEN 'out_of_range'
               END AS code,
               g.expected, g.type, g.kind, g.minimum, g.maximum, g.allowed, g.content
          FROM given g
    ), strings AS (
        SELECT g.rank, g.n, g.place, format('%s/%s', g.pointer, e.n - 1) AS pointer, e.value, e.n AS item
          FROM given g, jsonb_array_elements(CASE WHEN g.type = 'array' THEN g.value ELSE '[]' END) WITH ORDINALITY AS e (value, n)
         WHERE g.kind = 'strings'
    ), nodes AS MATERIALIZED (
        SELECT o.n, o.pointer, o.value ->> 'node_id' AS node_id, o.value ->> 'node_type' AS node_type, o.value,
               row_number() OVER (PARTITION BY o.value ->> 'node_id' ORDER BY o.n) AS occurrence
          FROM objects o WHERE o.part = 'nodes' AND jsonb_typeof(o.value -> 'node_id') = 'string'
    ), named AS MATERIALIZED (
        SELECT node_id, node_type FROM nodes WHERE occurrence = 1
    ), ends AS MATERIALIZED (
        SELECT o.n, o.pointer, o.value ->> 'source_node_id' AS source, o.value ->> 'target_node_id' AS target,
               coalesce(o.value ->> 'connection_type', 'MAIN') AS type, coalesce(o.value -> 'connection_index', '0') AS index
          FROM objects o WHERE o.part = 'connections'
    ), attached AS MATERIALIZED (
        SELECT o.n, o.node_type, format('%s/attached_nodes/%s', o.pointer, e.n - 1) AS pointer, e.value #>> '{}' AS node_id,
               row_number() OVER (PARTITION BY o.n, e.value ORDER BY e.n) AS occurrence
          FROM nodes o,
               jsonb_array_elements(CASE WHEN jsonb_typeof(o.value -> 'attached_nodes') = 'array' THEN o.value -> 'attached_nodes'
                                         ELSE '[]' END) WITH ORDINALITY AS e (value, n)
         WHERE jsonb_typeof(e.value) = 'string'
    ), faults AS (
        SELECT p.rank, p.n, 0 AS place, p.pointer, 'wrong_type' AS code, '"object"'::jsonb AS "limit",
               to_jsonb(coalesce(jsonb_typeof(p.value), 'null')) AS found
          FROM parts p WHERE jsonb_typeof(p.value) IS DISTINCT FROM 'object'
        UNION ALL
        SELECT o.rank, o.n, f.place, o.pointer || '/' || f.field, 'required', NULL, NULL
          FROM objects o JOIN runfold.definition_fields() AS f ON f.part = o.part AND f.required
         WHERE o.value ->> f.field IS NULL
        UNION ALL
        SELECT v.rank, v.n, v.place, v.pointer, v.code,
               CASE v.code WHEN 'wrong_type' THEN to_jsonb(v.expected) WHEN 'too_long' THEN to_jsonb(v.maximum)
                           WHEN 'not_allowed' THEN to_jsonb(v.allowed)
                           WHEN 'out_of_range' THEN jsonb_build_array(v.minimum, v.maximum) END,
               CASE v.code WHEN 'wrong_type' THEN to_jsonb(v.type) WHEN 'too_long' THEN to_jsonb(length(v.content))
                           WHEN 'control_character' THEN to_jsonb('U+' || upper(lpad(to_hex(ascii(
                               substring(v.content FROM '[\x01-\x1f\x7f-\x9f]'))), 4, '0')))
                           WHEN 'blank' THEN NULL WHEN 'unknown_field' THEN NULL ELSE to_jsonb(left(v.content, 100)) END
          FROM of_values v WHERE v.code IS NOT NULL
        UNION ALL
        SELECT s.rank, s.n, s.place, s.pointer, 'wrong_type', '"string"', to_jsonb(jsonb_typeof(s.value))
          FROM strings s WHERE jsonb_typeof(s.value) <> 'string'
        UNION ALL
        SELECT 1, d.n, 2000, d.pointer || '/node_id', 'duplicate_node', NULL, to_jsonb(d.node_id) FROM nodes d WHERE d.occurrence > 1
        UNION ALL
        SELECT 1, a.n, 2001, format('/nodes/%s/attached_nodes', a.n - 1), 'not_an_agent', '"AI_AGENT"', to_jsonb(a.node_type)
          FROM attached a WHERE a.node_type <> 'AI_AGENT' GROUP BY a.n, a.node_type
        UNION ALL
        SELECT 1, a.n, 2002, a.pointer,
               CASE WHEN a.occurrence > 1 THEN 'duplicate_node' WHEN t.node_id IS NULL THEN 'unknown_node' ELSE 'not_attachable' END,
               CASE WHEN a.occurrence = 1 AND t.node_id IS NOT NULL THEN '["TOOL", "MEMORY"]'::jsonb END,
               CASE WHEN a.occurrence = 1 AND t.node_id IS NOT NULL THEN to_jsonb(t.node_type) ELSE to_jsonb(a.node_id) END
          FROM attached a LEFT JOIN named t ON t.node_id = a.node_id
         WHERE a.node_type = 'AI_AGENT' AND (a.occurrence > 1 OR coalesce(t.node_type, '') NOT IN ('TOOL', 'MEMORY'))
        UNION ALL
        SELECT 2, c.n, 2000, c.pointer || '/' || side.field, 'unknown_node', NULL, to_jsonb(side.node_id)
          FROM ends c, LATERAL (VALUES ('source_node_id', c.source), ('target_node_id', c.target)) AS side (field, node_id)
         WHERE NOT EXISTS (SELECT FROM named t WHERE t.node_id = side.node_id) AND side.node_id IS NOT NULL
        UNION ALL
        SELECT 2, c.n, 2001, c.pointer || '/target_node_id', 'self_connection', NULL, to_jsonb(c.target)
          FROM ends c WHERE c.source = c.target
        UNION ALL
        SELECT 2, r.n, 2002, r.pointer, 'duplicate_connection', NULL,
               to_jsonb(format('%s -> %s, %s %s', r.source, r.target, r.type, r.index))
          FROM (SELECT c.*, row_number() OVER (PARTITION BY c.source, c.target, c.type, c.index ORDER BY c.n) AS occurrence
                  FROM ends c WHERE c.source IS NOT NULL AND c.target IS NOT NULL) AS r
         WHERE r.occurrence > 1
        UNION ALL
        SELECT 1, o.n, 3000, v.at, v.code, v."limit", v.found
          FROM (SELECT DISTINCT ON (s.node_type, s.node_subtype) s.node_type, s.node_subtype, s.specification_data
                  FROM public.node_specifications s
                 WHERE s.is_active
                   AND (s.node_type, s.node_subtype) IN (SELECT n.node_type, n.value ->> 'node_subtype' FROM nodes n)
                 ORDER BY s.node_type, s.node_subtype, runfold.version_order(s.specification_version) DESC) AS s
          JOIN nodes o ON o.node_type = s.node_type AND o.value ->> 'node_subtype' = s.node_subtype
         CROSS JOIN LATERAL runfold.schema_violations(
                   s.specification_data, coalesce(nullif(o.value -> 'parameters', 'null'), '{}'), o.pointer || '/parameters') AS v
         WHERE coalesce(jsonb_typeof(o.value -> 'parameters'), 'null') IN ('object', 'null')
    )
    SELECT f.pointer, f.code, f."limit", f.found FROM faults f ORDER BY f.rank, f.n, f.place, f.pointer COLLATE "C"
$$;
COMMENT ON FUNCTION runfold.definition_faults IS
    'Everything that is wrong with a workflow''s definition, in the order of its parts: a JSON pointer, a code of runfold.faults, the limit and what was found. No row: the definition is valid.';
REVOKE ALL ON FUNCTION runfold.definition_faults FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.definition_faults TO runfold_engine, runfold_operator, runfold_agent, authenticated, service_role;

CREATE FUNCTION runfold.delete_workflow(workflow_id uuid, tenant uuid DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    known record;
BEGIN
    IF EXISTS (SELECT FROM public.workflows w WHERE w.id = workflow_id) THEN
        DELETE FROM public.workflows w WHERE w.id = workflow_id AND (tenant IS NULL OR w.user_id = tenant);
        RETURN FOUND;
    END IF;
    -- Deleted already, if that is the last thing that its stream says.
    SELECT s.user_id INTO known
      FROM runfold.streams s JOIN runfold.events e ON e.position = s.last_position
     WHERE s.stream_id = runfold.stream_id('deployment', workflow_id::text) AND e.type <> 'WorkflowDeleted';
    IF NOT FOUND THEN
        -- By idx_events_execution_created, so that no fold has to be awaited.
        SELECT e.user_id INTO known FROM runfold.events e
         WHERE e.category = 'execution' AND e.type = 'ExecutionCreated'
           AND lower(e.data ->> 'workflow_id' COLLATE "C") = workflow_id::text
           AND NOT EXISTS (SELECT FROM runfold.streams s
                             JOIN runfold.events d ON d.position = s.last_position
                            WHERE s.stream_id = runfold.stream_id('deployment', workflow_id::text) AND d.position > e.position)
         LIMIT 1;
    END IF;
    IF NOT FOUND OR tenant <> known.user_id OR tenant IS NOT NULL AND known.user_id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM runfold.append_deletion(workflow_id, known.user_id);
    RETURN true;
END
$$;
COMMENT ON FUNCTION runfold.delete_workflow IS
    'Deletes a workflow, of a tenant''s or (null) of anybody''s, and returns whether there was one: for services. Its rows go from the read tables, by WorkflowDeleted.';
REVOKE ALL ON FUNCTION runfold.delete_workflow FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.delete_workflow TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.require_batch(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_variable
BEGIN
    -- The worker is a projector: it does not pay for the call.
    IF NOT (pg_has_role(session_user, 'runfold_projector', 'MEMBER') OR runfold.may_fold(group_name)) THEN
        RAISE insufficient_privilege USING MESSAGE = format('the group %s does not belong to %s', group_name, session_user);
    END IF;
    IF EXISTS (SELECT FROM runfold.user_groups g
                WHERE g.group_name = group_name AND g.batch IS DISTINCT FROM pg_current_xact_id()) THEN
        PERFORM runfold.refuse('batch_not_begun', words => jsonb_build_object('group_name', group_name));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.require_batch IS
    'Raises unless the session may fold the group, and in a user''s group unless this transaction began its batch.';
REVOKE ALL ON FUNCTION runfold.require_batch FROM PUBLIC;

CREATE FUNCTION runfold.discard_event(group_name text, "position" bigint, sqlstate text, error text,
    OUT stream_version bigint, OUT type text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    allowed runfold.allowed_discards;
BEGIN
    PERFORM runfold.require_batch(group_name);
    DELETE FROM runfold.allowed_discards a WHERE a.group_name = group_name AND a.pid = pg_backend_pid() RETURNING a.* INTO allowed;
    INSERT INTO runfold.discarded_events AS d
           (group_name, position, stream_id, stream_version, event_id, type, sqlstate, error, reason, discarded_by, role_name)
    SELECT group_name, e.position, e.stream_id, e.stream_version, e.event_id, e.type, sqlstate, error,
           allowed.reason, allowed.discarded_by, allowed.role_name
      FROM runfold.events e
     WHERE e.position = "position" AND e.stream_id = allowed.stream_id
    RETURNING d.stream_version, d.type INTO stream_version, type;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('no operator has allowed this session to discard the event at position %s in the group %s',
                             "position", group_name),
            HINT = 'runfold parked discard';
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.discard_event IS
    'Records that the group of this batch gives up an event of the stream that an operator has allowed to this session, once. Returns the event''s version in its stream, and its type.';
REVOKE ALL ON FUNCTION runfold.discard_event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.discard_event TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.text_configuration(language text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE language
           WHEN 'simple' THEN 'runfold.runfold_simple'::regconfig
           WHEN 'arabic' THEN 'runfold.runfold_arabic'::regconfig
           WHEN 'armenian' THEN 'runfold.runfold_armenian'::regconfig
           WHEN 'basque' THEN 'runfold.runfold_basque'::regconfig
           WHEN 'catalan' THEN 'runfold.runfold_catalan'::regconfig
           WHEN 'danish' THEN 'runfold.runfold_danish'::regconfig
           WHEN 'dutch' THEN 'runfold.runfold_dutch'::regconfig
           WHEN 'english' THEN 'runfold.runfold_english'::regconfig
           WHEN 'finnish' THEN 'runfold.runfold_finnish'::regconfig
           WHEN 'french' THEN 'runfold.runfold_french'::regconfig
           WHEN 'german' THEN 'runfold.runfold_german'::regconfig
           WHEN 'greek' THEN 'runfold.runfold_greek'::regconfig
           WHEN 'hindi' THEN 'runfold.runfold_hindi'::regconfig
           WHEN 'hungarian' THEN 'runfold.runfold_hungarian'::regconfig
           WHEN 'indonesian' THEN 'runfold.runfold_indonesian'::regconfig
           WHEN 'irish' THEN 'runfold.runfold_irish'::regconfig
           WHEN 'italian' THEN 'runfold.runfold_italian'::regconfig
           WHEN 'lithuanian' THEN 'runfold.runfold_lithuanian'::regconfig
           WHEN 'nepali' THEN 'runfold.runfold_nepali'::regconfig
           WHEN 'norwegian' THEN 'runfold.runfold_norwegian'::regconfig
           WHEN 'portuguese' THEN 'runfold.runfold_portuguese'::regconfig
           WHEN 'romanian' THEN 'runfold.runfold_romanian'::regconfig
           WHEN 'russian' THEN 'runfold.runfold_russian'::regconfig
           WHEN 'serbian' THEN 'runfold.runfold_serbian'::regconfig
           WHEN 'spanish' THEN 'runfold.runfold_spanish'::regconfig
           WHEN 'swedish' THEN 'runfold.runfold_swedish'::regconfig
           WHEN 'tamil' THEN 'runfold.runfold_tamil'::regconfig
           WHEN 'turkish' THEN 'runfold.runfold_turkish'::regconfig
           WHEN 'yiddish' THEN 'runfold.runfold_yiddish'::regconfig
           END;
COMMENT ON FUNCTION runfold.text_configuration IS
    'The text search configuration of a language, or null for one that is not known.';
REVOKE ALL ON FUNCTION runfold.text_configuration FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.text_configuration TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.text_query(language text, typed text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT websearch_to_tsquery(runfold.text_configuration(language),
                                regexp_replace(typed, '("[^"]*"?)|(?<!\S)-?[[:alnum:]_]+\*(?!\S)', '\1', 'g'))
           && coalesce((SELECT string_agg(CASE p.part[1] WHEN '-' THEN '!' ELSE '' END || '('
                                          || (to_tsquery('simple', lower(p.part[2]) || ':*')
                                              || plainto_tsquery(runfold.text_configuration(language), p.part[2]))::text || ')',
                                          ' & ')::tsquery
                          FROM regexp_matches(regexp_replace(typed, '"[^"]*"?', ' ', 'g'),
                                              '(?<!\S)(-?)([[:alnum:]_]+)\*(?!\S)', 'g') AS p (part)), ''::tsquery)
$$;
COMMENT ON FUNCTION runfold.text_query IS
    'What a person typed, as a query: words, "a phrase", -without, or, and beginnings of words as `begin*`.';
REVOKE ALL ON FUNCTION runfold.text_query FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.text_query TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.matching_documents(
    tenant uuid, typed text, collection text, all_tags text[], of_category text, having_metadata jsonb
) RETURNS TABLE (collection_name varchar, id varchar, tags text[], updated_at timestamptz, query tsquery, rank real)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    found_language text;
    asked tsquery;
BEGIN
    IF typed IS NULL THEN
        RETURN QUERY
        SELECT d.collection_name, d.id, d.tags, d.updated_at, NULL::tsquery, NULL::real
          FROM public.document_store d
         WHERE d.user_id = tenant AND (collection IS NULL OR d.collection_name = collection)
           AND (all_tags IS NULL OR d.tags @> all_tags) AND (of_category IS NULL OR d.category = of_category)
           AND (having_metadata IS NULL OR d.metadata @> having_metadata) AND (d.expires_at IS NULL OR d.expires_at > now());
    ELSE
        FOR found_language IN
            WITH RECURSIVE found AS (
                (SELECT t.language FROM public.document_store t WHERE t.user_id = tenant ORDER BY t.language LIMIT 1)
                UNION ALL
                SELECT (SELECT t.language FROM public.document_store t
                         WHERE t.user_id = tenant AND t.language > f.language ORDER BY t.language LIMIT 1)
                  FROM found f WHERE f.language IS NOT NULL
            )
            SELECT f.language FROM found f WHERE f.language IS NOT NULL
        LOOP
            asked := runfold.text_query(found_language, typed);
            RETURN QUERY
            SELECT d.collection_name, d.id, d.tags, d.updated_at, asked, ts_rank(d.search_vector, asked)
              FROM public.document_store d
             WHERE d.user_id = tenant AND d.search_vector @@ asked AND d.language = found_language
               AND (collection IS NULL OR d.collection_name = collection)
               AND (all_tags IS NULL OR d.tags @> all_tags) AND (of_category IS NULL OR d.category = of_category)
               AND (having_metadata IS NULL OR d.metadata @> having_metadata) AND (d.expires_at IS NULL OR d.expires_at > now());
        END LOOP;
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.matching_documents IS
    'The documents of a tenant that match, each with the query in its language; all of them where no query is given.';
REVOKE ALL ON FUNCTION runfold.matching_documents FROM PUBLIC;

CREATE FUNCTION runfold.document_tags_of(
    tenant uuid, typed text DEFAULT NULL, collection text DEFAULT NULL, all_tags text[] DEFAULT NULL, max_results integer DEFAULT 50
) RETURNS TABLE (tag text, documents bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 1000);
    RETURN QUERY
    SELECT g.tag, count(DISTINCT (m.collection_name, m.id))
      FROM runfold.matching_documents(tenant, typed, collection, all_tags, NULL, NULL) AS m
     CROSS JOIN LATERAL unnest(m.tags) AS g (tag)
     GROUP BY g.tag
     ORDER BY 2 DESC, g.tag COLLATE "C"
     LIMIT max_results;
END
$$;
COMMENT ON FUNCTION runfold.document_tags_of IS
    'How many of the matching documents of a tenant have each tag, the most frequent first; for services.';
REVOKE ALL ON FUNCTION runfold.document_tags_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.document_tags_of TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.document_tags(
    typed text DEFAULT NULL, collection text DEFAULT NULL, all_tags text[] DEFAULT NULL, max_results integer DEFAULT 50
) RETURNS TABLE (tag text, documents bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.document_tags_of(auth.uid(), typed, collection, all_tags, max_results)
$$;
COMMENT ON FUNCTION runfold.document_tags IS
    'How many of the caller''s matching documents have each tag, the most frequent first.';
REVOKE ALL ON FUNCTION runfold.document_tags FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.document_tags TO authenticated;

CREATE FUNCTION runfold.drop_nulls(data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.jsonb_object_agg(key, value), '{}')
      FROM pg_catalog.jsonb_each(data)
     WHERE value OPERATOR(pg_catalog.<>) 'null'
$$;
COMMENT ON FUNCTION runfold.drop_nulls IS
    'The object without its null fields; nested nulls stay.';
REVOKE ALL ON FUNCTION runfold.drop_nulls FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.drop_nulls TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.drop_partition(leaf regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    EXECUTE format('DROP TABLE %s', leaf);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION runfold.drop_partition IS
    'Drops a partition of a table, unless somebody reads or writes the table just now; returns whether it did.';
REVOKE ALL ON FUNCTION runfold.drop_partition FROM PUBLIC;

CREATE FUNCTION runfold.drop_remainders() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    swap record;
    dropped integer := 0;
BEGIN
    FOR swap IN DELETE FROM runfold.swaps s WHERE s.state = 'built' RETURNING s.from_position LOOP
        EXECUTE format('DROP TABLE IF EXISTS runfold_partitions.%I', 'remains_' || lpad(swap.from_position::text, 12, '0'));
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION runfold.drop_remainders IS
    'Drops what was built for a swap that did not take place; returns how many tables.';
REVOKE ALL ON FUNCTION runfold.drop_remainders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.drop_remainders TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.end_batch(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    UPDATE runfold.user_groups g SET settled = true WHERE g.group_name = group_name;
END
$$;
COMMENT ON FUNCTION runfold.end_batch IS
    'Ends a batch that leaves the checkpoint where it is, as the retry of a stream does.';
REVOKE ALL ON FUNCTION runfold.end_batch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.end_batch TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.end_erasure(tenant uuid) RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runfold.erased_tenants t SET erased_at = coalesce(t.erased_at, clock_timestamp())
     WHERE t.user_id = tenant AND t.position IS NOT NULL
    RETURNING t.erased_at
$$;
COMMENT ON FUNCTION runfold.end_erasure IS
    'Notes that everything of an erasure was done; returns when; null before its TenantErased is in the log.';
REVOKE ALL ON FUNCTION runfold.end_erasure FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.end_erasure TO runfold_operator;

CREATE FUNCTION runfold.index_statements(name text) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.backfills;
    whole regclass;
    part record;
    made text;
BEGIN
    SELECT * INTO entry FROM runfold.backfills b WHERE b.name = name;
    whole := to_regclass(entry.index_name);
    IF entry.index_definition <> '' THEN
        IF EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = whole AND i.indisvalid) THEN
            RETURN;
        END IF;
        IF whole IS NOT NULL THEN
            RETURN NEXT format('DROP INDEX CONCURRENTLY %s', whole);
        END IF;
        RETURN NEXT format('CREATE INDEX CONCURRENTLY %I %s', (parse_ident(entry.index_name))[2], entry.index_definition);
        RETURN;
    END IF;
    FOR part IN
        SELECT h.inhrelid::regclass AS leaf, n.nspname AS folder, left(c.relname, 32) || '_' || name AS index
          FROM pg_index i
          JOIN pg_inherits h ON h.inhparent = i.indrelid
          JOIN pg_class c ON c.oid = h.inhrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE i.indexrelid = whole
           AND NOT EXISTS (SELECT FROM pg_inherits a JOIN pg_index l ON l.indexrelid = a.inhrelid
                            WHERE a.inhparent = whole AND l.indrelid = h.inhrelid)
         ORDER BY c.relname COLLATE "C"
    LOOP
        made := format('%I.%I', part.folder, part.index);
        IF EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = to_regclass(made) AND NOT i.indisvalid) THEN
            RETURN NEXT format('DROP INDEX CONCURRENTLY %s', made);
        END IF;
        IF NOT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = to_regclass(made) AND i.indisvalid) THEN
            RETURN NEXT regexp_replace(pg_get_indexdef(whole), '^CREATE (UNIQUE )?INDEX .*? ON ONLY \S+ ',
                                       format('CREATE \1INDEX CONCURRENTLY %I ON %s ', part.index, part.leaf));
        END IF;
        RETURN NEXT format('ALTER INDEX %s ATTACH PARTITION %s', whole, made);
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.index_statements IS
    'The statements that are left to build the index of a backfill, in order; none: it is built.';
REVOKE ALL ON FUNCTION runfold.index_statements FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.index_statements TO runfold_operator;

CREATE FUNCTION runfold.end_index_backfill(name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    ended constant boolean := NOT EXISTS (SELECT FROM runfold.index_statements(name));
BEGIN
    UPDATE runfold.backfills b
       SET changed = b.changed + 1, steps = b.steps + 1, stepped_at = clock_timestamp(),
           started_at = coalesce(b.started_at, clock_timestamp()),
           finished_at = CASE WHEN ended THEN clock_timestamp() END
     WHERE b.name = name AND b.index_name IS NOT NULL AND b.finished_at IS NULL;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION runfold.end_index_backfill IS
    'Notes the statement that a backfill of an index has run, and its end when none is left; returns whether it has ended.';
REVOKE ALL ON FUNCTION runfold.end_index_backfill FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.end_index_backfill TO runfold_operator;

CREATE FUNCTION runfold.make_log_partition(month timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 4);
    IF to_regclass('runfold_partitions.workflow_execution_logs_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM')) IS NULL THEN
        PERFORM runfold.attach_month('workflow_execution_logs', 'created_at', month);
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.make_log_partition IS
    'Makes the partition of workflow_execution_logs for a month.';
REVOKE ALL ON FUNCTION runfold.make_log_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.make_log_partition TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.missing_log_months(ahead integer DEFAULT 12) RETURNS SETOF timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
    SELECT m.month AT TIME ZONE 'UTC'
      FROM generate_series(-1, ahead) AS i,
           LATERAL (SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + i * interval '1 month') AS m (month)
     WHERE NOT EXISTS (SELECT FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
                        WHERE h.inhparent = 'public.workflow_execution_logs'::regclass
                          AND c.relname = 'workflow_execution_logs_' || to_char(m.month, 'YYYYMM'))
       AND (m.month + interval '1 month') AT TIME ZONE 'UTC' > (SELECT runfold.cutoff_of('public.workflow_execution_logs'))
       AND NOT EXISTS (SELECT FROM runfold_partitions.workflow_execution_logs_default d
                        WHERE d.created_at >= m.month AT TIME ZONE 'UTC'
                          AND d.created_at < (m.month + interval '1 month') AT TIME ZONE 'UTC')
     ORDER BY i
$$;
COMMENT ON FUNCTION runfold.missing_log_months IS
    'The months, from the last one to `ahead` months from now, that workflow_execution_logs has no partition for.';
REVOKE ALL ON FUNCTION runfold.missing_log_months FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.missing_log_months TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.ensure_log_partitions(ahead integer DEFAULT 12) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month timestamptz;
    made integer := 0;
BEGIN
    FOR month IN SELECT m FROM runfold.missing_log_months(ahead) AS m LOOP
        BEGIN
            PERFORM runfold.make_log_partition(month);
            made := made + 1;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'the partition of workflow_execution_logs for % cannot be made: %', month, SQLERRM;
        END;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION runfold.ensure_log_partitions IS
    'Makes the monthly partitions of workflow_execution_logs ahead of time.';
REVOKE ALL ON FUNCTION runfold.ensure_log_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.ensure_log_partitions TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.ensure_partitions(spare integer DEFAULT 4, size bigint DEFAULT 5000000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    issued bigint;
    next_from bigint;
    made integer := 0;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 3);
    SELECT last_value INTO issued FROM runfold.events_position;
    next_from := runfold.log_end();
    WHILE next_from <= issued + spare * size LOOP
        partition := 'events_' || lpad(next_from::text, 12, '0');
        EXECUTE format('CREATE TABLE runfold_partitions.%I (LIKE runfold.events INCLUDING ALL,'
                       ' CONSTRAINT position_is_in_range CHECK (position >= %s AND position < %s))'
                       ' WITH (autovacuum_vacuum_insert_scale_factor = 0.5)',
                       partition, next_from, next_from + size);
        EXECUTE format('ALTER TABLE runfold.events ATTACH PARTITION runfold_partitions.%I FOR VALUES FROM (%s) TO (%s)',
                       partition, next_from, next_from + size);
        EXECUTE format('ALTER TABLE runfold_partitions.%I DROP CONSTRAINT position_is_in_range', partition);
        EXECUTE format('CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON runfold_partitions.%I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change()', partition);
        next_from := next_from + size;
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION runfold.ensure_partitions IS
    'Makes partitions of the log well ahead of its head.';
REVOKE ALL ON FUNCTION runfold.ensure_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.ensure_partitions TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.enter_backfill(
    name text, about text, since text, index_name text DEFAULT NULL, index_definition text DEFAULT NULL
) RETURNS void
LANGUAGE sql VOLATILE AS $$
    INSERT INTO runfold.backfills (name, about, since, index_name, index_definition)
    VALUES (name, about, since, index_name, index_definition)
    ON CONFLICT ON CONSTRAINT backfills_pkey DO NOTHING
$$;
COMMENT ON FUNCTION runfold.enter_backfill IS
    'Enters a backfill, in the migration that needs it; once.';
REVOKE ALL ON FUNCTION runfold.enter_backfill FROM PUBLIC;

CREATE FUNCTION runfold.safe_head() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued bigint;
    behind bigint;
BEGIN
    IF pg_is_in_recovery() THEN
        RETURN (SELECT position FROM runfold.published_head);
    END IF;
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        PERFORM runfold.refuse('unsupported_isolation', words => jsonb_build_object(
            'isolation', upper(current_setting('transaction_isolation'))));
    END IF;
    SELECT last_value - (NOT is_called)::integer INTO issued FROM runfold.events_position;
    -- A fence's key is the low 32 bits of a lower bound; a key ahead of `issued` was taken after we read it.
    SELECT max(distance) INTO behind
      FROM (SELECT (issued - l.objid::bigint) & 4294967295 AS distance
              FROM pg_locks l
             WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted AND l.objsubid = 2
               AND l.classid = 'runfold.events_position'::regclass::oid
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS fences
     WHERE distance < 2147483648;
    RETURN issued - coalesce(behind, 0);
END
$$;
COMMENT ON FUNCTION runfold.safe_head IS
    'The position up to which the log is settled.';
REVOKE ALL ON FUNCTION runfold.safe_head FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.safe_head TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.erase_tenant(tenant uuid, OUT state text, OUT "position" bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.erased_tenants;
BEGIN
    PERFORM runfold.require_value('uuid', NULL, NULL, to_jsonb(tenant), '/tenant');
    IF EXISTS (SELECT FROM auth.users u WHERE u.id = tenant) THEN
        -- Where auth is a platform's, its users are the platform's to delete.
        IF (SELECT c.relowner FROM pg_class c WHERE c.oid = 'auth.users'::regclass)
           <> (SELECT c.relowner FROM pg_class c WHERE c.oid = 'runfold.erased_tenants'::regclass) THEN
            PERFORM runfold.refuse('user_not_deleted', jsonb_build_object('user_id', tenant));
        END IF;
        DELETE FROM auth.users u WHERE u.id = tenant;
        state := 'user_deleted';
        RETURN;
    END IF;
    SELECT * INTO entry FROM runfold.erased_tenants t WHERE t.user_id = tenant FOR NO KEY UPDATE;
    IF entry.user_id IS NULL THEN
        INSERT INTO runfold.erased_tenants (user_id) VALUES (tenant) ON CONFLICT DO NOTHING;
        state := 'refusing';
        RETURN;
    END IF;
    IF entry.begun_in = pg_current_xact_id() THEN
        state := 'refusing';
        RETURN;
    END IF;
    IF entry.position IS NULL THEN
        IF entry.issued IS NULL THEN
            entry.issued := (SELECT q.last_value - (NOT q.is_called)::integer FROM runfold.events_position q);
            UPDATE runfold.erased_tenants t SET issued = entry.issued WHERE t.user_id = tenant;
        END IF;
        IF runfold.safe_head() < entry.issued THEN
            state := 'waiting';
            "position" := entry.issued;
            RETURN;
        END IF;
        entry.position := runfold.append_tenant_erased(tenant);
        UPDATE runfold.erased_tenants t SET position = entry.position WHERE t.user_id = tenant;
        DELETE FROM runfold.claims c USING runfold.streams s WHERE s.user_id = tenant AND c.stream_id = s.stream_id;
        DELETE FROM runfold.snapshots n USING runfold.streams s
         WHERE s.user_id = tenant AND s.stream_id = runfold.stream_id(n.category, n.originator_id);
    END IF;
    state := 'erased';
    "position" := entry.position;
END
$$;
COMMENT ON FUNCTION runfold.erase_tenant IS
    'Does the next step of the erasure of a tenant, and returns what it did. Call it again, each time in a transaction of its own, until it returns `erased`, with the position of TenantErased.';
REVOKE ALL ON FUNCTION runfold.erase_tenant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.erase_tenant TO runfold_operator;

CREATE FUNCTION runfold.event_id(stream_id text, name text) RETURNS uuid
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made constant text := runfold.stream_name(stream_id);
    hash bytea := sha256(convert_to(stream_id, 'UTF8') || '\x00' || convert_to(name, 'UTF8'));
    near text;
BEGIN
    IF name = '' THEN
        PERFORM runfold.raise_fault('blank', '/name');
    END IF;
    near := CASE WHEN made ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
                 THEN substr(replace(made, '-', ''), 1, 12)
                 ELSE substr(encode(sha256(convert_to(stream_id, 'UTF8')), 'hex'), 1, 12) END;
    hash := set_byte(hash, 6, get_byte(hash, 6) & 15 | 128);
    hash := set_byte(hash, 8, get_byte(hash, 8) & 63 | 128);
    RETURN (near || substr(encode(hash, 'hex'), 13, 20))::uuid;
END
$$;
COMMENT ON FUNCTION runfold.event_id IS
    'The event id that a stream and a name give, always the same; the same in Python.';
REVOKE ALL ON FUNCTION runfold.event_id FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.event_id TO runfold_engine, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.events_of_command(command_id uuid)
RETURNS TABLE (append integer, event integer, data jsonb, payload bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.n::integer - 1, (e.position - (a.appended ->> 'first_position')::bigint)::integer, e.data, e.payload
      FROM runfold.commands c
     CROSS JOIN LATERAL jsonb_array_elements(c.result) WITH ORDINALITY AS a (appended, n)
      JOIN runfold.events e ON e.position BETWEEN (a.appended ->> 'first_position')::bigint AND (a.appended ->> 'last_position')::bigint
     WHERE c.command_id = events_of_command.command_id
     ORDER BY 1, 2
$$;
COMMENT ON FUNCTION runfold.events_of_command IS
    'The events that a command recorded, with their places in its call: who sends it again encrypts its values with the keys that these name.';
REVOKE ALL ON FUNCTION runfold.events_of_command FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.events_of_command TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.execution_detail(execution_id text, log_lines integer DEFAULT 50) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    execution_row uuid;
    found jsonb;
    part jsonb;
BEGIN
    SELECT e.id, to_jsonb(e) INTO execution_row, found FROM (
SELECT x.*, w.name AS workflow
  FROM public.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.execution_id = $1
        ) AS e;
    IF found IS NULL THEN
        RETURN NULL;
    END IF;

    SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT n.* FROM public.node_executions n
 WHERE n.execution_id = $1
 ORDER BY n.created_at, n.start_time NULLS LAST, n.activation COLLATE "C"
        ) AS p;
    found := found || jsonb_build_object('nodes', part);

    IF has_function_privilege('runfold.read_stream(text,bigint,integer)', 'EXECUTE') THEN
        SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT n.activation, (e.data ->> 'attempt')::integer AS attempt, e.type = 'NodeStarted' AS started,
       coalesce((e.data ->> 'start_time')::bigint, floor(extract(epoch FROM e.occurred_at) * 1000)::bigint) AS at,
       e.data -> 'error_data' AS error_data
  FROM runfold.read_stream(runfold.stream_id('execution', $1), runfold.archived_version(runfold.stream_id('execution', $1))) AS e
  JOIN public.node_executions n
    ON n.execution_id = $1 AND n.activation = e.data ->> 'activation' AND n.last_event_position >= e.position
 WHERE e.type IN ('NodeStarted', 'NodeAttemptFailed')
   AND NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = 'execution' AND d.position = e.position)
 ORDER BY e.stream_version
 LIMIT 10000
            ) AS p;
        found := found || jsonb_build_object('attempts', part);
    END IF;

    SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT p.* FROM public.workflow_execution_pauses p
 WHERE p.execution_id = execution_row
 ORDER BY p.paused_at, p.name COLLATE "C"
        ) AS p;
    found := found || jsonb_build_object('pauses', part);

    SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT x.execution_id, x.workflow_id, w.name AS workflow, x.user_id, x.status, x.start_time, x.end_time, x.duration_ms,
       x.error_message, x.created_at
  FROM public.workflow_executions x
  LEFT JOIN public.workflows w ON w.id = x.workflow_id
 WHERE x.parent_execution_id = $1
 ORDER BY x.created_at, x.id
 LIMIT 1000
        ) AS p;
    found := found || jsonb_build_object('children', part);

    SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') INTO part FROM (
SELECT * FROM (
    SELECT l.created_at, l.level, l.event_type, l.node_id, l.message, l.user_friendly_message, l.last_event_position
      FROM public.workflow_execution_logs l
     WHERE l.execution_id = $1
       AND l.created_at >= (SELECT runfold.cutoff_of('public.workflow_execution_logs'))
     ORDER BY l.created_at DESC, l.last_event_position DESC
     LIMIT greatest(log_lines, 0)) AS newest
 ORDER BY created_at, last_event_position
        ) AS p;
    RETURN found || jsonb_build_object('logs', part);
END
$$;
COMMENT ON FUNCTION runfold.execution_detail IS
    'An execution as `runfold execution show --json` prints it: its row with the workflow''s name, nodes, attempts, pauses, children and its last log lines; null where there is none, or not for the caller.';
REVOKE ALL ON FUNCTION runfold.execution_detail FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.execution_detail TO runfold_engine, runfold_operator, runfold_projector, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.executions_of(workflow uuid, before bigint) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT runfold.stream_name(c.stream_id)
      FROM runfold.events c
     WHERE c.category = 'execution' AND c.type = 'ExecutionCreated'
       AND lower(c.data ->> 'workflow_id' COLLATE "C") = workflow::text AND c.position < before
       AND (c.stream_version = 1 OR runfold.creation_took_effect(c.stream_id, c.position))
     UNION
    SELECT runfold.stream_name(a.stream_id)
      FROM runfold.archived_executions a
     WHERE a.workflow_id = workflow::text AND a.position < before
$$;
COMMENT ON FUNCTION runfold.executions_of IS
    'The execution_ids that were ever created for a workflow before a position, those that are archived as well.';
REVOKE ALL ON FUNCTION runfold.executions_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.executions_of TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.expired_messages(older_than timestamptz, force boolean DEFAULT false) RETURNS SETOF uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id FROM public.conversation_buffers m WHERE m.expires_at < clock_timestamp()
     UNION
    SELECT m.id
      FROM public.conversation_buffers m
     WHERE m.timestamp < older_than
       AND (force OR EXISTS (SELECT FROM public.conversation_summaries s
                              WHERE s.user_id = m.user_id AND s.session_id = m.session_id AND s.upto_index >= m.message_index))
$$;
COMMENT ON FUNCTION runfold.expired_messages IS
    'The messages of conversations that have expired: by their own end, and those older than a time that a summary of their session covers; with `force` all that are older. Without a time only the first.';
REVOKE ALL ON FUNCTION runfold.expired_messages FROM PUBLIC;

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
COMMENT ON FUNCTION runfold.expire_messages IS
    'Deletes messages of conversations that have expired, `most` of them at most; returns how many.';
REVOKE ALL ON FUNCTION runfold.expire_messages FROM PUBLIC;

CREATE FUNCTION runfold.expiring_partitions(whole regclass) RETURNS TABLE (leaf regclass, ends_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
    SELECT t.relid, (regexp_match(pg_get_expr(c.relpartbound, c.oid), $r$TO \('([^']+)'\)$r$))[1]::timestamptz
      FROM pg_partition_tree(whole) AS t
      JOIN pg_class c ON c.oid = t.relid
     WHERE t.isleaf
     UNION ALL
    SELECT c.oid::regclass, NULL FROM pg_class c WHERE c.oid = whole AND c.relkind = 'r' AND NOT c.relispartition
       AND NOT EXISTS (SELECT FROM pg_partition_tree(whole))
     ORDER BY 2, 1
$$;
COMMENT ON FUNCTION runfold.expiring_partitions IS
    'The leaves of a table, the table itself if it is not partitioned, with the time at which each ends (null: it has no upper bound).';
REVOKE ALL ON FUNCTION runfold.expiring_partitions FROM PUBLIC;

CREATE FUNCTION runfold.expire(
    table_name text, keep interval DEFAULT NULL, most integer DEFAULT 10000, OUT removed bigint, OUT done boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.retention;
    whole constant regclass := to_regclass(table_name);
    boundary timestamptz;
    part record;
    rows bigint;
    blocked boolean := false;
BEGIN
    removed := 0;
    done := true;
    SELECT * INTO entry FROM runfold.retention r WHERE r.table_name = table_name FOR NO KEY UPDATE;
    IF entry.table_name IS NULL THEN
        PERFORM runfold.refuse('unknown_retention', jsonb_build_object('table', table_name));
    END IF;
    IF keep < interval '0' OR keep < interval '1 day' AND entry.group_name IS NOT NULL THEN
        PERFORM runfold.refuse('retention_too_short', jsonb_build_object('table', table_name, 'keep', keep::text));
    END IF;
    boundary := clock_timestamp() - coalesce(keep, entry.keep);
    IF table_name = 'public.conversation_buffers' THEN
        removed := runfold.expire_messages(boundary, false, most);
        done := removed = 0;
        UPDATE runfold.retention r SET ran_at = CASE WHEN done AND keep IS NULL THEN clock_timestamp() ELSE r.ran_at END
         WHERE r.table_name = table_name;
        RETURN;
    END IF;
    IF boundary IS NULL OR whole IS NULL THEN
        UPDATE runfold.retention r SET ran_at = clock_timestamp(), blocked_since = NULL WHERE r.table_name = table_name;
        RETURN;
    END IF;
    IF entry.group_name IS NOT NULL THEN
        boundary := greatest(date_trunc('day', boundary, 'UTC'), entry.cutoff);
        IF entry.cutoff IS DISTINCT FROM boundary THEN
            PERFORM FROM runfold.checkpoints c WHERE c.group_name = entry.group_name FOR NO KEY UPDATE;
            UPDATE runfold.retention r SET cutoff = boundary WHERE r.table_name = table_name;
        END IF;
    END IF;
    FOR part IN SELECT * FROM runfold.expiring_partitions(whole) AS p
                 WHERE p.ends_at IS NULL OR p.ends_at > boundary
                    OR entry.blocked_since < clock_timestamp() - interval '1 day' LOOP
        EXECUTE format('DELETE FROM %1$s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$s WHERE %2$I < $1 LIMIT $2))',
                       part.leaf, entry.column_name) USING boundary, most - removed;
        GET DIAGNOSTICS rows = ROW_COUNT;
        removed := removed + rows;
        IF removed >= most THEN
            done := false;
            RETURN;
        END IF;
    END LOOP;
    IF removed > 0 THEN
        done := false;
        RETURN;
    END IF;
    FOR part IN SELECT * FROM runfold.expiring_partitions(whole) AS p WHERE p.ends_at <= boundary AND p.leaf <> whole LOOP
        EXECUTE format('SELECT count(*) FROM %s', part.leaf) INTO rows;
        IF runfold.drop_partition(part.leaf) THEN
            removed := rows;
            done := false;
            RETURN;
        END IF;
        blocked := true;
    END LOOP;
    UPDATE runfold.retention r
       SET ran_at = CASE WHEN keep IS NULL THEN clock_timestamp() ELSE r.ran_at END,
           blocked_since = CASE WHEN blocked THEN coalesce(r.blocked_since, clock_timestamp()) END
     WHERE r.table_name = table_name;
END
$$;
COMMENT ON FUNCTION runfold.expire IS
    'Removes a part of what has expired in a table; returns how many rows it removed, and whether that was all.';
REVOKE ALL ON FUNCTION runfold.expire FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.expire TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.expire_all(table_name text, keep interval DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step record;
    total bigint := 0;
BEGIN
    LOOP
        SELECT * INTO step FROM runfold.expire(expire_all.table_name, expire_all.keep);
        total := total + step.removed;
        EXIT WHEN step.done;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION runfold.expire_all IS
    'Removes all that has expired in a table, in the caller''s transaction; returns how many rows that were.';
REVOKE ALL ON FUNCTION runfold.expire_all FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.expire_all TO runfold_operator;

CREATE FUNCTION runfold.expired_rows(table_name text, keep interval DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.retention;
    boundary timestamptz;
    found bigint := 0;
BEGIN
    SELECT * INTO entry FROM runfold.retention r WHERE r.table_name = table_name;
    IF entry.table_name IS NULL THEN
        PERFORM runfold.refuse('unknown_retention', jsonb_build_object('table', table_name));
    END IF;
    boundary := clock_timestamp() - coalesce(keep, entry.keep);
    IF table_name = 'public.conversation_buffers' THEN
        RETURN (SELECT count(*) FROM runfold.expired_messages(boundary));
    END IF;
    IF entry.group_name IS NOT NULL THEN
        boundary := greatest(date_trunc('day', boundary, 'UTC'), entry.cutoff);
    END IF;
    IF boundary IS NOT NULL AND to_regclass(table_name) IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM %s WHERE %I < $1', to_regclass(table_name), entry.column_name)
           INTO found USING boundary;
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION runfold.expired_rows IS
    'How many rows of a table have expired and stand; with another time to keep them, how many would.';
REVOKE ALL ON FUNCTION runfold.expired_rows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.expired_rows TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.fail_subscription(subscription text, code text, error text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runfold.subscriptions s
       SET failed_code = $2, failed_error = $3, failed_since = coalesce(s.failed_since, clock_timestamp()),
           failed_tries = s.failed_tries + 1
     WHERE s.name = $1
$$;
COMMENT ON FUNCTION runfold.fail_subscription IS
    'Notes that a subscription''s handler failed once more on the event behind its bookmark, and with what.';
REVOKE ALL ON FUNCTION runfold.fail_subscription FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.fail_subscription TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.fault_text(code text, at text, "limit" jsonb, found jsonb, OUT message text, OUT hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT replace(replace(replace(f.message, '{limit}', w.said), '{at}', at), '{found}', coalesce(found #>> '{}', 'None')),
           replace(replace(f.hint, '{limit}', w.said), '{found}', coalesce(found #>> '{}', 'None'))
      FROM runfold.faults f,
           LATERAL (SELECT CASE jsonb_typeof("limit")
                                WHEN 'array' THEN (SELECT string_agg(x, ', ') FROM jsonb_array_elements_text("limit") AS x)
                                ELSE coalesce("limit" #>> '{}', 'None') END AS said) AS w
     WHERE f.code = $1
$$;
COMMENT ON FUNCTION runfold.fault_text IS
    'What a fault''s code says, with its words filled in.';
REVOKE ALL ON FUNCTION runfold.fault_text FROM PUBLIC;

CREATE FUNCTION runfold.fill_search_content() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.search_content IS NULL
       OR (TG_OP = 'UPDATE' AND NEW.search_content = OLD.search_content AND OLD.search_content = OLD.content) THEN
        NEW.search_content := NEW.content;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION runfold.fill_search_content IS
    'Fills search_content of a document with its content, where none is given.';
REVOKE ALL ON FUNCTION runfold.fill_search_content FROM PUBLIC;

CREATE FUNCTION runfold.fill_user_of_workflow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.user_id := (SELECT w.user_id FROM public.workflows w WHERE w.id = NEW.workflow_id);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION runfold.fill_user_of_workflow IS
    'Trigger: sets the user of a part of a workflow, a node or a connection, to the workflow''s.';
REVOKE ALL ON FUNCTION runfold.fill_user_of_workflow FROM PUBLIC;

CREATE FUNCTION runfold.forget_counts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'workflow_executions' THEN
        DELETE FROM public.execution_hours;
        DELETE FROM public.execution_days;
    ELSE
        DELETE FROM public.node_days;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.forget_counts IS
    'Empties the counts of a table that was emptied, for dashboards.';
REVOKE ALL ON FUNCTION runfold.forget_counts FROM PUBLIC;

CREATE FUNCTION runfold.forget_left(most integer DEFAULT 10000) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    swap runfold.swaps;
    gone text;
BEGIN
    SELECT * INTO swap FROM runfold.swaps s WHERE s.state = 'swapped' ORDER BY s.from_position LIMIT 1 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN true;
    END IF;
    gone := format('runfold_partitions.%I', 'left_' || lpad(swap.from_position::text, 12, '0'));
    EXECUTE format('DELETE FROM runfold.event_ids i USING %s e, runfold.streams s'
                   ' WHERE e.position > $1 AND e.position <= $2 AND i.event_id = e.event_id'
                   ' AND s.stream_id = e.stream_id AND e.stream_version <= s.archived_version', gone)
      USING swap.forgotten, swap.forgotten + most;
    UPDATE runfold.swaps s SET forgotten = swap.forgotten + most WHERE s.from_position = swap.from_position;
    IF swap.forgotten + most >= swap.to_position THEN
        EXECUTE format('DROP TABLE %s', gone);
        DELETE FROM runfold.swaps s WHERE s.from_position = swap.from_position;
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION runfold.forget_left IS
    'Deletes the event ids of a part of what has left the log; when all are deleted, drops the table that left. Returns whether nothing is left to do.';
REVOKE ALL ON FUNCTION runfold.forget_left FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.forget_left TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.given(data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN data OPERATOR(pg_catalog.@?) 'strict $.* ? (@ == null)' THEN runfold.drop_nulls(data) ELSE data END
$$;
COMMENT ON FUNCTION runfold.given IS
    'The object without its null fields; nested nulls stay.';
REVOKE ALL ON FUNCTION runfold.given FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.given TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.graph_neighbours(
    tenant uuid, start text, depth integer DEFAULT 1, max_results integer DEFAULT 100, direction text DEFAULT 'both',
    types text[] DEFAULT NULL
) RETURNS TABLE (id varchar, label varchar, type varchar, properties jsonb, distance integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen text[] := ARRAY[start];
    level text[] := ARRAY[start];
    distances integer[] := ARRAY[0];
BEGIN
    PERFORM runfold.require_between('/depth', depth, 1, 4);
    PERFORM runfold.require_between('/limit', max_results, 1, 10000);
    FOR far IN 1 .. depth LOOP
        level := ARRAY(SELECT a FROM runfold.adjacent_nodes(tenant, level, direction, types) AS a EXCEPT SELECT unnest(seen));
        EXIT WHEN cardinality(level) = 0;
        seen := seen || level;
        distances := distances || array_fill(far, ARRAY[cardinality(level)]);
        IF cardinality(seen) > 100001 THEN
            PERFORM runfold.refuse('graph_too_large', jsonb_build_object('limit', 100000));
        END IF;
        EXIT WHEN cardinality(seen) > max_results;
    END LOOP;
    RETURN QUERY
    SELECT n.id, n.label, n.type, n.properties, s.distance
      FROM unnest(seen[2:], distances[2:]) AS s (id, distance)
      JOIN public.graph_nodes n ON n.user_id = tenant AND n.id = s.id
     ORDER BY s.distance, n.id COLLATE "C"
     LIMIT max_results;
END
$$;
COMMENT ON FUNCTION runfold.graph_neighbours IS
    'The nodes of a tenant''s graph around one of them, the nearest first, with their distance.';
REVOKE ALL ON FUNCTION runfold.graph_neighbours FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.graph_neighbours TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.graph_path(
    tenant uuid, start text, goal text, max_depth integer DEFAULT 6, direction text DEFAULT 'both', types text[] DEFAULT NULL
) RETURNS TABLE (step integer, id varchar, label varchar, type varchar, properties jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    backward constant text := CASE direction WHEN 'out' THEN 'in' WHEN 'in' THEN 'out' ELSE direction END;
    -- Of each side the nodes it has seen, level after level, and where each level begins.
    seen text[] := ARRAY[start];
    seen_back text[] := ARRAY[goal];
    begins integer[] := ARRAY[1];
    begins_back integer[] := ARRAY[1];
    level text[] := ARRAY[start];
    level_back text[] := ARRAY[goal];
    meeting text := CASE WHEN start = goal THEN start END;
    path text[];
BEGIN
    PERFORM runfold.require_between('/max_depth', max_depth, 1, 8);
    WHILE meeting IS NULL LOOP
        IF cardinality(begins) + cardinality(begins_back) - 2 >= max_depth THEN
            RETURN;
        END IF;
        IF cardinality(level) <= cardinality(level_back) THEN
            level := ARRAY(SELECT a FROM runfold.adjacent_nodes(tenant, level, direction, types) AS a EXCEPT SELECT unnest(seen));
            begins := begins || cardinality(seen) + 1;
            seen := seen || level;
        ELSE
            level_back := ARRAY(SELECT a FROM runfold.adjacent_nodes(tenant, level_back, backward, types) AS a EXCEPT SELECT unnest(seen_back));
            begins_back := begins_back || cardinality(seen_back) + 1;
            seen_back := seen_back || level_back;
        END IF;
        IF cardinality(level) = 0 OR cardinality(level_back) = 0 THEN
            RETURN;
        END IF;
        IF cardinality(seen) + cardinality(seen_back) > 200000 THEN
            PERFORM runfold.refuse('graph_too_large', jsonb_build_object('limit', 200000));
        END IF;
        meeting := (SELECT min(a COLLATE "C") FROM unnest(level) AS a JOIN unnest(level_back) AS b ON a = b);
    END LOOP;
    path := ARRAY[meeting];
    -- From the meeting point back through the levels of each side: some node of each level is next to the one before.
    FOR i IN REVERSE cardinality(begins) - 1 .. 1 LOOP
        path := (SELECT min(a COLLATE "C") FROM runfold.adjacent_nodes(tenant, path[1:1], backward, types) AS a
                  WHERE a = ANY (seen[begins[i] : begins[i + 1] - 1])) || path;
    END LOOP;
    FOR i IN REVERSE cardinality(begins_back) - 1 .. 1 LOOP
        path := path || (SELECT min(a COLLATE "C") FROM runfold.adjacent_nodes(tenant, path[cardinality(path) :], direction, types) AS a
                          WHERE a = ANY (seen_back[begins_back[i] : begins_back[i + 1] - 1]));
    END LOOP;
    RETURN QUERY
    SELECT p.place::integer - 1, n.id, n.label, n.type, n.properties
      FROM unnest(path) WITH ORDINALITY AS p (id, place)
      JOIN public.graph_nodes n ON n.user_id = tenant AND n.id = p.id
     ORDER BY p.place;
END
$$;
COMMENT ON FUNCTION runfold.graph_path IS
    'A shortest path between two nodes of a tenant''s graph, node by node from the first to the last; no row if there is none.';
REVOKE ALL ON FUNCTION runfold.graph_path FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.graph_path TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.head_holders()
RETURNS TABLE (bound bigint, pid integer, prepared_gid text, application_name text, state text, since timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued bigint;
BEGIN
    SELECT last_value - (NOT is_called)::integer INTO issued FROM runfold.events_position;
    RETURN QUERY
    SELECT issued - f.distance, f.pid, p.gid, a.application_name, a.state, coalesce(a.xact_start, p.prepared)
      FROM (SELECT (issued - l.objid::bigint) & 4294967295 AS distance, l.pid, l.virtualtransaction
              FROM pg_locks l
             WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted AND l.objsubid = 2
               AND l.classid = 'runfold.events_position'::regclass::oid
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS f
      LEFT JOIN pg_stat_activity a ON a.pid = f.pid
      -- A prepared transaction keeps its backend's virtual id (after a restart it has another): its lock on itself names it.
      LEFT JOIN pg_locks x ON f.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
                          AND x.virtualtransaction = f.virtualtransaction
      LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
     WHERE f.distance < 2147483648
     ORDER BY f.distance DESC;
END
$$;
COMMENT ON FUNCTION runfold.head_holders IS
    'The open appends that hold the safe head back.';
REVOKE ALL ON FUNCTION runfold.head_holders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.head_holders TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.hidden_tables(tables regclass[]) RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t
      FROM unnest(tables) AS t
     WHERE row_security_active(t)
       AND (NOT EXISTS (SELECT FROM pg_policy p
                         WHERE p.polrelid = t AND p.polpermissive AND p.polcmd = '*' AND pg_get_expr(p.polqual, t) = 'true'
                           AND coalesce(pg_get_expr(p.polwithcheck, t), 'true') = 'true'
                           AND EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE r = 0 OR pg_has_role(r, 'USAGE')))
            OR EXISTS (SELECT FROM pg_policy p
                        WHERE p.polrelid = t AND NOT p.polpermissive
                          AND EXISTS (SELECT FROM unnest(p.polroles) AS r WHERE r = 0 OR pg_has_role(r, 'USAGE'))))
$$;
COMMENT ON FUNCTION runfold.hidden_tables IS
    'Those of these tables whose rows row security may hide from the session''s role.';
REVOKE ALL ON FUNCTION runfold.hidden_tables FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.hidden_tables TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.interactions_named(names text[], tenant uuid DEFAULT NULL)
RETURNS TABLE (interaction_id uuid, workflow_id uuid, user_id uuid, status text, name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH n AS (
        SELECT lower(w.name)::uuid AS id, w.name
          FROM unnest($1) AS w (name)
         WHERE lower(w.name) ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
        UNION
        SELECT h.id, h.correlation_id
          FROM public.human_interactions h
         WHERE h.correlation_id = ANY ($1)
    )
    SELECT n.id, (e.data ->> 'workflow_id')::uuid, e.user_id,
           CASE WHEN NOT runfold.interaction_has_ended(s.status) AND runfold.has_ended(s.execution_id) THEN 'cancelled'
                ELSE s.status END, n.name
      FROM n
      LEFT JOIN runfold.streams a ON a.stream_id = runfold.stream_id('interaction', n.id::text)
     CROSS JOIN LATERAL (SELECT r.data, r.user_id FROM runfold.read_stream(runfold.stream_id('interaction', n.id::text), coalesce(a.archived_version, 0)) AS r
                          WHERE r.type = 'InteractionRequested' ORDER BY r.stream_version LIMIT 1) AS e
     CROSS JOIN LATERAL (SELECT i.* FROM runfold.interaction_state(CASE WHEN a.archived_at IS NULL THEN n.id END) AS i) AS s
     WHERE a.archived_at IS NULL AND ($2 IS NULL OR e.user_id = $2)
    UNION ALL
    -- Of those that are archived, which have ended, the row says it.
    SELECT n.id, h.workflow_id, h.user_id, h.status, n.name
      FROM n
      JOIN runfold.streams a ON a.stream_id = runfold.stream_id('interaction', n.id::text) AND a.archived_at IS NOT NULL
      JOIN public.human_interactions h ON h.id = n.id
     WHERE $2 IS NULL OR h.user_id = $2
$$;
COMMENT ON FUNCTION runfold.interactions_named IS
    'The interactions that these texts name, by id or correlation id, open or not; of one tenant, if it is given. A question that was open when its execution ended is cancelled.';
REVOKE ALL ON FUNCTION runfold.interactions_named FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.interactions_named TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.item_matches(item jsonb, conditions jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT
          FROM jsonb_array_elements(conditions) AS c (given)
         CROSS JOIN LATERAL (
               SELECT coalesce(item #> ARRAY(SELECT jsonb_array_elements_text(c.given -> 'path')), 'null') AS value) AS found
         CROSS JOIN LATERAL (
               SELECT CASE
                      WHEN jsonb_typeof(found.value) IN ('number', 'string')
                           AND found.value #>> '{}' ~ '^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,2})?\s*$'
                      THEN (found.value #>> '{}')::double precision
                      WHEN jsonb_typeof(found.value) = 'boolean' THEN (found.value = 'true')::integer::double precision
                      END AS number) AS n
         WHERE NOT coalesce(
               CASE c.given ->> 'op'
               WHEN '$eq' THEN found.value = c.given -> 'value'
               WHEN '$ne' THEN found.value <> c.given -> 'value'
               WHEN '$gt' THEN n.number > (c.given ->> 'value')::double precision
               WHEN '$gte' THEN n.number >= (c.given ->> 'value')::double precision
               WHEN '$lt' THEN n.number < (c.given ->> 'value')::double precision
               WHEN '$lte' THEN n.number <= (c.given ->> 'value')::double precision
               WHEN 'object' THEN jsonb_typeof(found.value) = 'object'
               WHEN 'array' THEN CASE jsonb_typeof(found.value) WHEN 'array' THEN jsonb_array_length(found.value) END
                                 = (c.given ->> 'value')::integer
               END, false))
$$;
COMMENT ON FUNCTION runfold.item_matches IS
    'Whether an item of a LangGraph store meets every condition of a filter.';
REVOKE ALL ON FUNCTION runfold.item_matches FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.item_matches TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.joined(texts text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_string(texts, ' ')
$$;
COMMENT ON FUNCTION runfold.joined IS
    'The texts of an array in one, with spaces between.';
REVOKE ALL ON FUNCTION runfold.joined FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.joined TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.keep_cutoff() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.cutoff := greatest(OLD.cutoff, NEW.cutoff);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION runfold.keep_cutoff IS
    'Trigger: keeps a cutoff from moving back, which would bring back rows that were removed.';
REVOKE ALL ON FUNCTION runfold.keep_cutoff FROM PUBLIC;

CREATE FUNCTION runfold.keep_definition(workflow_id uuid, tenant uuid, definition jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    owner constant uuid := coalesce(
        (SELECT s.user_id FROM runfold.streams s WHERE s.stream_id = runfold.stream_id('deployment', workflow_id::text)), tenant,
        (SELECT w.user_id FROM public.workflows w WHERE w.id = workflow_id));
    digest constant text := runfold.definition_digest(definition);
BEGIN
    IF definition IS NULL THEN
        RETURN (SELECT l.digest FROM runfold.last_definition(workflow_id) AS l);
    ELSIF NOT EXISTS (SELECT FROM auth.users u WHERE u.id = owner) THEN
        RETURN NULL;
    END IF;
    INSERT INTO runfold.definitions (user_id, digest, body) VALUES (owner, digest, definition)
        ON CONFLICT ON CONSTRAINT definitions_pkey DO NOTHING;
    RETURN digest;
END
$$;
COMMENT ON FUNCTION runfold.keep_definition IS
    'Keeps the definition that a deployment names, and returns its digest; null where it cannot be kept apart from the event: for a tenant that auth.users does not have, or for none, nothing would delete it.';
REVOKE ALL ON FUNCTION runfold.keep_definition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.keep_definition TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.keep_log_columns() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    truth public.workflow_status;
BEGIN
    SELECT * INTO truth FROM public.workflow_status s WHERE s.workflow_id = NEW.id;
    NEW.latest_execution_id := truth.latest_execution_id;
    NEW.latest_execution_status := coalesce(truth.latest_execution_status, 'IDLE');
    NEW.latest_execution_time := truth.latest_execution_time;
    NEW.deployment_status := coalesce(truth.deployment_status, 'IDLE');
    NEW.deployed_at := truth.deployed_at;
    -- A user may be gone, and the foreign key of workflows must not stop the projection.
    NEW.deployed_by := (SELECT u.id FROM auth.users u WHERE u.id = truth.deployed_by);
    NEW.undeployed_at := truth.undeployed_at;
    NEW.deployment_version := coalesce(truth.deployment_version, 1);
    NEW.deployment_config := coalesce(truth.deployment_config, '{}');
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION runfold.keep_log_columns IS
    'Trigger: keeps the columns of workflows that the log owns equal to workflow_status.';
REVOKE ALL ON FUNCTION runfold.keep_log_columns FROM PUBLIC;

CREATE FUNCTION runfold.known_as(aliases text[], name text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT array_agg(DISTINCT a COLLATE "C") FROM unnest(aliases) AS a WHERE a <> name), '{}')
$$;
COMMENT ON FUNCTION runfold.known_as IS
    'The aliases of an entity: each once, in order, and without its name.';
REVOKE ALL ON FUNCTION runfold.known_as FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.known_as TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.land_rebuild(group_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    built bigint := (SELECT r.position FROM runfold.rebuilds r WHERE r.group_name = group_name);
BEGIN
    PERFORM runfold.require_batch(group_name);
    DELETE FROM runfold.parked_streams p
     USING runfold.checkpoints c
     WHERE p.group_name = group_name AND p.position > built AND c.group_name = group_name AND c.position > built;
    INSERT INTO runfold.parked_streams AS p (group_name, stream_id, position, sqlstate, error)
    SELECT r.group_name, r.stream_id, r.position, r.sqlstate, r.error
      FROM runfold.rebuild_parked r WHERE r.group_name = group_name AND r.found
        ON CONFLICT ON CONSTRAINT parked_streams_pkey DO UPDATE
       SET position = least(p.position, excluded.position), sqlstate = excluded.sqlstate, error = excluded.error;
    UPDATE runfold.checkpoints c
       SET epoch = -1, position = CASE WHEN c.position < runfold.archived_head() THEN built ELSE least(c.position, built) END,
           moved_at = CASE WHEN c.position > built OR c.position < runfold.archived_head() THEN clock_timestamp() ELSE c.moved_at END
     WHERE c.group_name = group_name AND built IS NOT NULL;
END
$$;
COMMENT ON FUNCTION runfold.land_rebuild IS
    'Lands the rebuild of the group of this batch: parks the streams that it could not fold, and moves a checkpoint that lies beyond the shadows back to them, or one that lies below what is archived on to them.';
REVOKE ALL ON FUNCTION runfold.land_rebuild FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.land_rebuild TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.land_restored(OUT streams bigint, OUT events bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    differing text;
    taken record;
BEGIN
    PERFORM FROM runfold.streams s WHERE s.stream_id IN (SELECT r.stream_id FROM runfold.restored_events r)
      ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE;
    -- A file may also hold what was appended to a stream after it had left: that is in the log.
    DELETE FROM runfold.restored_events r USING runfold.streams s WHERE s.stream_id = r.stream_id AND r.stream_version > s.archived_version;
    ANALYZE runfold.restored_events;
    SELECT d.stream_id INTO differing
      FROM (SELECT x.stream_id, sha256(string_agg(x.leaf, '' ORDER BY x.stream_version)) AS digest
              FROM (SELECT r.stream_id, r.stream_version,
                           runfold.event_leaf(r.position, r.append_end, r.stream_id, r.stream_version, r.event_id, r.type,
                                              r.schema_version, r.user_id, r.data, r.payload, r.metadata, r.occurred_at, r.recorded_at) AS leaf
                      FROM runfold.restored_events r) AS x
             GROUP BY x.stream_id) AS d
      LEFT JOIN runfold.streams s ON s.stream_id = d.stream_id
     WHERE d.digest IS DISTINCT FROM s.archived_digest
     LIMIT 1;
    IF differing IS NOT NULL THEN
        PERFORM runfold.refuse('archive_differs', jsonb_build_object('stream_id', differing));
    END IF;
    SELECT r.event_id, r.stream_id INTO taken FROM runfold.restored_events r
      JOIN runfold.event_ids i ON i.event_id = r.event_id LIMIT 1;
    IF taken.event_id IS NOT NULL THEN
        PERFORM runfold.refuse('event_id_conflict', jsonb_build_object('found', taken.event_id, 'stream_id', taken.stream_id));
    END IF;
    INSERT INTO runfold.event_ids (event_id, stream_version) SELECT r.event_id, r.stream_version FROM runfold.restored_events r;
    INSERT INTO runfold.events (position, append_end, stream_id, stream_version, event_id, category, type, schema_version, user_id,
                                data, payload, metadata, occurred_at, recorded_at)
    SELECT r.position, r.append_end, r.stream_id, r.stream_version, r.event_id, r.category, r.type, r.schema_version, r.user_id,
           r.data, r.payload, r.metadata, r.occurred_at, r.recorded_at
      FROM runfold.restored_events r ORDER BY r.position;
    GET DIAGNOSTICS events = ROW_COUNT;
    UPDATE runfold.archives a
       SET left_events = a.left_events - c.events, left_streams = a.left_streams - c.streams,
           state = CASE WHEN a.left_events = c.events THEN 'restored' ELSE 'archived' END
      FROM (SELECT a.from_position, count(*) AS events, count(DISTINCT r.stream_id) AS streams
              FROM runfold.restored_events r JOIN runfold.archives a ON r.position BETWEEN a.from_position AND a.to_position
             GROUP BY a.from_position) AS c
     WHERE c.from_position = a.from_position;
    UPDATE runfold.streams s SET archived_at = NULL, archived_version = NULL, archived_digest = NULL
     WHERE s.stream_id IN (SELECT r.stream_id FROM runfold.restored_events r);
    GET DIAGNOSTICS streams = ROW_COUNT;
    DELETE FROM runfold.restored_events;
END
$$;
COMMENT ON FUNCTION runfold.land_restored IS
    'Puts the events in runfold.restored_events back into the log, where they were: their streams are archived no longer.';
REVOKE ALL ON FUNCTION runfold.land_restored FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.land_restored TO runfold_operator;

CREATE FUNCTION runfold.last_opaque_position(category text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head constant bigint := runfold.safe_head();
BEGIN
    RETURN (SELECT e.position
              FROM runfold.events e
             WHERE e.category = last_opaque_position.category AND e.position <= head AND e.payload IS NOT NULL
             ORDER BY e.position DESC
             LIMIT 1);
END
$$;
COMMENT ON FUNCTION runfold.last_opaque_position IS
    'The position of an application''s last event up to the safe head; null without one.';
REVOKE ALL ON FUNCTION runfold.last_opaque_position FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.last_opaque_position TO runfold_engine, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.learn_fact(
    tenant uuid, about text, relation text, what jsonb, content jsonb DEFAULT '{}', since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, exclusive boolean DEFAULT false, ttl interval DEFAULT NULL
) RETURNS SETOF public.knowledge_facts
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hash constant text := md5(what::text);
    covering public.knowledge_facts;
    following public.knowledge_facts;
    kept uuid;
    before uuid[];
BEGIN
    PERFORM runfold.lock_memory(tenant, concat('fact/', about, '/', relation));
    since := coalesce(since, clock_timestamp());
    IF until <= since THEN
        PERFORM runfold.refuse('ends_before_it_begins', jsonb_build_object('pointer', '/valid_to', 'found', until, 'limit', since));
    END IF;
    SELECT * INTO covering FROM public.knowledge_facts f
     WHERE f.user_id = tenant AND f.subject = about AND f.predicate = relation AND f.object_hash = hash
       AND f.valid_from <= since AND (f.valid_to IS NULL OR f.valid_to > since)
     LIMIT 1;
    SELECT * INTO following FROM public.knowledge_facts f
     WHERE f.user_id = tenant AND f.subject = about AND f.predicate = relation AND (exclusive OR f.object_hash = hash)
       AND f.valid_from > since AND (f.valid_to IS NULL OR f.valid_to > f.valid_from)
     ORDER BY f.valid_from, f.id
     LIMIT 1;
    until := least(until, following.valid_from);
    IF following.id IS NULL THEN
        -- One fact that says this is not superseded. A tenant gives no ids, so they name themselves until the new one has its own.
        WITH superseded AS (
            UPDATE public.knowledge_facts f SET superseded_by = coalesce(covering.id, f.id), updated_at = now()
             WHERE f.user_id = tenant AND f.subject = about AND f.predicate = relation AND f.object_hash = hash
               AND f.superseded_by IS NULL AND f.id IS DISTINCT FROM covering.id
            RETURNING f.id
        )
        SELECT array_agg(s.id) INTO before FROM superseded s;
    END IF;
    IF covering.id IS NOT NULL THEN
        UPDATE public.knowledge_facts f
           SET valid_to = until, superseded_by = following.id,
               confidence = coalesce((content ->> 'confidence')::double precision, f.confidence),
               source = coalesce(content ->> 'source', f.source), domain = coalesce(content ->> 'domain', f.domain),
               fact_type = coalesce(content ->> 'fact_type', f.fact_type),
               metadata = f.metadata || coalesce(content -> 'metadata', '{}'),
               expires_at = coalesce(now() + ttl, f.expires_at), validated_at = now(), updated_at = now()
         WHERE f.user_id = tenant AND f.id = covering.id
        RETURNING f.id INTO kept;
    ELSE
        INSERT INTO public.knowledge_facts AS f
               (user_id, subject, predicate, object, confidence, source, domain, fact_type, metadata, expires_at,
                valid_from, valid_to, superseded_by)
        VALUES (tenant, about, relation, what, coalesce((content ->> 'confidence')::double precision, 1.0),
                content ->> 'source', content ->> 'domain', content ->> 'fact_type', coalesce(content -> 'metadata', '{}'),
                now() + ttl, since, until, following.id)
        RETURNING f.id INTO kept;
        UPDATE public.knowledge_facts f SET superseded_by = kept WHERE f.user_id = tenant AND f.id = ANY (before);
    END IF;
    IF exclusive THEN
        UPDATE public.knowledge_facts f SET valid_to = since, superseded_by = kept, updated_at = now()
         WHERE f.user_id = tenant AND f.subject = about AND f.predicate = relation AND f.object_hash <> hash
           AND f.valid_from <= since AND (f.valid_to IS NULL OR f.valid_to > since);
    END IF;
    RETURN QUERY SELECT * FROM public.knowledge_facts f WHERE f.user_id = tenant AND f.id = kept;
END
$$;
COMMENT ON FUNCTION runfold.learn_fact IS
    'Learns that a fact holds from a time on, and returns it as it is then kept.';
REVOKE ALL ON FUNCTION runfold.learn_fact FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.learn_fact TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.leave_out_stream(group_name text, stream_id text, "position" bigint, sqlstate text, error text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    INSERT INTO runfold.rebuild_parked AS p (group_name, stream_id, position, sqlstate, error, found)
    SELECT r.group_name, stream_id, "position", sqlstate, error, true
      FROM runfold.rebuilds r WHERE r.group_name = group_name AND runfold.may_fold(group_name)
        ON CONFLICT ON CONSTRAINT rebuild_parked_pkey DO UPDATE
       SET position = excluded.position, sqlstate = excluded.sqlstate, error = excluded.error, found = true
     WHERE p.position > excluded.position;
END
$$;
COMMENT ON FUNCTION runfold.leave_out_stream IS
    'Leaves a stream that cannot be folded out of a rebuild from a position on; the group parks it when the rebuild lands.';
REVOKE ALL ON FUNCTION runfold.leave_out_stream FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.leave_out_stream TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.left_of_backfill(name text) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.backfills;
    rows bigint;
BEGIN
    SELECT * INTO entry FROM runfold.backfills b WHERE b.name = name;
    IF entry.name IS NULL THEN
        PERFORM runfold.refuse('unknown_backfill', jsonb_build_object('backfill', name));
    END IF;
    IF entry.finished_at IS NOT NULL THEN
        RETURN 0;
    END IF;
    IF entry.index_name IS NOT NULL THEN
        RETURN (SELECT count(*) FROM runfold.index_statements(name));
    END IF;
    EXECUTE format('SELECT runfold.%I($1)', 'backfill_' || name || '_left') INTO rows USING entry.reached;
    RETURN rows;
END
$$;
COMMENT ON FUNCTION runfold.left_of_backfill IS
    'How many rows a backfill has still to look at, or partitions to index; it may be an estimate.';
REVOKE ALL ON FUNCTION runfold.left_of_backfill FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.left_of_backfill TO runfold_operator;

CREATE FUNCTION runfold.make_api_log_months(ahead integer DEFAULT 12) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    month timestamptz;
    upto timestamptz;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 4);
    FOR month, upto IN
        SELECT m.month AT TIME ZONE 'UTC', (m.month + interval '1 month') AT TIME ZONE 'UTC'
          FROM generate_series(-1, ahead) AS i,
               LATERAL (SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + i * interval '1 month') AS m (month)
         WHERE to_regclass('runfold_partitions.external_api_call_logs_' || to_char(m.month, 'YYYYMM')) IS NULL
           AND (m.month + interval '1 month') AT TIME ZONE 'UTC'
               > (SELECT coalesce(max(clock_timestamp() - r.keep), '-infinity') FROM runfold.retention r
                   WHERE r.table_name = 'public.external_api_call_logs')
         ORDER BY i
    LOOP
        BEGIN
            CONTINUE WHEN EXISTS (SELECT FROM runfold_partitions.external_api_call_logs_default d
                                   WHERE d.called_at >= month AND d.called_at < upto);
            PERFORM runfold.attach_month('external_api_call_logs', 'called_at', month);
            made := made + 1;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'the partition of external_api_call_logs for % cannot be made: %', month, SQLERRM;
        END;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION runfold.make_api_log_months IS
    'Makes the monthly partitions of external_api_call_logs, from the last month to `ahead` months from now; returns how many.';
REVOKE ALL ON FUNCTION runfold.make_api_log_months FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.make_api_log_months TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.matching_episodes(
    tenant uuid, typed text, by_actor text, in_session text, since timestamptz, until timestamptz
) RETURNS TABLE (id uuid, importance numeric, happened timestamptz, rank real)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    found_language text;
    asked tsquery;
BEGIN
    FOR found_language IN
        WITH RECURSIVE found AS (
            (SELECT t.language FROM public.episodic_memory t WHERE t.user_id = tenant ORDER BY t.language LIMIT 1)
            UNION ALL
            SELECT (SELECT t.language FROM public.episodic_memory t
                     WHERE t.user_id = tenant AND t.language > f.language ORDER BY t.language LIMIT 1)
              FROM found f WHERE f.language IS NOT NULL
        )
        SELECT f.language FROM found f WHERE f.language IS NOT NULL
    LOOP
        asked := runfold.text_query(found_language, typed);
        RETURN QUERY
        SELECT e.id, e.importance, e.timestamp, ts_rank(e.search_vector, asked)
          FROM public.episodic_memory e
         WHERE e.user_id = tenant AND e.search_vector @@ asked AND e.language = found_language
           AND (by_actor IS NULL OR e.actor = by_actor) AND (in_session IS NULL OR e.session_id = in_session)
           AND (since IS NULL OR e.timestamp >= since) AND (until IS NULL OR e.timestamp < until)
           AND (e.expires_at IS NULL OR e.expires_at > now());
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.matching_episodes IS
    'The episodes of a tenant that match, each searched in its language.';
REVOKE ALL ON FUNCTION runfold.matching_episodes FROM PUBLIC;

CREATE AGGREGATE runfold.merge(jsonb) (SFUNC = pg_catalog.jsonb_concat, STYPE = jsonb);
COMMENT ON ROUTINE runfold.merge IS
    'Concatenation of objects in their order: of each key the last.';
REVOKE ALL ON ROUTINE runfold.merge FROM PUBLIC;
GRANT EXECUTE ON ROUTINE runfold.merge TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.merge_entities(tenant uuid, kept uuid, dropped uuid) RETURNS SETOF public.entities
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone public.entities;
BEGIN
    IF kept = dropped THEN
        PERFORM runfold.refuse('merged_with_itself', jsonb_build_object('pointer', '/drop', 'found', dropped));
    END IF;
    -- In one order for everybody, so that two merges cannot deadlock.
    PERFORM FROM public.entities e WHERE e.user_id = tenant AND e.id IN (kept, dropped) ORDER BY e.id FOR UPDATE;
    SELECT * INTO gone FROM public.entities e WHERE e.user_id = tenant AND e.id = dropped;
    IF gone.id IS NULL OR NOT EXISTS (SELECT FROM public.entities e WHERE e.user_id = tenant AND e.id = kept) THEN
        PERFORM runfold.refuse('unknown_entity', jsonb_build_object('found', CASE WHEN gone.id IS NULL THEN dropped ELSE kept END));
    END IF;
    INSERT INTO public.entity_relationships AS r
           (user_id, source_entity_id, target_entity_id, relationship_type, relationship_attributes, confidence, source, created_at)
    SELECT tenant, moved.source_id, moved.target_id, o.relationship_type, o.relationship_attributes, o.confidence, o.source, o.created_at
      FROM public.entity_relationships o
     CROSS JOIN LATERAL (SELECT CASE o.source_entity_id WHEN dropped THEN kept ELSE o.source_entity_id END AS source_id,
                                CASE o.target_entity_id WHEN dropped THEN kept ELSE o.target_entity_id END AS target_id) AS moved
     WHERE o.user_id = tenant AND dropped IN (o.source_entity_id, o.target_entity_id) AND moved.source_id <> moved.target_id
     ORDER BY moved.source_id, moved.target_id, o.relationship_type
        ON CONFLICT (user_id, source_entity_id, target_entity_id, relationship_type) DO UPDATE
       SET relationship_attributes = excluded.relationship_attributes || r.relationship_attributes,
           confidence = greatest(r.confidence, excluded.confidence), updated_at = now();
    DELETE FROM public.entities e WHERE e.user_id = tenant AND e.id = dropped;
    RETURN QUERY
    UPDATE public.entities e
       SET aliases = runfold.known_as(e.aliases || gone.name::text || gone.aliases, e.name),
           attributes = gone.attributes || e.attributes, description = coalesce(e.description, gone.description),
           importance_score = greatest(e.importance_score, gone.importance_score),
           first_seen = least(e.first_seen, gone.first_seen), last_seen = greatest(e.last_seen, gone.last_seen),
           mention_count = e.mention_count + gone.mention_count, updated_at = now()
     WHERE e.user_id = tenant AND e.id = kept
    RETURNING e.*;
END
$$;
COMMENT ON FUNCTION runfold.merge_entities IS
    'Merges an entity into another one, which keeps its name, and returns it.';
REVOKE ALL ON FUNCTION runfold.merge_entities FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.merge_entities TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.move_checkpoint(group_name text, after bigint, upto bigint, epoch bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    UPDATE runfold.checkpoints c
       SET position = upto, epoch = epoch, moved_at = clock_timestamp(),
           stopped_sqlstate = NULL, stopped_error = NULL, stopped_at = NULL,
           retried_sqlstate = NULL, retried_error = NULL, retried_since = NULL
     WHERE c.group_name = group_name AND c.position = after AND upto >= after
       AND EXISTS (SELECT FROM runfold.leader l WHERE l.epoch = epoch);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE runfold.user_groups g SET settled = true WHERE g.group_name = group_name;
    RETURN true;
END
$$;
COMMENT ON FUNCTION runfold.move_checkpoint IS
    'Moves the group of this batch on, from the position where the batch began and under this leader''s epoch. Returns false where another session moved it, or another worker leads.';
REVOKE ALL ON FUNCTION runfold.move_checkpoint FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.move_checkpoint TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.move_parts_to_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.nodes n SET user_id = NEW.user_id WHERE n.workflow_id = NEW.id AND n.user_id IS DISTINCT FROM NEW.user_id;
    UPDATE public.node_connections c SET user_id = NEW.user_id
     WHERE c.workflow_id = NEW.id AND c.user_id IS DISTINCT FROM NEW.user_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.move_parts_to_user IS
    'Trigger: gives the nodes and connections of a workflow the user that the workflow has now.';
REVOKE ALL ON FUNCTION runfold.move_parts_to_user FROM PUBLIC;

CREATE FUNCTION runfold.move_subscription(subscription text, from_position bigint, to_position bigint, to_event_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at bigint;
BEGIN
    UPDATE runfold.subscriptions s
       SET position = to_position, event_id = to_event_id, moved_at = clock_timestamp(), failed_code = NULL, failed_error = NULL,
           failed_since = NULL, failed_tries = 0
     WHERE s.name = subscription AND s.position = from_position AND to_position > from_position;
    IF FOUND THEN
        RETURN true;
    END IF;
    SELECT s.position INTO at FROM runfold.subscriptions s WHERE s.name = subscription;
    IF NOT FOUND THEN
        PERFORM runfold.refuse('unknown_subscription', jsonb_build_object('subscription', subscription));
    ELSIF at <> from_position AND at <> to_position THEN
        PERFORM runfold.refuse('subscription_moved', jsonb_build_object(
            'subscription', subscription, 'position', from_position, 'found', at));
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION runfold.move_subscription IS
    'Moves a subscription''s bookmark forward to an event; returns whether it moved. It does not if it is there already.';
REVOKE ALL ON FUNCTION runfold.move_subscription FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.move_subscription TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.note_archive(
    from_position bigint, to_position bigint, file text, sha256 bytea, bytes bigint, events bigint, digest bytea, seal jsonb,
    schema_version text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF runfold.safe_head() <= to_position
       OR NOT EXISTS (SELECT FROM runfold.segments() s WHERE s.from_position = from_position AND s.to_position = to_position)
       OR events <> (SELECT count(*) FROM runfold.events e WHERE e.position BETWEEN from_position AND to_position) THEN
        RETURN false;
    END IF;
    INSERT INTO runfold.archives (from_position, to_position, file, sha256, bytes, events, digest, seal, schema_version)
    VALUES (from_position, to_position, file, sha256, bytes, events, digest, seal, schema_version)
        ON CONFLICT ON CONSTRAINT archives_pkey DO UPDATE
       SET file = excluded.file, sha256 = excluded.sha256, bytes = excluded.bytes, events = excluded.events, digest = excluded.digest,
           seal = excluded.seal, schema_version = excluded.schema_version, written_at = clock_timestamp(), erased = '[]'
     WHERE archives.state <> 'archived';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION runfold.note_archive IS
    'Enters a segment''s file, or returns false: the log holds another number of events there than the file.';
REVOKE ALL ON FUNCTION runfold.note_archive FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.note_archive TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.note_archive_run() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runfold.retention SET ran_at = clock_timestamp() WHERE kind = 'archive'
$$;
COMMENT ON FUNCTION runfold.note_archive_run IS
    'Notes that the daily run of the archive has ended.';
REVOKE ALL ON FUNCTION runfold.note_archive_run FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.note_archive_run TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.note_archived_execution() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM runfold.archived_executions a WHERE a.stream_id = NEW.stream_id;
    IF NEW.archived_at IS NULL THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT FROM runfold.events e WHERE e.stream_id = NEW.stream_id
                                                  AND e.position BETWEEN NEW.first_position AND NEW.last_position) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('%s has no events in the log: its row is to be marked before they leave', NEW.stream_id);
    END IF;
    INSERT INTO runfold.archived_executions (workflow_id, position, stream_id)
    SELECT DISTINCT lower(e.data ->> 'workflow_id' COLLATE "C"), e.position, e.stream_id
      FROM runfold.events e
     WHERE e.stream_id = NEW.stream_id AND e.position BETWEEN NEW.first_position AND NEW.last_position
       AND e.type = 'ExecutionCreated' AND e.data ->> 'workflow_id' IS NOT NULL
       AND (e.stream_version = 1 OR runfold.creation_took_effect(e.stream_id, e.position));
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION runfold.note_archived_execution IS
    'Notes for which workflows an execution was created whose events leave the log now, or forgets it when they are back.';
REVOKE ALL ON FUNCTION runfold.note_archived_execution FROM PUBLIC;

CREATE FUNCTION runfold.note_built(group_name text, name text, version integer, digest text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    -- A projection may change its group; but no session takes over one of a group that it may not fold.
    INSERT INTO runfold.projections AS p (name, group_name, version, digest)
    VALUES (name, group_name, version, digest)
        ON CONFLICT ON CONSTRAINT projections_pkey DO UPDATE
       SET group_name = excluded.group_name, version = excluded.version, digest = excluded.digest, built_at = clock_timestamp()
     WHERE runfold.may_fold(p.group_name);
END
$$;
COMMENT ON FUNCTION runfold.note_built IS
    'Notes the version of the file that a table of the group of this batch was rebuilt with.';
REVOKE ALL ON FUNCTION runfold.note_built FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.note_built TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.note_copy_failed(workflow_id uuid, sqlstate text, error text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runfold.stale_workflows s
       SET tries = s.tries + 1, sqlstate = $2, error = $3,
           try_at = clock_timestamp() + least(interval '1 s' * 2 ^ least(s.tries, 20), interval '5 min')
     WHERE s.workflow_id = coalesce($1, (SELECT d.workflow_id FROM runfold.stale_workflows d
                                          WHERE d.try_at <= clock_timestamp() ORDER BY d.tries, d.id LIMIT 1))
$$;
COMMENT ON FUNCTION runfold.note_copy_failed IS
    'Notes why workflow_status could not be copied to a workflow, or to the first one that is due (null); it is tried again ever later.';
REVOKE ALL ON FUNCTION runfold.note_copy_failed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.note_copy_failed TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.note_edited() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO runfold.edited_workflows (xid, workflow_id)
        SELECT pg_current_xact_id(), w.id FROM public.workflows w ON CONFLICT DO NOTHING;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO runfold.edited_workflows (xid, workflow_id)
        SELECT DISTINCT pg_current_xact_id(), n.workflow_id FROM new_rows n WHERE n.workflow_id IS NOT NULL ON CONFLICT DO NOTHING;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        INSERT INTO runfold.edited_workflows (xid, workflow_id)
        SELECT DISTINCT pg_current_xact_id(), o.workflow_id FROM old_rows o WHERE o.workflow_id IS NOT NULL ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.note_edited IS
    'Trigger: notes the workflows whose nodes or connections a statement changed.';
REVOKE ALL ON FUNCTION runfold.note_edited FROM PUBLIC;

CREATE FUNCTION runfold.note_edited_workflow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runfold.edited_workflows (xid, workflow_id) VALUES (pg_current_xact_id(), NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.note_edited_workflow IS
    'Trigger: notes a workflow that was made, or in which a column that people own was changed.';
REVOKE ALL ON FUNCTION runfold.note_edited_workflow FROM PUBLIC;

CREATE FUNCTION runfold.note_folded(group_name text, after bigint, upto bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE runfold.rebuilds r SET position = upto
     WHERE r.group_name = group_name AND r.position = after AND upto >= after AND runfold.may_fold(group_name);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM runfold.rebuild_parked r WHERE r.group_name = group_name AND r.position > upto AND NOT r.found;
    INSERT INTO runfold.rebuild_parked (group_name, stream_id, position, sqlstate, error)
    SELECT p.group_name, p.stream_id, p.position, p.sqlstate, p.error
      FROM runfold.parked_streams p
     WHERE p.group_name = group_name AND p.position > upto
        ON CONFLICT DO NOTHING;
    RETURN true;
END
$$;
COMMENT ON FUNCTION runfold.note_folded IS
    'Notes that the shadows of a rebuild are folded from one position up to another, in the transaction that folds them. Returns false where the shadows are at another position.';
REVOKE ALL ON FUNCTION runfold.note_folded FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.note_folded TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.note_new_workflow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runfold.stale_workflows (workflow_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.note_new_workflow IS
    'Trigger: has the copy of a new workflow made again after its commit.';
REVOKE ALL ON FUNCTION runfold.note_new_workflow FROM PUBLIC;

CREATE FUNCTION runfold.note_price_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.copy_present_prices();
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.note_price_changed IS
    'Copies the present prices into ai_models after prices changed.';
REVOKE ALL ON FUNCTION runfold.note_price_changed FROM PUBLIC;

CREATE FUNCTION runfold.note_registry_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A notification too many would fail the commit; caches read again after a minute anyway.
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('runfold_registries', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.note_registry_changed IS
    'Notifies the channel runfold_registries with the name of the table that changed, so that caches read it again.';
REVOKE ALL ON FUNCTION runfold.note_registry_changed FROM PUBLIC;

CREATE FUNCTION runfold.note_rewritten(from_position bigint, file text, sha256 bytea, bytes bigint, digest bytea, erased jsonb)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE runfold.archives a SET file = file, sha256 = sha256, bytes = bytes, erased = erased
     WHERE a.from_position = from_position AND a.digest = digest;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION runfold.note_rewritten IS
    'Enters the file that was written in place of a segment''s, without the data of erased tenants; the digest must be the same.';
REVOKE ALL ON FUNCTION runfold.note_rewritten FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.note_rewritten TO runfold_operator;

CREATE FUNCTION runfold.note_touched() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('INSERT INTO pg_temp.%I SELECT %s FROM changed', TG_ARGV[0], TG_ARGV[1]);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.note_touched IS
    'Trigger of a shadow: notes the keys of the rows that a fold touches.';
REVOKE ALL ON FUNCTION runfold.note_touched FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.note_touched TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.occurred_at("position" bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT e.occurred_at FROM runfold.events e WHERE e.position = $1);
END
$$;
COMMENT ON FUNCTION runfold.occurred_at IS
    'When the event at a position occurred.';
REVOKE ALL ON FUNCTION runfold.occurred_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.occurred_at TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.park_stream(group_name text, stream_id text, "position" bigint, sqlstate text, error text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    INSERT INTO runfold.parked_streams AS p (group_name, stream_id, position, sqlstate, error)
    VALUES (group_name, stream_id, "position", sqlstate, error)
        ON CONFLICT ON CONSTRAINT parked_streams_pkey DO UPDATE SET sqlstate = excluded.sqlstate, error = excluded.error;
END
$$;
COMMENT ON FUNCTION runfold.park_stream IS
    'Parks a stream in the group of this batch from a position on, with its error.';
REVOKE ALL ON FUNCTION runfold.park_stream FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.park_stream TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.part_duration(part integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN part <= 8 THEN part - 1
                -- The part begins at (8 + its place) * width, and has that width.
                ELSE ((8 + (part - 1) % 8)::bigint << ((part - 1) / 8 - 1)) + (1::bigint << ((part - 1) / 8 - 1)) / 2 END
$$;
COMMENT ON FUNCTION runfold.part_duration IS
    'The time in milliseconds in the middle of one of the 224 parts of a list of durations: at most 7 percent from any in it.';
REVOKE ALL ON FUNCTION runfold.part_duration FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.part_duration TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.percentile_of(durations bigint[], share double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.part_duration(c.part::integer)
      FROM (SELECT d.part, sum(d.count) OVER (ORDER BY d.part) AS upto, sum(d.count) OVER () AS total
              FROM unnest(durations) WITH ORDINALITY AS d (count, part)) AS c
     WHERE c.total > 0 AND c.upto >= greatest(share * c.total, 1)
     ORDER BY c.part
     LIMIT 1
$$;
COMMENT ON FUNCTION runfold.percentile_of IS
    'The duration in milliseconds that a share of a list of durations does not exceed: 0.5 for the median, 0.95 for p95.';
REVOKE ALL ON FUNCTION runfold.percentile_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.percentile_of TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.position_at(at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    low bigint := 0;
    high bigint := runfold.safe_head() + 1;
    middle bigint;
    probe record;
    earlier bigint;
BEGIN
    LOOP
        WHILE low + 1 < high LOOP
            middle := (low + high) / 2;
            SELECT e.position, e.recorded_at INTO probe
              FROM runfold.events e
             WHERE e.position >= middle AND e.position < high
             ORDER BY e.position LIMIT 1;
            IF NOT FOUND OR probe.recorded_at > at THEN
                high := middle;
            ELSE
                low := probe.position;
            END IF;
        END LOOP;
        SELECT min(b.position) INTO earlier
          FROM (SELECT e.position, e.recorded_at FROM runfold.events e
                 WHERE e.position <= low ORDER BY e.position DESC LIMIT 1000) AS b
         WHERE b.recorded_at > at;
        EXIT WHEN earlier IS NULL;
        low := 0;
        high := earlier;
    END LOOP;
    RETURN coalesce((SELECT e.position FROM runfold.events e
                      WHERE e.position <= low AND e.append_end <= low
                      ORDER BY e.position DESC LIMIT 1), 0);
END
$$;
COMMENT ON FUNCTION runfold.position_at IS
    'The position of the log at a time: the last one before the first event recorded after it, where an append ends.';
REVOKE ALL ON FUNCTION runfold.position_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.position_at TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.put_connections(workflow_id uuid, connections jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    given constant jsonb := CASE WHEN jsonb_typeof(connections) = 'array' THEN connections ELSE '[]' END;
    deleted bigint;
    put bigint;
BEGIN
    DELETE FROM public.node_connections c
     WHERE c.workflow_id = put_connections.workflow_id
       AND (c.source_node_id, c.target_node_id, c.connection_type, c.connection_index) NOT IN (
           SELECT e ->> 'source_node_id', e ->> 'target_node_id', coalesce(e ->> 'connection_type', 'MAIN'),
                  coalesce((e ->> 'connection_index')::integer, 0)
             FROM jsonb_array_elements(given) AS e);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    INSERT INTO public.node_connections AS c (
        workflow_id, source_node_id, target_node_id, connection_type, connection_index, label, conditions)
    SELECT put_connections.workflow_id, e ->> 'source_node_id', e ->> 'target_node_id', coalesce(e ->> 'connection_type', 'MAIN'),
           coalesce((e ->> 'connection_index')::integer, 0), e ->> 'label', coalesce(nullif(e -> 'conditions', 'null'), '{}')
      FROM jsonb_array_elements(given) AS e
     ORDER BY 2, 3, 4, 5
        ON CONFLICT (workflow_id, source_node_id, target_node_id, connection_type, connection_index) DO UPDATE
       SET label = excluded.label, conditions = excluded.conditions
     WHERE (c.label, c.conditions) IS DISTINCT FROM (excluded.label, excluded.conditions);
    GET DIAGNOSTICS put = ROW_COUNT;
    RETURN deleted + put;
END
$$;
COMMENT ON FUNCTION runfold.put_connections IS
    'Makes the connections of a workflow equal to those of a definition; returns how many rows it wrote.';
REVOKE ALL ON FUNCTION runfold.put_connections FROM PUBLIC;

CREATE FUNCTION runfold.put_nodes(workflow_id uuid, nodes jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    deleted bigint;
    put bigint;
BEGIN
    DELETE FROM public.nodes n
     WHERE n.workflow_id = put_nodes.workflow_id
       AND n.node_id NOT IN (SELECT e ->> 'node_id' FROM jsonb_array_elements(nodes) AS e);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    INSERT INTO public.nodes AS n (
        workflow_id, node_id, node_type, node_subtype, type_version, name, description, disabled, position_x, position_y, parameters,
        credentials, attached_nodes, error_handling, max_retries, retry_wait_time, notes, webhooks)
    SELECT put_nodes.workflow_id, e ->> 'node_id', e ->> 'node_type', e ->> 'node_subtype',
           coalesce((e ->> 'type_version')::integer, 1), e ->> 'name', e ->> 'description', coalesce((e ->> 'disabled')::boolean, false),
           coalesce((e ->> 'position_x')::float, o.position_x, 0), coalesce((e ->> 'position_y')::float, o.position_y, 0),
           coalesce(nullif(e -> 'parameters', 'null'), '{}'), coalesce(nullif(e -> 'credentials', 'null'), '{}'),
           coalesce(nullif(e -> 'attached_nodes', 'null'), '[]'), coalesce(e ->> 'error_handling', 'STOP_WORKFLOW_ON_ERROR'),
           coalesce((e ->> 'max_retries')::integer, 3), coalesce((e ->> 'retry_wait_time')::integer, 5),
           CASE WHEN e ? 'notes' THEN e ->> 'notes' ELSE o.notes END,
           CASE WHEN jsonb_typeof(e -> 'webhooks') = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(e -> 'webhooks')) END
      FROM jsonb_array_elements(nodes) AS e
      LEFT JOIN public.nodes o ON o.workflow_id = put_nodes.workflow_id AND o.node_id = e ->> 'node_id'
     ORDER BY e ->> 'node_id' COLLATE "C"
        ON CONFLICT (workflow_id, node_id) DO UPDATE
       SET node_type = excluded.node_type, node_subtype = excluded.node_subtype, type_version = excluded.type_version,
           name = excluded.name, description = excluded.description, disabled = excluded.disabled,
           position_x = excluded.position_x, position_y = excluded.position_y, parameters = excluded.parameters,
           credentials = excluded.credentials, attached_nodes = excluded.attached_nodes, error_handling = excluded.error_handling,
           max_retries = excluded.max_retries, retry_wait_time = excluded.retry_wait_time, notes = excluded.notes,
           webhooks = excluded.webhooks, updated_at = now()
     WHERE (n.node_type, n.node_subtype, n.type_version, n.name, n.description, n.disabled, n.position_x, n.position_y, n.parameters,
            n.credentials, n.attached_nodes, n.error_handling, n.max_retries, n.retry_wait_time, n.notes, n.webhooks)
           IS DISTINCT FROM
           (excluded.node_type, excluded.node_subtype, excluded.type_version, excluded.name, excluded.description, excluded.disabled,
            excluded.position_x, excluded.position_y, excluded.parameters, excluded.credentials, excluded.attached_nodes,
            excluded.error_handling, excluded.max_retries, excluded.retry_wait_time, excluded.notes, excluded.webhooks);
    GET DIAGNOSTICS put = ROW_COUNT;
    RETURN deleted + put;
END
$$;
COMMENT ON FUNCTION runfold.put_nodes IS
    'Makes the nodes of a workflow equal to those of a definition; returns how many rows it wrote.';
REVOKE ALL ON FUNCTION runfold.put_nodes FROM PUBLIC;

CREATE FUNCTION runfold.require_definition(definition jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    listed jsonb;
    total bigint;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('pointer', f.pointer, 'code', f.code, 'limit', f."limit", 'found', f.found,
                                        'message', f.message, 'hint', f.hint) ORDER BY f.n) FILTER (WHERE f.n <= 100),
           count(*)
      INTO listed, total
      FROM (SELECT x.*, row_number() OVER () AS n, t.message, t.hint
              FROM runfold.definition_faults(definition) AS x,
                   runfold.fault_text(x.code, coalesce(nullif(x.pointer, ''), 'The definition'), x."limit", x.found) AS t) AS f;
    IF total > 0 THEN
        PERFORM runfold.refuse('definition_invalid',
                               jsonb_build_object('pointer', listed #> '{0,pointer}', 'count', total, 'faults', listed),
                               jsonb_build_object('first', listed #> '{0,message}'));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.require_definition IS
    'Refuses a definition that is not valid, with all its faults, of which the first hundred are listed.';
REVOKE ALL ON FUNCTION runfold.require_definition FROM PUBLIC;

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
COMMENT ON FUNCTION runfold.put_workflow IS
    'Makes a workflow of a user''s equal to a definition: its row, its nodes and its connections, by difference. Rows that stay keep their ids, and rows that are equal are not written.';
REVOKE ALL ON FUNCTION runfold.put_workflow FROM PUBLIC;

CREATE FUNCTION runfold.range_digest(
    relation regclass, first_position bigint, last_position bigint, OUT events bigint, OUT digest bytea, OUT marks bytea
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format($query$
        WITH leaves AS MATERIALIZED (
            SELECT e.position, e.event_id,
                   CASE WHEN e.category = split_part(e.stream_id, '-', 1) AND isfinite(e.occurred_at) AND isfinite(e.recorded_at)
                             AND e.data IS DISTINCT FROM 'null' THEN
                       runfold.event_leaf(e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.type,
                                          e.schema_version, e.user_id, e.data, e.payload, e.metadata, e.occurred_at, e.recorded_at)
                   ELSE sha256(convert_to(jsonb_build_array(
                            e.category, e.data IS NULL, CASE WHEN NOT isfinite(e.occurred_at) THEN e.occurred_at::text END,
                            CASE WHEN NOT isfinite(e.recorded_at) THEN e.recorded_at::text END)::text, 'UTF8')
                        || runfold.event_leaf(e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.type,
                                              e.schema_version, e.user_id, e.data, e.payload, e.metadata,
                                              CASE WHEN isfinite(e.occurred_at) THEN e.occurred_at END,
                                              CASE WHEN isfinite(e.recorded_at) THEN e.recorded_at END)) END AS leaf
              FROM %s e
             WHERE e.position BETWEEN $1 AND $2
        )
        SELECT count(*), sha256(coalesce(string_agg(leaf, ''::bytea ORDER BY position), '')),
               coalesce(string_agg(int4send((position - $1)::integer) || substr(leaf, 1, 4) || substr(uuid_send(event_id), 13, 4),
                                   ''::bytea ORDER BY position), '')
          FROM leaves
        $query$, relation)
       INTO events, digest, marks USING first_position, last_position;
END
$$;
COMMENT ON FUNCTION runfold.range_digest IS
    'The number of events, the digest and the marks of a range of positions, in any relation that has the columns of runfold.events: the log itself, or a restored part of an archive.';
REVOKE ALL ON FUNCTION runfold.range_digest FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.range_digest TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.version_after(stream text, after bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s runfold.streams;
    low bigint;
    high bigint;
    middle bigint;
BEGIN
    SELECT * INTO s FROM runfold.streams x WHERE x.stream_id = stream;
    IF s.last_position IS NULL OR s.last_position <= after THEN
        RETURN NULL;
    END IF;
    SELECT e.stream_version INTO low
      FROM runfold.events e
     WHERE e.stream_id = stream AND e.position BETWEEN s.first_position AND s.last_position
       AND e.stream_version > coalesce(s.archived_version, -1)
     ORDER BY e.stream_version
     LIMIT 1;
    high := s.version;
    WHILE low < high LOOP
        middle := (low + high) / 2;
        IF after < (SELECT e.position FROM runfold.events e
                     WHERE e.stream_id = stream AND e.stream_version = middle
                       AND e.position BETWEEN s.first_position AND s.last_position) THEN
            high := middle;
        ELSE
            low := middle + 1;
        END IF;
    END LOOP;
    RETURN low;
END
$$;
COMMENT ON FUNCTION runfold.version_after IS
    'The version of a stream''s first event after a position; null if none of its events is.';
REVOKE ALL ON FUNCTION runfold.version_after FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.version_after TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.read_all(
    after bigint DEFAULT 0, max_count integer DEFAULT 1000, types text[] DEFAULT NULL, streams text[] DEFAULT NULL,
    categories text[] DEFAULT NULL, after_event_id uuid DEFAULT NULL, bookmark boolean DEFAULT false,
    archived text DEFAULT NULL
)
RETURNS TABLE ("position" bigint, append_end bigint, stream_id text, stream_version bigint, event_id uuid, category text,
               type text, schema_version integer, user_id uuid, data jsonb, payload bytea, metadata jsonb,
               occurred_at timestamptz, recorded_at timestamptz)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span constant bigint := 10000;  -- the positions of one look
    issued bigint;
    head bigint;
    bound bigint;                   -- this look ends there
    last record;
    found_count bigint;
BEGIN
    IF NOT pg_is_in_recovery() THEN
        SELECT q.last_value - (NOT q.is_called)::integer INTO issued FROM runfold.events_position q;
    END IF;
    head := runfold.safe_head();
    -- Ahead of the head may be who read it before an open append held it back; ahead of every position that was issued is who
    -- read another log. A replica may be behind.
    IF after > head AND issued IS NOT NULL THEN
        SELECT q.last_value - (NOT q.is_called)::integer INTO issued FROM runfold.events_position q;
        IF after > issued THEN
            PERFORM runfold.refuse(CASE WHEN after_event_id IS NULL THEN 'checkpoint_ahead' ELSE 'log_differs' END,
                                   jsonb_build_object('position', after, 'head', issued, 'event_id', after_event_id));
        END IF;
    END IF;
    IF after_event_id IS NOT NULL AND (issued IS NOT NULL OR after <= head) THEN
        SELECT e.event_id INTO last FROM runfold.events e WHERE e.position = after;
        -- In a segment that is archived the log it was read from is the one that was archived.
        IF last.event_id IS DISTINCT FROM after_event_id AND NOT (last.event_id IS NULL AND EXISTS (
            SELECT FROM runfold.archives a WHERE a.state = 'archived' AND after BETWEEN a.from_position AND a.to_position)) THEN
            PERFORM runfold.refuse('log_differs', jsonb_build_object(
                'position', after, 'head', head, 'event_id', after_event_id, 'found', last.event_id));
        END IF;
    END IF;
    IF archived IS DISTINCT FROM 'skip' THEN
        PERFORM runfold.require_log_after(after, streams, categories);
    END IF;

    bound := head;
    IF bookmark AND streams IS NULL AND (types IS NOT NULL OR categories IS NOT NULL) THEN
        -- Positions may have long holes: a look without any event would never come past one.
        bound := least(head, after + span);
        IF bound < head AND NOT EXISTS (SELECT FROM runfold.events e WHERE e.position > after AND e.position <= bound) THEN
            bound := least(head, span + coalesce((SELECT e.position FROM runfold.events e
                                                   WHERE e.position > bound AND e.position <= head
                                                   ORDER BY e.position LIMIT 1), head));
        END IF;
    END IF;
    IF streams IS NULL THEN
        RETURN QUERY
        SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
               runfold.upcast(e.type, e.schema_version, e.data), e.payload, e.metadata, e.occurred_at, e.recorded_at
          FROM runfold.events e
         WHERE e.position > after AND e.position <= bound AND (types IS NULL OR e.type = ANY (types))
           AND (categories IS NULL OR e.category = ANY (categories))
         ORDER BY e.position
         LIMIT max_count;
    ELSE
        -- Each stream by its index, from the first event behind `after` on.
        RETURN QUERY
        SELECT e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.category, e.type, e.schema_version, e.user_id,
               runfold.upcast(e.type, e.schema_version, e.data), e.payload, e.metadata, e.occurred_at, e.recorded_at
          FROM (SELECT DISTINCT x FROM unnest(streams) AS x) AS asked (stream)
          JOIN runfold.streams s ON s.stream_id = asked.stream AND s.last_position > after
         CROSS JOIN LATERAL (
             SELECT v.*
               FROM runfold.events v
              WHERE v.stream_id = s.stream_id AND v.stream_version >= runfold.version_after(s.stream_id, after)
                AND v.position > after AND v.position <= least(bound, s.last_position)
                AND (types IS NULL OR v.type = ANY (types)) AND (categories IS NULL OR v.category = ANY (categories))
              ORDER BY v.stream_version
              LIMIT max_count) AS e
         ORDER BY e.position
         LIMIT max_count;
    END IF;
    GET DIAGNOSTICS found_count = ROW_COUNT;
    IF NOT bookmark OR found_count >= max_count THEN
        RETURN;  -- the last event is the bookmark
    END IF;
    SELECT e.position, e.event_id INTO last
      FROM runfold.events e
     WHERE e.position > after AND e.position <= bound
     ORDER BY e.position DESC
     LIMIT 1;
    position := coalesce(last.position, after);
    event_id := CASE WHEN last.position IS NULL THEN after_event_id ELSE last.event_id END;
    metadata := jsonb_build_object('at_end', bound >= head, 'settled', bound >= head AND head >= issued);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION runfold.read_all IS
    'Events after a position, in order, never past the safe head. A position that was never issued is refused.';
REVOKE ALL ON FUNCTION runfold.read_all FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.read_all TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.read_opaque_events(
    category text, after bigint, stop bigint DEFAULT NULL, types text[] DEFAULT NULL, max_count integer DEFAULT 1000
) RETURNS TABLE ("position" bigint, name text, stream_version bigint, type text, payload bytea)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head constant bigint := least(runfold.safe_head(), stop);
BEGIN
    PERFORM runfold.require_log_after(after, categories => ARRAY[read_opaque_events.category]);
    RETURN QUERY
    SELECT e.position, runfold.stream_name(e.stream_id), e.stream_version, e.type, e.payload
      FROM runfold.events e
     WHERE e.category = read_opaque_events.category AND e.position > after AND e.position <= head AND e.payload IS NOT NULL
       AND (types IS NULL OR e.type = ANY (types))
     ORDER BY e.position
     LIMIT max_count;
END
$$;
COMMENT ON FUNCTION runfold.read_opaque_events IS
    'An application''s opaque events after a position, in order, never past the safe head. What is archived is refused.';
REVOKE ALL ON FUNCTION runfold.read_opaque_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.read_opaque_events TO runfold_engine, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.readable_of_tenant(tenant uuid) RETURNS TABLE (type text, field text, events bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.type, f.field, count(*)
      FROM runfold.streams s
      JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
     CROSS JOIN LATERAL (
           SELECT d.key
             FROM jsonb_each(CASE jsonb_typeof(e.data) WHEN 'object' THEN e.data ELSE '{}' END) AS d (key, value)
            WHERE d.value <> 'null'
              AND NOT (jsonb_typeof(d.value) = 'object' AND d.value ? '$encrypted'
                       OR jsonb_typeof(d.value) = 'string' AND starts_with(d.value #>> '{}', 'encrypted:'))
            UNION ALL
           SELECT 'metadata' WHERE e.metadata <> '{}'
            UNION ALL
           SELECT 'payload' WHERE e.payload IS NOT NULL) AS f (field)
     WHERE s.user_id = tenant AND s.stream_id <> runfold.stream_id('tenant', tenant::text)
       AND e.stream_version BETWEEN 0 AND 9223372036854775807
     GROUP BY 1, 2
     ORDER BY 1, 2
$$;
COMMENT ON FUNCTION runfold.readable_of_tenant IS
    'What stays readable of a tenant in the log: by type and field, the events whose value is not encrypted; an opaque payload counts as the field `payload`.';
REVOKE ALL ON FUNCTION runfold.readable_of_tenant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.readable_of_tenant TO runfold_operator;

CREATE FUNCTION runfold.record_snapshots(
    category text, originator_ids text[], versions bigint[], topics text[], states bytea[], call_id uuid
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    recorded bigint;
BEGIN
    INSERT INTO runfold.snapshots AS s (category, originator_id, version, topic, state, call_id)
    -- One that is named twice is one row too few.
    SELECT DISTINCT ON (n.originator_id, n.version) category, n.originator_id, n.version, n.topic, n.state, call_id
      FROM unnest(originator_ids, versions, topics, states) AS n (originator_id, version, topic, state)
        ON CONFLICT ON CONSTRAINT snapshots_pkey DO UPDATE SET call_id = excluded.call_id WHERE s.call_id = excluded.call_id;
    GET DIAGNOSTICS recorded = ROW_COUNT;
    IF recorded < cardinality(versions) THEN
        PERFORM runfold.refuse('snapshot_exists', jsonb_build_object('category', category));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.record_snapshots IS
    'Records snapshots of aggregates, all or none; the same call may be sent again.';
REVOKE ALL ON FUNCTION runfold.record_snapshots FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.record_snapshots TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.refuse_undiscarding() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.refuse('discard_immutable', words => jsonb_build_object('operation', TG_OP));
END
$$;
COMMENT ON FUNCTION runfold.refuse_undiscarding IS
    'Trigger: refuses every change of what was discarded.';
REVOKE ALL ON FUNCTION runfold.refuse_undiscarding FROM PUBLIC;

CREATE FUNCTION runfold.refuse_unsettled_batch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM runfold.user_groups g
                WHERE g.group_name = NEW.group_name AND g.batch = pg_current_xact_id() AND NOT g.settled) THEN
        PERFORM runfold.refuse('batch_not_settled', words => jsonb_build_object('group_name', NEW.group_name));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION runfold.refuse_unsettled_batch IS
    'Trigger: a batch of a user''s group commits together with its checkpoint.';
REVOKE ALL ON FUNCTION runfold.refuse_unsettled_batch FROM PUBLIC;

CREATE FUNCTION runfold.register_event_types(
    category text, types text[] DEFAULT '{*}', schema_version integer DEFAULT 1, opaque boolean DEFAULT false
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    wanted text;
BEGIN
    IF category !~ '^[a-z][a-z0-9_]*$' OR length(category) > 100 OR category IS NULL THEN
        PERFORM runfold.raise_fault('invalid_stream_id', '/category', NULL, to_jsonb(left(category, 100)));
    ELSIF EXISTS (SELECT FROM runfold.event_types t WHERE t.category = register_event_types.category AND t.closed) THEN
        PERFORM runfold.raise_fault('closed_category', '/category', NULL, to_jsonb(category));
    END IF;
    FOREACH wanted IN ARRAY types LOOP
        PERFORM runfold.raise_value_fault('name', 1, 255, NULL, to_jsonb(wanted), '/types');
        IF EXISTS (SELECT FROM runfold.event_types o WHERE o.type = wanted AND o.closed) THEN
            PERFORM runfold.raise_fault('reserved_type', '/types', NULL, to_jsonb(wanted));
        END IF;
        INSERT INTO runfold.event_types AS t (category, type, schema_version, opaque)
        VALUES (category, wanted, schema_version, opaque)
            ON CONFLICT ON CONSTRAINT event_types_pkey DO UPDATE
            SET schema_version = greatest(t.schema_version, excluded.schema_version), opaque = excluded.opaque;
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.register_event_types IS
    'Lets streams of a category take event types; our own categories are closed.';
REVOKE ALL ON FUNCTION runfold.register_event_types FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.register_event_types TO runfold_operator;

CREATE FUNCTION runfold.register_application(category text, name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    holder text;
BEGIN
    SELECT a.name INTO holder FROM runfold.applications a WHERE a.category = register_application.category;
    IF NOT FOUND THEN
        PERFORM runfold.raise_value_fault('name', 1, 255, NULL, to_jsonb(name), '/name');
        -- Refuses the vocabulary's categories, and waits for whoever registers this one at the moment.
        LOCK TABLE runfold.applications IN SHARE ROW EXCLUSIVE MODE;
        SELECT a.name INTO holder FROM runfold.applications a WHERE a.category = register_application.category;
        IF NOT FOUND THEN
            IF EXISTS (SELECT FROM runfold.event_types t WHERE t.category = register_application.category AND NOT t.closed) THEN
                holder := category || ' (register_event_types)';
            ELSE
                PERFORM runfold.register_event_types(category, '{*}', 1, true);
                INSERT INTO runfold.applications (category, name) VALUES (category, name);
                RETURN;
            END IF;
        END IF;
    END IF;
    IF lower(holder) <> lower(name) THEN
        PERFORM runfold.refuse('category_taken', jsonb_build_object('category', category, 'holder', holder));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.register_application IS
    'Gives an application the category of its opaque events; a category has one application.';
REVOKE ALL ON FUNCTION runfold.register_application FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.register_application TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.register_upcaster(type text, from_version integer, function_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    step regprocedure := to_regprocedure(function_name || '(jsonb)');
    body text;
BEGIN
    IF step IS NULL OR (SELECT p.prorettype <> 'jsonb'::regtype OR p.provolatile <> 'i' FROM pg_proc p WHERE p.oid = step) THEN
        RAISE EXCEPTION '% is not an IMMUTABLE function from jsonb to jsonb', function_name USING ERRCODE = '42883';
    END IF;
    PERFORM pg_advisory_xact_lock('runfold.upcasters'::regclass::oid::bigint::bit(32)::integer, 0);
    INSERT INTO runfold.upcasters AS u (type, from_version, function_name) VALUES (type, from_version, function_name)
        ON CONFLICT ON CONSTRAINT upcasters_pkey DO UPDATE SET function_name = excluded.function_name;
    UPDATE runfold.event_types t SET schema_version = from_version + 1
     WHERE t.type = register_upcaster.type AND t.schema_version < from_version + 1;
    IF NOT EXISTS (SELECT FROM runfold.event_types t WHERE t.type = register_upcaster.type) THEN
        RAISE EXCEPTION '% is not a registered event type', type USING ERRCODE = '42704';
    END IF;

    -- One branch for each type and version: every step from there to the newest, innermost first.
    WITH RECURSIVE chain (type, version, next, expression) AS (
        SELECT u.type, u.from_version, u.from_version + 1, format('%s(data)', u.function_name) FROM runfold.upcasters u
        UNION ALL
        SELECT c.type, c.version, c.next + 1, format('%s(%s)', u.function_name, c.expression)
          FROM chain c JOIN runfold.upcasters u ON u.type = c.type AND u.from_version = c.next
    ), longest AS (
        SELECT DISTINCT ON (c.type, c.version) c.* FROM chain c ORDER BY c.type, c.version, c.next DESC
    )
    SELECT string_agg(format('WHEN type OPERATOR(pg_catalog.=) %L AND schema_version OPERATOR(pg_catalog.=) %s THEN %s',
                             l.type, l.version, l.expression), E'\n        ' ORDER BY l.type, l.version)
      INTO body FROM longest l;
    EXECUTE format($f$CREATE OR REPLACE FUNCTION runfold.upcast(type text, schema_version integer, data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L$f$, format(E'\n    SELECT CASE\n        %s\n        ELSE data END\n', body));
    SELECT string_agg(format('WHEN %L THEN %s', t.type, t.version), E'\n        ' ORDER BY t.type)
      INTO body
      FROM (SELECT e.type, max(e.schema_version) AS version FROM runfold.event_types e
             WHERE e.closed AND e.schema_version > 1 GROUP BY e.type) AS t;
    IF body IS NOT NULL THEN
        EXECUTE format($f$CREATE OR REPLACE FUNCTION runfold.current_schema_version(type text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L$f$, format(E'\n    SELECT CASE type\n        %s\n        ELSE 1 END\n', body));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.register_upcaster IS
    'Makes runfold.upcast turn data of a type from one version into the next.';
REVOKE ALL ON FUNCTION runfold.register_upcaster FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.register_upcaster TO runfold_operator;

CREATE FUNCTION runfold.require_backfill(name text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM runfold.backfills b WHERE b.name = name AND b.finished_at IS NOT NULL) THEN
        PERFORM runfold.refuse('backfill_pending', jsonb_build_object('backfill', name));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.require_backfill IS
    'Refuses to go on while a backfill is pending: the first statement of a migration that takes away what it reads.';
REVOKE ALL ON FUNCTION runfold.require_backfill FROM PUBLIC;

CREATE FUNCTION runfold.require_erased(user_id uuid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = require_erased.user_id AND t.position IS NOT NULL) THEN
        PERFORM runfold.refuse('tenant_not_erased', jsonb_build_object('user_id', user_id));
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.require_erased IS
    'Refuses to go on where a tenant is not erased.';
REVOKE ALL ON FUNCTION runfold.require_erased FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.require_erased TO runfold_operator;

CREATE FUNCTION runfold.require_in_log(stream text, after bigint DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = stream AND s.archived_version > coalesce(after, -1)) THEN
        PERFORM runfold.refuse('stream_archived', runfold.archive_of_stream(stream));
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION runfold.require_in_log IS
    'True, or refuses with `stream_archived`: if events of a stream after a version are in the archive, and not in the log.';
REVOKE ALL ON FUNCTION runfold.require_in_log FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.require_in_log TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.rows_of_tenant(tenant uuid) RETURNS TABLE (table_name text, rows bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    FOR table_name IN
        SELECT format('%I.%I', n.nspname, c.relname)
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.atttypid = 'uuid'::regtype
           AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'auth', 'runfold_shadow', 'runfold_user_shadow')
           AND n.nspname !~ '^pg_(toast_)?temp_'
           AND c.oid NOT IN ('runfold.events'::regclass, 'runfold.streams'::regclass, 'runfold.erased_tenants'::regclass,
                             'runfold.tenant_keys'::regclass)
         ORDER BY 1
    LOOP
        EXECUTE format('SELECT count(*) FROM %s WHERE user_id = $1', table_name) INTO rows USING tenant;
        IF rows > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.rows_of_tenant IS
    'The tables that have rows of a tenant, and how many: every table with a column user_id, but for the log, the record of erasures and the records of keys, which stay.';
REVOKE ALL ON FUNCTION runfold.rows_of_tenant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.rows_of_tenant TO runfold_operator;

CREATE FUNCTION runfold.table_sizes() RETURNS TABLE (table_name text, bytes bigint, row_estimate bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I.%I', n.nspname, c.relname), sum(pg_total_relation_size(p.relid))::bigint,
           sum(greatest(l.reltuples, 0))::bigint
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL (SELECT t.relid FROM pg_partition_tree(c.oid) AS t WHERE t.isleaf
                         UNION SELECT c.oid WHERE c.relkind = 'r') AS p
      JOIN pg_class l ON l.oid = p.relid
     WHERE n.nspname IN ('public', 'runfold', 'projections') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     GROUP BY n.nspname, c.relname
$$;
COMMENT ON FUNCTION runfold.table_sizes IS
    'The tables of runfold and of public with their size, a partitioned one with all its partitions.';
REVOKE ALL ON FUNCTION runfold.table_sizes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.table_sizes TO runfold_operator;

CREATE FUNCTION runfold.sample_table_sizes() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH today AS (
        SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day
    ), old AS (
        DELETE FROM runfold.table_size_samples s USING today t WHERE s.day < t.day - 400
    ), noted AS (
        INSERT INTO runfold.table_size_samples (day, table_name, bytes, row_estimate)
        SELECT t.day, s.table_name, s.bytes, s.row_estimate
          FROM today t, runfold.table_sizes() AS s
         WHERE NOT EXISTS (SELECT FROM runfold.table_size_samples n WHERE n.day = t.day)
            ON CONFLICT DO NOTHING
        RETURNING 1)
    SELECT count(*) FROM noted
$$;
COMMENT ON FUNCTION runfold.sample_table_sizes IS
    'Notes the size of each table, once a day; returns how many were noted.';
REVOKE ALL ON FUNCTION runfold.sample_table_sizes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.sample_table_sizes TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.save_workflow(definition jsonb, expected_version bigint DEFAULT NULL)
RETURNS TABLE (workflow_id uuid, version bigint, digest text, changed boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.uid() IS NULL THEN
        PERFORM runfold.raise_fault('required', '/user_id');
    END IF;
    RETURN QUERY SELECT p.* FROM runfold.put_workflow(auth.uid(), definition, expected_version) AS p;
END
$$;
COMMENT ON FUNCTION runfold.save_workflow IS
    'Saves a definition as a workflow of the caller''s: a new one, or the one that its `id` names; returns its id, the version and the digest that it has now, and whether that is a new version.';
REVOKE ALL ON FUNCTION runfold.save_workflow FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.save_workflow TO authenticated;

CREATE FUNCTION runfold.save_workflow_of(owner uuid, definition jsonb, expected_version bigint DEFAULT NULL)
RETURNS TABLE (workflow_id uuid, version bigint, digest text, changed boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    user_id uuid := owner;
BEGIN
    PERFORM runfold.require_definition(definition);
    IF user_id IS NULL THEN
        SELECT w.user_id INTO user_id FROM public.workflows w WHERE w.id = (definition ->> 'id')::uuid;
        IF NOT FOUND THEN
            PERFORM runfold.raise_fault('required', '/user_id');
        END IF;
    END IF;
    RETURN QUERY SELECT p.* FROM runfold.put_workflow(user_id, definition, expected_version) AS p;
END
$$;
COMMENT ON FUNCTION runfold.save_workflow_of IS
    'Saves a definition for a user, as save_workflow does: for services. Without a user, the one whose workflow the definition''s `id` names.';
REVOKE ALL ON FUNCTION runfold.save_workflow_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.save_workflow_of TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.seal_of(previous bytea, first_position bigint, last_position bigint, events bigint, range_digest bytea)
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(coalesce(previous, '') || int8send(first_position) || int8send(last_position) || int8send(events) || range_digest)
$$;
COMMENT ON FUNCTION runfold.seal_of IS
    'The seal of a range, format 1: SHA-256 over the seal before (nothing for the first one), the range''s first and last position, its number of events, and its digest.';
REVOKE ALL ON FUNCTION runfold.seal_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.seal_of TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.seal_range(everything boolean DEFAULT false)
RETURNS TABLE (first_position bigint, last_position bigint, events bigint, seal bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    width constant integer := 10000;
    head bigint;
    before record;
    lower bigint;
    upper bigint;
    ceiling bigint;          -- the last position of the partition
    full_end bigint;         -- where the range is full
    begun timestamptz;       -- when the range's first event was recorded
    found record;
BEGIN
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 7);
    head := runfold.safe_head();
    SELECT s.* INTO before FROM runfold.seals s ORDER BY s.last_position DESC LIMIT 1;
    lower := coalesce(before.last_position, 0) + 1;
    IF lower > head THEN
        RETURN;
    END IF;
    SELECT min(b.ends) - 1 INTO ceiling
      FROM (SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)''?\)')::bigint AS ends
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'runfold.events'::regclass) AS b
     WHERE b.ends > lower;
    full_end := least(ceiling, lower + width - 1);
    upper := least(head, full_end);
    IF upper < full_end THEN
        SELECT e.recorded_at INTO begun
          FROM runfold.events e WHERE e.position BETWEEN lower AND upper ORDER BY e.position LIMIT 1;
        -- A clock that was set back keeps no range open.
        IF begun IS NULL OR NOT (everything OR begun NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp()) THEN
            RETURN;
        END IF;
    ELSE
        upper := greatest(upper, (SELECT least(e.append_end, head, ceiling) FROM runfold.events e
                                   WHERE e.position BETWEEN lower AND upper ORDER BY e.position DESC LIMIT 1));
    END IF;
    IF before.seal <> runfold.seal_of((SELECT s.seal FROM runfold.seals s WHERE s.last_position = before.first_position - 1),
                                      before.first_position, before.last_position, before.events, before.range_digest) THEN
        PERFORM runfold.refuse('seals_broken', jsonb_build_object(
            'first_position', before.first_position, 'last_position', before.last_position));
    END IF;
    SELECT d.* INTO found FROM runfold.range_digest('runfold.events', lower, upper) AS d;
    INSERT INTO runfold.seals AS s (first_position, last_position, events, range_digest, seal)
    VALUES (lower, upper, found.events, found.digest,
            runfold.seal_of(before.seal, lower, upper, found.events, found.digest))
    RETURNING s.first_position, s.last_position, s.events, s.seal
      INTO first_position, last_position, events, seal;
    IF found.events > 0 THEN
        INSERT INTO runfold.seal_marks (first_position, marks) VALUES (lower, found.marks);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION runfold.seal_range IS
    'Seals the next range of the log, if one is due; returns its seal, or no row.';
REVOKE ALL ON FUNCTION runfold.seal_range FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.seal_range TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.sealed_position() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(last_position), 0) FROM runfold.seals
$$;
COMMENT ON FUNCTION runfold.sealed_position IS
    'The position up to which the log is sealed; 0 before the first seal.';
REVOKE ALL ON FUNCTION runfold.sealed_position FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.sealed_position TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.search_documents_of(
    tenant uuid, typed text DEFAULT NULL, collection text DEFAULT NULL, all_tags text[] DEFAULT NULL,
    of_category text DEFAULT NULL, having_metadata jsonb DEFAULT NULL, max_results integer DEFAULT 10, skipped integer DEFAULT 0
) RETURNS TABLE (
    collection_name varchar, id varchar, title varchar, description text, content text, metadata jsonb, category varchar,
    tags text[], language varchar, created_at timestamptz, updated_at timestamptz, expires_at timestamptz, rank real, highlight text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 100);
    PERFORM runfold.require_between('/offset', skipped, 0, 10000);
    RETURN QUERY
    SELECT d.collection_name, d.id, d.title, d.description, d.content, d.metadata, d.category, d.tags, d.language, d.created_at,
           d.updated_at, d.expires_at, page.rank,
           CASE WHEN page.query IS NOT NULL THEN
               ts_headline(runfold.text_configuration(d.language), left(d.search_content, 200000), page.query,
                           'StartSel="**", StopSel="**", MaxFragments=2, MinWords=5, MaxWords=20')
           END
      FROM (SELECT * FROM runfold.matching_documents(tenant, typed, collection, all_tags, of_category, having_metadata) AS m
             ORDER BY m.rank DESC NULLS LAST, m.updated_at DESC, m.collection_name, m.id
             LIMIT max_results OFFSET skipped) AS page
     -- Row by row by the key: how many match is not known when this is planned, and all documents would be read.
     CROSS JOIN LATERAL (
           SELECT * FROM public.document_store s
            WHERE s.user_id = tenant AND s.collection_name = page.collection_name AND s.id = page.id
           OFFSET 0) AS d
     ORDER BY page.rank DESC NULLS LAST, page.updated_at DESC, page.collection_name, page.id;
END
$$;
COMMENT ON FUNCTION runfold.search_documents_of IS
    'A page of the documents of a tenant that match words, tags, category and metadata, the best first; for services.';
REVOKE ALL ON FUNCTION runfold.search_documents_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_documents_of TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.search_documents(
    typed text DEFAULT NULL, collection text DEFAULT NULL, all_tags text[] DEFAULT NULL,
    of_category text DEFAULT NULL, having_metadata jsonb DEFAULT NULL, max_results integer DEFAULT 10, skipped integer DEFAULT 0
) RETURNS TABLE (
    collection_name varchar, id varchar, title varchar, description text, content text, metadata jsonb, category varchar,
    tags text[], language varchar, created_at timestamptz, updated_at timestamptz, expires_at timestamptz, rank real, highlight text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_documents_of(
        auth.uid(), typed, collection, all_tags, of_category, having_metadata, max_results, skipped)
$$;
COMMENT ON FUNCTION runfold.search_documents IS
    'A page of the caller''s documents that match words, tags, category and metadata, the best first.';
REVOKE ALL ON FUNCTION runfold.search_documents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_documents TO authenticated;

CREATE FUNCTION runfold.search_entities_of(
    tenant uuid, typed text DEFAULT NULL, of_type text DEFAULT NULL, having_attributes jsonb DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.entities
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 100);
    RETURN QUERY
    SELECT e.*
      FROM public.entities e
     WHERE e.user_id = tenant AND (of_type IS NULL OR e.type = of_type)
       AND (typed IS NULL OR e.aliases @> ARRAY[typed] OR e.search_vector @@ runfold.text_query('simple', typed))
       AND (having_attributes IS NULL OR e.attributes @> having_attributes)
     ORDER BY e.name = typed DESC, typed = ANY (e.aliases) DESC,
              ts_rank(e.search_vector, runfold.text_query('simple', typed)) DESC, e.importance_score DESC, e.id
     LIMIT max_results;
END
$$;
COMMENT ON FUNCTION runfold.search_entities_of IS
    'The entities of a tenant by name, alias, words and attributes; who is named so comes first; for services.';
REVOKE ALL ON FUNCTION runfold.search_entities_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_entities_of TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.search_entities(
    typed text DEFAULT NULL, of_type text DEFAULT NULL, having_attributes jsonb DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.entities
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_entities_of(auth.uid(), typed, of_type, having_attributes, max_results)
$$;
COMMENT ON FUNCTION runfold.search_entities IS
    'The caller''s entities by name, alias, words and attributes; who is named so comes first.';
REVOKE ALL ON FUNCTION runfold.search_entities FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_entities TO authenticated;

CREATE FUNCTION runfold.search_episodes_of(
    tenant uuid, typed text, by_actor text DEFAULT NULL, in_session text DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.episodic_memory
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 100);
    RETURN QUERY
    SELECT e.*
      FROM (SELECT * FROM runfold.matching_episodes(tenant, typed, by_actor, in_session, since, until) AS m
             ORDER BY m.rank DESC, m.importance DESC, m.happened DESC, m.id
             LIMIT max_results) AS page
     CROSS JOIN LATERAL (SELECT * FROM public.episodic_memory s WHERE s.id = page.id OFFSET 0) AS e
     ORDER BY page.rank DESC, page.importance DESC, page.happened DESC, page.id;
END
$$;
COMMENT ON FUNCTION runfold.search_episodes_of IS
    'The episodes of a tenant by their words, the best first; for services.';
REVOKE ALL ON FUNCTION runfold.search_episodes_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_episodes_of TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.search_episodes(
    typed text, by_actor text DEFAULT NULL, in_session text DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.episodic_memory
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_episodes_of(auth.uid(), typed, by_actor, in_session, since, until, max_results)
$$;
COMMENT ON FUNCTION runfold.search_episodes IS
    'The caller''s episodes by their words, the best first.';
REVOKE ALL ON FUNCTION runfold.search_episodes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_episodes TO authenticated;

CREATE FUNCTION runfold.search_executions_of(
    tenant uuid, error_text text DEFAULT NULL, having_metadata jsonb DEFAULT NULL, of_status text DEFAULT NULL,
    max_results integer DEFAULT 20
) RETURNS SETOF public.workflow_executions
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    pattern constant text := '%' || replace(replace(replace(error_text, '\', '\\'), '%', '\%'), '_', '\_') || '%';
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 1000);
    RETURN QUERY
    SELECT e.*
      FROM public.workflow_executions e
     WHERE e.user_id = tenant
       AND (pattern IS NULL OR e.error_message ILIKE pattern)
       -- Its index leaves out the executions without metadata.
       AND (having_metadata IS NULL OR having_metadata = '{}' OR e.metadata @> having_metadata AND e.metadata <> '{}')
       AND (of_status IS NULL OR e.status = of_status)
     ORDER BY e.created_at DESC, e.id
     LIMIT max_results;
END
$$;
COMMENT ON FUNCTION runfold.search_executions_of IS
    'The newest executions of a tenant by a part of their error''s text, by what their metadata contains, by status; for services.';
REVOKE ALL ON FUNCTION runfold.search_executions_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_executions_of TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.search_executions(
    error_text text DEFAULT NULL, having_metadata jsonb DEFAULT NULL, of_status text DEFAULT NULL, max_results integer DEFAULT 20
) RETURNS SETOF public.workflow_executions
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_executions_of(auth.uid(), error_text, having_metadata, of_status, max_results)
$$;
COMMENT ON FUNCTION runfold.search_executions IS
    'The caller''s newest executions by a part of their error''s text, by what their metadata contains, by status.';
REVOKE ALL ON FUNCTION runfold.search_executions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_executions TO authenticated;

CREATE FUNCTION runfold.search_facts_of(
    tenant uuid, typed text DEFAULT NULL, having_object jsonb DEFAULT NULL, having_metadata jsonb DEFAULT NULL, of_domain text DEFAULT NULL,
    at timestamptz DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.knowledge_facts
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 100);
    at := coalesce(at, clock_timestamp());
    RETURN QUERY
    SELECT f.*
      FROM public.knowledge_facts f
     WHERE f.user_id = tenant AND (typed IS NULL OR f.search_vector @@ runfold.text_query('simple', typed))
       AND (having_object IS NULL OR f.object @> having_object)
       AND (having_metadata IS NULL OR f.metadata @> having_metadata)
       AND (of_domain IS NULL OR f.domain = of_domain)
       AND f.valid_from <= at AND (f.valid_to IS NULL OR f.valid_to > at) AND (f.expires_at IS NULL OR f.expires_at > now())
     ORDER BY ts_rank(f.search_vector, runfold.text_query('simple', typed)) DESC, f.confidence DESC, f.valid_from DESC, f.id
     LIMIT max_results;
END
$$;
COMMENT ON FUNCTION runfold.search_facts_of IS
    'The facts of a tenant that hold at a time, by their words, by what their object or metadata contains; for services.';
REVOKE ALL ON FUNCTION runfold.search_facts_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_facts_of TO runfold_engine, runfold_operator, service_role;

CREATE FUNCTION runfold.search_facts(
    typed text DEFAULT NULL, having_object jsonb DEFAULT NULL, having_metadata jsonb DEFAULT NULL, of_domain text DEFAULT NULL,
    at timestamptz DEFAULT NULL, max_results integer DEFAULT 10
) RETURNS SETOF public.knowledge_facts
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_facts_of(auth.uid(), typed, having_object, having_metadata, of_domain, at, max_results)
$$;
COMMENT ON FUNCTION runfold.search_facts IS
    'The caller''s facts that hold at a time, by their words, by what their object or metadata contains.';
REVOKE ALL ON FUNCTION runfold.search_facts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_facts TO authenticated;

CREATE FUNCTION runfold.search_workflows_of(
    tenant uuid, having_tags text[] DEFAULT NULL, name_begins text DEFAULT NULL, max_results integer DEFAULT 20
) RETURNS SETOF public.workflows
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    pattern constant text := replace(replace(replace(lower(name_begins), '\', '\\'), '%', '\%'), '_', '\_') || '%';
BEGIN
    PERFORM runfold.require_between('/limit', max_results, 1, 1000);
    RETURN QUERY
    SELECT w.*
      FROM public.workflows w
     WHERE w.user_id = tenant
       AND (having_tags IS NULL OR w.tags @> having_tags)
       AND (pattern IS NULL OR lower(w.name) LIKE pattern)
     ORDER BY lower(w.name), w.id
     LIMIT max_results;
END
$$;
COMMENT ON FUNCTION runfold.search_workflows_of IS
    'The workflows of a tenant that have all of these tags, and whose name begins so, by name; for services.';
REVOKE ALL ON FUNCTION runfold.search_workflows_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_workflows_of TO runfold_operator, service_role;

CREATE FUNCTION runfold.search_workflows(
    having_tags text[] DEFAULT NULL, name_begins text DEFAULT NULL, max_results integer DEFAULT 20
) RETURNS SETOF public.workflows
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_workflows_of(auth.uid(), having_tags, name_begins, max_results)
$$;
COMMENT ON FUNCTION runfold.search_workflows IS
    'The caller''s workflows that have all of these tags, and whose name begins so, by name; large and small letters are the same.';
REVOKE ALL ON FUNCTION runfold.search_workflows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.search_workflows TO authenticated;

CREATE FUNCTION runfold.seed_models(seeds jsonb) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    WITH given AS (
        SELECT g.name, g.version, g.provider, g.model_id, g.max_context_tokens,
               coalesce(g.supports_vision, false) AS supports_vision,
               coalesce(g.supports_function_calling, false) AS supports_function_calling,
               coalesce(g.supports_streaming, true) AS supports_streaming,
               coalesce(g.is_default, false)
               AND NOT EXISTS (SELECT FROM public.ai_models d WHERE d.provider = g.provider AND d.is_default) AS is_default
          FROM jsonb_to_recordset(seeds) AS g (
               name text, version text, provider text, model_id text, max_context_tokens integer, supports_vision boolean,
               supports_function_calling boolean, supports_streaming boolean, is_default boolean)
    ), written AS (
        INSERT INTO public.ai_models AS m
            (name, version, provider, model_id, max_context_tokens, supports_vision, supports_function_calling,
             supports_streaming, is_default, seed)
        SELECT g.name, g.version, g.provider, g.model_id, g.max_context_tokens, g.supports_vision, g.supports_function_calling,
               g.supports_streaming, g.is_default, to_jsonb(g) - 'is_default'
          FROM given g
            ON CONFLICT (name, version) DO UPDATE SET
               provider = CASE WHEN m.provider = m.seed ->> 'provider' THEN excluded.provider ELSE m.provider END,
               model_id = CASE WHEN m.model_id = m.seed ->> 'model_id' THEN excluded.model_id ELSE m.model_id END,
               max_context_tokens = CASE WHEN m.max_context_tokens::text IS NOT DISTINCT FROM m.seed ->> 'max_context_tokens'
                                         THEN excluded.max_context_tokens ELSE m.max_context_tokens END,
               supports_vision = CASE WHEN m.supports_vision = (m.seed ->> 'supports_vision')::boolean
                                      THEN excluded.supports_vision ELSE m.supports_vision END,
               supports_function_calling =
                   CASE WHEN m.supports_function_calling = (m.seed ->> 'supports_function_calling')::boolean
                        THEN excluded.supports_function_calling ELSE m.supports_function_calling END,
               supports_streaming = CASE WHEN m.supports_streaming = (m.seed ->> 'supports_streaming')::boolean
                                         THEN excluded.supports_streaming ELSE m.supports_streaming END,
               seed = excluded.seed
         WHERE m.seed IS NOT NULL AND m.seed <> excluded.seed
        RETURNING 1)
    SELECT count(*) FROM written
$$;
COMMENT ON FUNCTION runfold.seed_models IS
    'Enters models by name and version; returns how many rows were made or changed.';
REVOKE ALL ON FUNCTION runfold.seed_models FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.seed_models TO runfold_operator;

CREATE FUNCTION runfold.set_archive_policy(category text, keep interval) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF category IN ('deployment', 'definition', 'tenant') OR category IS NULL OR category !~ '^[a-z][a-z0-9_]*$' THEN
        PERFORM runfold.refuse('never_archived', jsonb_build_object('category', category));
    END IF;
    IF keep < interval '1 day' THEN
        PERFORM runfold.refuse('retention_too_short', jsonb_build_object('table', category, 'keep', keep));
    END IF;
    INSERT INTO runfold.retention (kind, category, column_name, keep) VALUES ('archive', category, 'recorded_at', keep)
        ON CONFLICT ON CONSTRAINT retention_pkey DO UPDATE SET keep = excluded.keep;
END
$$;
COMMENT ON FUNCTION runfold.set_archive_policy IS
    'Enters how long the streams of a category stay in the log after their last event; null: for ever.';
REVOKE ALL ON FUNCTION runfold.set_archive_policy FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.set_archive_policy TO runfold_operator;

CREATE FUNCTION runfold.slow_statements() RETURNS TABLE (
    source text, pid integer, calls bigint, mean_ms double precision, total_ms double precision, statement text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    extension constant text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                                 WHERE e.extname = 'pg_stat_statements');
BEGIN
    RETURN QUERY
    SELECT 'running', a.pid, 1::bigint, t.ms, t.ms, left(a.query, 1000)
      FROM pg_stat_activity a
     CROSS JOIN LATERAL (SELECT extract(epoch FROM clock_timestamp() - a.query_start)::double precision * 1000 AS ms) AS t
     WHERE a.datname = current_database() AND a.state = 'active' AND a.pid <> pg_backend_pid() AND t.ms > 1000;
    IF extension IS NOT NULL AND current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%' THEN
        RETURN QUERY EXECUTE format(
            'SELECT ''statements'', NULL::integer, s.calls, s.mean_exec_time, s.total_exec_time, left(s.query, 1000)'
            ' FROM %I.pg_stat_statements s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())'
            ' AND s.mean_exec_time > 1000', extension);
    END IF;
END
$$;
COMMENT ON FUNCTION runfold.slow_statements IS
    'Statements that take more than a second: those that run now, and by pg_stat_statements, where it is installed, on average.';
REVOKE ALL ON FUNCTION runfold.slow_statements FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.slow_statements TO runfold_operator;

CREATE FUNCTION runfold.step_backfill(name text, most integer DEFAULT 1000, OUT changed bigint, OUT done boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC'
SET lock_timeout = '1s' AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.backfills;
    next text;
BEGIN
    SELECT * INTO entry FROM runfold.backfills b WHERE b.name = name FOR NO KEY UPDATE;
    IF entry.name IS NULL THEN
        PERFORM runfold.refuse('unknown_backfill', jsonb_build_object('backfill', name));
    END IF;
    IF most < 1 OR most > 100000 OR most IS NULL THEN
        PERFORM runfold.refuse('backfill_step_size', jsonb_build_object('found', most, 'limit', 100000));
    END IF;
    changed := 0;
    done := true;
    IF entry.finished_at IS NOT NULL OR entry.index_name IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT reached, changed FROM runfold.%I($1, $2)', 'backfill_' || name)
       INTO next, changed USING entry.reached, most;
    done := next IS NULL;
    UPDATE runfold.backfills b
       SET reached = next, changed = b.changed + coalesce(changed, 0), steps = b.steps + 1, stepped_at = clock_timestamp(),
           started_at = coalesce(b.started_at, clock_timestamp()),
           finished_at = CASE WHEN done THEN clock_timestamp() END
     WHERE b.name = name;
END
$$;
COMMENT ON FUNCTION runfold.step_backfill IS
    'Runs the next step of a backfill of rows; returns how many rows it changed, and whether that was the last one.';
REVOKE ALL ON FUNCTION runfold.step_backfill FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.step_backfill TO runfold_operator;

CREATE FUNCTION runfold.streams_of_tenant(tenant uuid, category text) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.stream_id FROM runfold.streams s WHERE s.user_id = tenant AND starts_with(s.stream_id, category || '-')
$$;
COMMENT ON FUNCTION runfold.streams_of_tenant IS
    'The streams of a tenant in a category.';
REVOKE ALL ON FUNCTION runfold.streams_of_tenant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.streams_of_tenant TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.subscription_lock(subscription text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT hashtextextended($1, 'runfold.subscriptions'::regclass::oid::bigint)
$$;
COMMENT ON FUNCTION runfold.subscription_lock IS
    'The key of the session lock that the consumer of a subscription holds.';
REVOKE ALL ON FUNCTION runfold.subscription_lock FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.subscription_lock TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE AGGREGATE runfold.sum_durations(bigint[]) (SFUNC = runfold.add_durations, STYPE = bigint[], PARALLEL = SAFE);
COMMENT ON ROUTINE runfold.sum_durations IS
    'The sum of lists of durations, part by part; NULL without any.';
REVOKE ALL ON ROUTINE runfold.sum_durations FROM PUBLIC;
GRANT EXECUTE ON ROUTINE runfold.sum_durations TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, authenticated, service_role;

CREATE FUNCTION runfold.swap_segments(OUT streams bigint, OUT events bigint, OUT stayed bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
#variable_conflict use_column
DECLARE
    swap record;
    staying text[];
    partition text;
    name text;
    kept_events bigint;
    kept_streams bigint;
    bound bigint;
BEGIN
    PERFORM FROM runfold.streams s JOIN runfold.leaving_streams l ON l.stream_id = s.stream_id
      ORDER BY s.stream_id COLLATE "C" FOR NO KEY UPDATE OF s;
    bound := runfold.archivable_head();
    IF EXISTS (SELECT FROM runfold.rebuilds) THEN
        bound := 0;  -- a rebuild that is under way reads all of the log
    END IF;
    WITH gone AS (
        DELETE FROM runfold.leaving_streams l
         WHERE l.last_position > bound
            OR NOT EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = l.stream_id AND s.version = l.version
                              AND s.last_position = l.last_position AND s.archived_at IS NULL)
            OR EXISTS (SELECT FROM runfold.parked_streams k WHERE k.stream_id = l.stream_id)
            OR EXISTS (SELECT FROM runfold.claims c WHERE c.stream_id = l.stream_id)
            OR EXISTS (SELECT FROM runfold.holds h WHERE runfold.stream_id('execution', h.execution_id) = l.stream_id)
        RETURNING l.stream_id)
    SELECT coalesce(array_agg(g.stream_id), '{}') INTO staying FROM gone g;
    stayed := cardinality(staying);
    UPDATE runfold.streams s SET archived_at = clock_timestamp(), archived_version = l.version, archived_digest = l.digest
      FROM runfold.leaving_streams l WHERE l.stream_id = s.stream_id;
    GET DIAGNOSTICS streams = ROW_COUNT;
    events := 0;
    FOR swap IN SELECT w.* FROM runfold.swaps w WHERE w.state = 'built' ORDER BY w.from_position LOOP
        name := lpad(swap.from_position::text, 12, '0');
        SELECT g.partition INTO STRICT partition FROM runfold.segments() g WHERE g.from_position = swap.from_position;
        kept_events := 0;
        kept_streams := 0;
        IF stayed > 0 THEN
            EXECUTE format('INSERT INTO runfold_partitions.%I SELECT e.* FROM %s e WHERE e.stream_id = ANY ($1)',
                           'remains_' || name, partition) USING staying;
            EXECUTE format('SELECT count(*), count(DISTINCT e.stream_id) FROM %s e WHERE e.stream_id = ANY ($1)', partition)
               INTO kept_events, kept_streams USING staying;
        END IF;
        UPDATE runfold.swaps w SET left_events = w.left_events - kept_events, left_streams = w.left_streams - kept_streams,
                                   state = 'swapped'
         WHERE w.from_position = swap.from_position;
        UPDATE runfold.archives a
           SET left_events = a.left_events + swap.left_events - kept_events,
               left_streams = a.left_streams + swap.left_streams - kept_streams,
               state = CASE WHEN a.left_events + swap.left_events > kept_events THEN 'archived' ELSE a.state END,
               swapped_at = clock_timestamp()
         WHERE a.from_position = swap.from_position;
        events := events + swap.left_events - kept_events;
    END LOOP;
    -- Appends wait from the first of these on until the commit.
    FOR swap IN SELECT w.* FROM runfold.swaps w
                 WHERE w.state = 'swapped' AND to_regclass('runfold_partitions.remains_' || lpad(w.from_position::text, 12, '0')) IS NOT NULL
                 ORDER BY w.from_position LOOP
        name := lpad(swap.from_position::text, 12, '0');
        SELECT g.partition INTO STRICT partition FROM runfold.segments() g WHERE g.from_position = swap.from_position;
        EXECUTE format('ALTER TABLE runfold.events DETACH PARTITION %s', partition);
        EXECUTE format('ALTER TABLE %s RENAME TO %I', partition, 'left_' || name);
        EXECUTE format('ALTER TABLE runfold_partitions.%I RENAME TO %I', 'remains_' || name, 'events_' || name);
        EXECUTE format('ALTER TABLE runfold.events ATTACH PARTITION runfold_partitions.%I FOR VALUES FROM (%s) TO (%s)',
                       'events_' || name, swap.from_position, swap.to_position + 1);
        EXECUTE format('ALTER TABLE runfold_partitions.%I DROP CONSTRAINT position_is_in_range', 'events_' || name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION runfold.swap_segments IS
    'Puts the remainders that are built in the place of their segments: from its commit on, the chosen streams are archived.';
REVOKE ALL ON FUNCTION runfold.swap_segments FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.swap_segments TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.sync_workflows(most integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    due uuid[];
    one uuid;
BEGIN
    IF NOT pg_try_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 5) THEN
        RETURN 0;
    END IF;
    -- Of a workflow that failed one note suffices.
    DELETE FROM runfold.stale_workflows s
     WHERE EXISTS (SELECT FROM runfold.stale_workflows f WHERE f.workflow_id = s.workflow_id AND f.tries > 0 AND f.id < s.id);
    due := ARRAY(SELECT DISTINCT s.workflow_id
                   FROM (SELECT workflow_id FROM runfold.stale_workflows WHERE try_at <= clock_timestamp() ORDER BY tries, id LIMIT most) AS s);
    BEGIN
        PERFORM runfold.copy_to_workflows(due);
    EXCEPTION WHEN OTHERS THEN
        FOREACH one IN ARRAY due LOOP
            BEGIN
                PERFORM runfold.copy_to_workflows(ARRAY[one]);
            EXCEPTION WHEN OTHERS THEN
                PERFORM runfold.note_copy_failed(one, SQLSTATE, SQLERRM);
            END;
        END LOOP;
    END;
    RETURN (SELECT count(*) FROM runfold.stale_workflows WHERE try_at <= clock_timestamp());
END
$$;
COMMENT ON FUNCTION runfold.sync_workflows IS
    'Makes stale copies of workflow_status in workflows again, `most` of them; returns how many notes are due still.';
REVOKE ALL ON FUNCTION runfold.sync_workflows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.sync_workflows TO runfold_projector, runfold_operator;

CREATE FUNCTION runfold.text_vector(language text, name text, details text, body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN setweight(to_tsvector(runfold.text_configuration(language), left(coalesce(name, ''), 1000)), 'A')
           || setweight(to_tsvector(runfold.text_configuration(language), left(coalesce(details, ''), 20000)), 'B')
           || setweight(to_tsvector(runfold.text_configuration(language), left(coalesce(body, ''), 200000)), 'D');
COMMENT ON FUNCTION runfold.text_vector IS
    'Three texts of a row as words for a search, the first with the greatest weight, the last with the least.';
REVOKE ALL ON FUNCTION runfold.text_vector FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.text_vector TO runfold_engine, runfold_operator, authenticated, service_role;

CREATE FUNCTION runfold.unpark_erased(tenant uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parked record;
    unparked integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM runfold.erased_tenants t WHERE t.user_id = tenant AND t.position IS NOT NULL) THEN
        RETURN 0;
    END IF;
    FOR parked IN SELECT p.group_name, p.stream_id
                    FROM runfold.parked_streams p
                    JOIN runfold.streams s ON s.stream_id = p.stream_id
                   WHERE s.user_id = tenant AND p.stream_id <> runfold.stream_id('tenant', tenant::text)
                   ORDER BY p.group_name, p.stream_id LOOP
        PERFORM FROM runfold.checkpoints c WHERE c.group_name = parked.group_name FOR NO KEY UPDATE;
        -- The error may quote what the tenant wrote, and is not recorded.
        INSERT INTO runfold.discarded_events (group_name, position, stream_id, stream_version, event_id, type, sqlstate, error,
                                              reason, discarded_by)
        SELECT p.group_name, e.position, e.stream_id, e.stream_version, e.event_id, e.type, p.sqlstate, 'the tenant was erased',
               'the tenant was erased', session_user
          FROM runfold.parked_streams p
          JOIN runfold.streams s ON s.stream_id = p.stream_id
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN p.position AND s.last_position
         WHERE p.group_name = parked.group_name AND p.stream_id = parked.stream_id
           AND e.stream_version BETWEEN 0 AND 9223372036854775807
            ON CONFLICT DO NOTHING;
        DELETE FROM runfold.parked_streams p WHERE p.group_name = parked.group_name AND p.stream_id = parked.stream_id;
        unparked := unparked + 1;
    END LOOP;
    RETURN unparked;
END
$$;
COMMENT ON FUNCTION runfold.unpark_erased IS
    'Unparks the streams of an erased tenant without folding them; returns how many.';
REVOKE ALL ON FUNCTION runfold.unpark_erased FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.unpark_erased TO runfold_operator;

CREATE FUNCTION runfold.unpark_stream(group_name text, stream_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM runfold.require_batch(group_name);
    DELETE FROM runfold.parked_streams p WHERE p.group_name = group_name AND p.stream_id = stream_id;
END
$$;
COMMENT ON FUNCTION runfold.unpark_stream IS
    'Forgets that a stream is parked in the group of this batch.';
REVOKE ALL ON FUNCTION runfold.unpark_stream FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.unpark_stream TO runfold_projections, runfold_projector, runfold_operator;

CREATE FUNCTION runfold.value_of(data jsonb, field text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT nullif($1 -> $2, 'null'::jsonb)
$$;
COMMENT ON FUNCTION runfold.value_of IS
    'A field of the object; NULL when it is absent or null.';
REVOKE ALL ON FUNCTION runfold.value_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.value_of TO runfold_engine, runfold_projector, runfold_operator, runfold_projections, runfold_reader, service_role;

CREATE FUNCTION runfold.execution_has_ended(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(status IN ('SUCCESS', 'ERROR', 'CANCELED', 'TIMEOUT'), false)
$$;
COMMENT ON FUNCTION runfold.execution_has_ended IS
    'Whether an execution of this status has ended; without a status it has not.';
REVOKE ALL ON FUNCTION runfold.execution_has_ended FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.execution_has_ended TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.execution_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'NEW' THEN target IN ('RUNNING', 'ERROR', 'CANCELED', 'TIMEOUT')
           WHEN 'RUNNING' THEN target IN ('PAUSED', 'WAITING_FOR_HUMAN', 'SUCCESS', 'ERROR', 'CANCELED', 'TIMEOUT')
           WHEN 'PAUSED' THEN target IN ('RUNNING', 'WAITING_FOR_HUMAN', 'ERROR', 'CANCELED', 'TIMEOUT')
           WHEN 'WAITING_FOR_HUMAN' THEN target IN ('RUNNING', 'PAUSED', 'ERROR', 'CANCELED', 'TIMEOUT')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.execution_move_is_legal IS
    'Whether the vocabulary lets an execution move so.';
REVOKE ALL ON FUNCTION runfold.execution_move_is_legal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.execution_move_is_legal TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.pause_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'PauseOpened' THEN 'active'
           WHEN 'PauseResumed' THEN 'resumed'
           WHEN 'PauseTimedOut' THEN 'timeout'
           WHEN 'PauseCanceled' THEN 'cancelled' END
$$;
COMMENT ON FUNCTION runfold.pause_target IS
    'The status that an event of this type moves a pause to; NULL for one that moves none.';
REVOKE ALL ON FUNCTION runfold.pause_target FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.pause_target TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.walk_pauses(
    open_before jsonb, closed_before jsonb, ended boolean, types text[], datas jsonb[], first integer,
    OUT effects text[], OUT for_people integer[], OUT statuses text[], OUT open_pauses jsonb, OUT closed_pauses jsonb
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH happened AS (
        SELECT e.type, e.data, e.n,
               CASE WHEN $3 THEN 0 ELSE coalesce(min(e.n) FILTER (WHERE runfold.ends_execution(e.type)) OVER (), 2147483647) END AS end_n
          FROM ROWS FROM (unnest($4), unnest($5)) WITH ORDINALITY AS e (type, data, n)
         WHERE e.n >= $6 AND (e.type LIKE 'Pause%' OR runfold.ends_execution(e.type))
    ), before AS (
        SELECT p.key AS name, p.value AS reason, 'active' AS status FROM jsonb_each_text($1) AS p
        UNION ALL
        SELECT p.key, NULL, p.value FROM jsonb_each_text($2) AS p
    ), moves AS (
        SELECT h.n, h.end_n, h.type, h.data ->> 'pause' AS name, h.data ->> 'pause_reason' AS reason, b.status AS standing,
               b.reason AS standing_for,
               CASE WHEN b.status IS NOT NULL THEN 0
                    ELSE min(h.n) FILTER (WHERE h.type = 'PauseOpened' AND h.n < h.end_n) OVER (PARTITION BY h.data ->> 'pause')
                     END AS made_n
          FROM happened h
          LEFT JOIN before b ON b.name = h.data ->> 'pause'
         WHERE h.type LIKE 'Pause%'
    ), lives AS (
        SELECT m.*,
               CASE WHEN m.standing IS NULL OR m.standing = 'active' THEN
                    min(m.n) FILTER (WHERE m.type <> 'PauseOpened' AND m.n < m.end_n AND m.n > m.made_n) OVER (PARTITION BY m.name)
                END AS closed_n
          FROM moves m
    ), judged AS (
        SELECT l.*,
               coalesce(l.standing_for, max(l.reason) FILTER (WHERE l.n = l.made_n) OVER (PARTITION BY l.name)) AS waits_for,
               max(runfold.pause_target(l.type)) FILTER (WHERE l.n = l.closed_n) OVER (PARTITION BY l.name) AS closed_as
          FROM lives l
    ), after AS (
        SELECT DISTINCT ON (j.name) j.name, j.waits_for,
               CASE WHEN j.standing <> 'active' THEN j.standing
                    WHEN j.closed_n IS NOT NULL THEN j.closed_as
                    WHEN j.end_n < 2147483647 THEN 'cancelled' END AS ended_as
          FROM judged j
         WHERE j.made_n IS NOT NULL
        UNION ALL
        SELECT b.name, b.reason,
               CASE WHEN b.status <> 'active' THEN b.status
                    WHEN (SELECT min(h.end_n) FROM happened h) < 2147483647 THEN 'cancelled' END
          FROM before b
         WHERE NOT EXISTS (SELECT FROM moves m WHERE m.name = b.name)
    )
    SELECT e.effects, e.for_people, e.statuses, a.open_pauses, a.closed_pauses
      FROM (SELECT array_agg(CASE WHEN j.type = 'PauseOpened'
                                  THEN CASE WHEN j.n > j.end_n THEN 'execution_ended' WHEN j.n = j.made_n THEN 'opens' ELSE 'already_exists' END
                                  WHEN j.n = j.closed_n THEN 'closes'
                                  WHEN coalesce(j.n > j.made_n, false) THEN 'after_end'
                                  ELSE 'missing_row' END ORDER BY j.n) AS effects,
                   array_agg((coalesce(j.waits_for, '') = 'human_interaction')::integer ORDER BY j.n) AS for_people,
                   array_agg(CASE WHEN j.standing <> 'active' THEN j.standing
                                  WHEN j.closed_n < j.n THEN j.closed_as
                                  ELSE 'cancelled' END ORDER BY j.n) AS statuses
              FROM judged j) AS e,
           (SELECT coalesce(jsonb_object_agg(a.name, a.waits_for) FILTER (WHERE a.ended_as IS NULL), '{}') AS open_pauses,
                   coalesce(jsonb_object_agg(a.name, a.ended_as) FILTER (WHERE a.ended_as IS NOT NULL), '{}') AS closed_pauses
              FROM after a) AS a
$$;
COMMENT ON FUNCTION runfold.walk_pauses IS
    'What the pause events of an execution do, from one of its events on, and which pauses are open and closed after them.';
REVOKE ALL ON FUNCTION runfold.walk_pauses FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.walk_pauses TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.walk_execution(state_before runfold.execution_state, positions bigint[], types text[], datas jsonb[],
                                       times timestamptz[], recorded timestamptz[]) RETURNS runfold.execution_state
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s runfold.execution_state := state_before;
    i integer;
    type text;
    data jsonb;
    target text;
    ended boolean := s.end_position IS NOT NULL;
    open integer := 0;           -- pauses, and those of them that wait for a person
    open_for_people integer := 0;
    effects text[];              -- of the pause events, from the first one on: what each does
    for_people integer[];
    statuses text[];
    number integer := 0;         -- of the pause event
    noted jsonb[];
    set_metadata jsonb[];
    effect text;
BEGIN
    IF s.open_pauses <> '{}' THEN
        SELECT count(*), count(*) FILTER (WHERE p.value = 'human_interaction') INTO open, open_for_people
          FROM jsonb_each_text(s.open_pauses) AS p;
    END IF;
    FOR i IN 1 .. cardinality(positions) LOOP
        type := types[i];
        data := datas[i];
        IF type = 'ExecutionCreated' THEN
            IF s.status IS NOT NULL THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'already_exists', 'detail', '{}'::jsonb);
                CONTINUE;
            END IF;
            s.status := 'NEW';
            s.metadata := coalesce(runfold.value_of(data, 'metadata'), '{}');
            s.open_pauses := '{}';
            s.closed_pauses := '{}';
            s.paused := false;
            s.first_event_position := positions[i];
            s.created_at := times[i];
            s.order_time := least(times[i], recorded[i]);
        ELSIF s.status IS NULL THEN
            noted := noted || jsonb_build_object(
                'position', positions[i], 'code', 'missing_row', 'detail', '{}'::jsonb,
                'projection', CASE WHEN type LIKE 'Pause%' THEN 'workflow_execution_pauses' ELSE 'workflow_executions' END);
            CONTINUE;
        ELSIF type = 'ExecutionMetadataSet' THEN
            set_metadata := set_metadata || (data -> 'metadata');
        ELSIF type LIKE 'Pause%' THEN
            IF number = 0 THEN
                SELECT w.effects, w.for_people, w.statuses, w.open_pauses, w.closed_pauses
                  INTO effects, for_people, statuses, s.open_pauses, s.closed_pauses
                  FROM runfold.walk_pauses(s.open_pauses, s.closed_pauses, ended, types, datas, i) AS w;
            END IF;
            number := number + 1;
            effect := effects[number];
            IF effect = 'opens' THEN
                open := open + 1;
                open_for_people := open_for_people + for_people[number];
            ELSIF effect = 'closes' THEN
                open := open - 1;
                open_for_people := open_for_people - for_people[number];
            ELSE
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_execution_pauses', 'code', effect,
                    'detail', CASE WHEN effect = 'after_end' THEN jsonb_build_object('status', statuses[number]) ELSE '{}' END);
                CONTINUE;
            END IF;
            target := CASE WHEN open_for_people > 0 THEN 'WAITING_FOR_HUMAN' WHEN s.paused OR open > 0 THEN 'PAUSED' ELSE 'RUNNING' END;
            IF target <> s.status AND NOT runfold.execution_move_is_legal(s.status, target) THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'illegal_transition',
                    'detail', jsonb_build_object('from', s.status, 'to', target));
            END IF;
            s.status := target;
        ELSE
            IF ended THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'after_end',
                    'detail', jsonb_build_object('status', s.status));
                CONTINUE;
            END IF;
            target := runfold.execution_target(type);
            IF NOT runfold.execution_move_is_legal(s.status, target) THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'illegal_transition',
                    'detail', jsonb_build_object('from', s.status, 'to', target));
            ELSIF (data ->> 'end_time')::bigint < s.start_time THEN
                noted := noted || jsonb_build_object(
                    'position', positions[i], 'projection', 'workflow_executions', 'code', 'clock_went_back',
                    'detail', jsonb_build_object('start_time', s.start_time, 'end_time', data -> 'end_time'));
            END IF;
            IF NOT runfold.execution_has_ended(target) THEN
                IF type = 'ExecutionStarted' THEN
                    IF s.start_time IS NULL THEN
                        s.start_time := (data ->> 'start_time')::bigint;
                        s.order_time := least(runfold.from_epoch_ms(s.start_time), recorded[i]);
                    END IF;
                ELSE
                    s.paused := target = 'PAUSED';
                END IF;
                s.status := CASE WHEN open = 0 AND NOT s.paused THEN 'RUNNING' WHEN open_for_people > 0 THEN 'WAITING_FOR_HUMAN' ELSE 'PAUSED' END;
            ELSE
                ended := true;
                s.status := target;
                s.end_position := positions[i];
                -- An end before its start, by another clock, counts as its start.
                s.end_time := greatest((data ->> 'end_time')::bigint, s.start_time);
                s.run_data := runfold.value_of(data, 'run_data');
                s.error_message := data ->> 'error_message';
                s.error_details := CASE type
                    WHEN 'ExecutionDeclaredLost' THEN jsonb_build_object('code', 'LOST', 'detector', data -> 'detector',
                                                                         'last_seen', data -> 'last_seen')
                    ELSE runfold.value_of(data, 'error_details') END;
                IF s.open_pauses <> '{}' THEN
                    s.closed_pauses := s.closed_pauses
                        || (SELECT jsonb_object_agg(name, 'cancelled') FROM jsonb_object_keys(s.open_pauses) AS o (name));
                    s.open_pauses := '{}';
                END IF;
                open := 0;
                open_for_people := 0;
                s.paused := false;
            END IF;
        END IF;
        s.last_event_position := positions[i];
        s.updated_at := times[i];
    END LOOP;
    IF noted IS NOT NULL THEN
        s.anomalies := coalesce(s.anomalies, '[]') || to_jsonb(noted);
    END IF;
    IF cardinality(set_metadata) = 1 THEN
        s.metadata := s.metadata || set_metadata[1];
    ELSIF set_metadata IS NOT NULL THEN
        -- Of each key the last.
        s.metadata := (SELECT coalesce(jsonb_object_agg(e.key, e.value ORDER BY m.n), '{}')
                         FROM unnest(s.metadata || set_metadata) WITH ORDINALITY AS m (object, n)
                        CROSS JOIN LATERAL jsonb_each(m.object) AS e);
    END IF;
    RETURN s;
END
$$;
COMMENT ON FUNCTION runfold.walk_execution IS
    'The state of an execution after some more of its events.';
REVOKE ALL ON FUNCTION runfold.walk_execution FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.walk_execution TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.webhooks_after(stream_id text, events jsonb) RETURNS TABLE (path text, active boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH happened AS (
        SELECT e.stream_version AS n, e.type, runfold.upcast(e.type, e.schema_version, e.data) AS data
          FROM runfold.streams s
          JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
         WHERE s.stream_id = $1
        UNION ALL
        SELECT 9000000000000000000 + x.n, x.e ->> 'type',
               runfold.upcast(x.e ->> 'type', coalesce((x.e ->> 'schema_version')::integer, 1), x.e -> 'data')
          FROM jsonb_array_elements($2) WITH ORDINALITY AS x (e, n)
    ), marked AS (
        SELECT h.n, h.type, h.data, h.data ->> 'trigger' COLLATE "C" AS name,
               max(h.n) FILTER (WHERE h.type = 'WorkflowDeleted') OVER () AS deleted,
               max(h.n) FILTER (WHERE h.type = 'TriggerRemoved') OVER (PARTITION BY h.data ->> 'trigger' COLLATE "C") AS removed
          FROM happened h
         WHERE h.type LIKE 'Trigger%' OR h.type = 'WorkflowDeleted'
    ), standing AS (
        SELECT (array_agg(m.data ORDER BY m.n DESC) FILTER (WHERE m.type = 'TriggerRegistered'))[1] AS registered,
               (array_agg(m.type ORDER BY m.n DESC))[1] AS last
          FROM marked m
         WHERE m.name IS NOT NULL AND m.n > coalesce(greatest(m.deleted, m.removed), 0)
         GROUP BY m.name
    )
    SELECT p.path, EXISTS (SELECT FROM standing s
                            WHERE s.last = 'TriggerActivated' AND s.registered ->> 'trigger_subtype' = 'WEBHOOK'
                              AND s.registered ->> 'index_key' = p.path)
      FROM (SELECT DISTINCT m.data ->> 'index_key' COLLATE "C" AS path
              FROM marked m
             WHERE m.type = 'TriggerRegistered' AND m.data ->> 'trigger_subtype' = 'WEBHOOK') AS p
$$;
COMMENT ON FUNCTION runfold.webhooks_after IS
    'The webhook paths that a deployment stream ever had, and which of them are active after these events.';
REVOKE ALL ON FUNCTION runfold.webhooks_after FROM PUBLIC;

CREATE FUNCTION runfold.deployment_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'IDLE' THEN target IN ('DEPLOYING')
           WHEN 'UNDEPLOYED' THEN target IN ('DEPLOYING')
           WHEN 'DEPLOYMENT_FAILED' THEN target IN ('DEPLOYING', 'UNDEPLOYING')
           WHEN 'DEPLOYING' THEN target IN ('DEPLOYMENT_FAILED', 'DEPLOYED')
           WHEN 'DEPLOYED' THEN target IN ('DEPLOYING', 'UNDEPLOYING')
           WHEN 'UNDEPLOYING' THEN target IN ('UNDEPLOYED', 'DEPLOYMENT_FAILED')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.deployment_move_is_legal IS
    'Whether the vocabulary lets a workflow''s deployment move so.';
REVOKE ALL ON FUNCTION runfold.deployment_move_is_legal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.deployment_move_is_legal TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.interaction_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'pending' THEN target IN ('error', 'responded', 'timeout', 'cancelled')
           WHEN 'error' THEN target IN ('pending')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.interaction_move_is_legal IS
    'Whether the vocabulary lets an interaction move so.';
REVOKE ALL ON FUNCTION runfold.interaction_move_is_legal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.interaction_move_is_legal TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.node_has_ended(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(status IN ('SUCCESS', 'ERROR', 'SKIPPED', 'CANCELED'), false)
$$;
COMMENT ON FUNCTION runfold.node_has_ended IS
    'Whether a node of this status has ended; without a status it has not.';
REVOKE ALL ON FUNCTION runfold.node_has_ended FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.node_has_ended TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.node_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE coalesce(status, 'none')
           WHEN 'none' THEN target IN ('PENDING', 'RUNNING', 'SUCCESS', 'SKIPPED')
           WHEN 'PENDING' THEN target IN ('RUNNING', 'SUCCESS', 'ERROR', 'SKIPPED', 'CANCELED')
           WHEN 'RUNNING' THEN target IN ('RUNNING', 'RETRYING', 'WAITING_INPUT', 'SUCCESS', 'ERROR', 'SKIPPED', 'CANCELED')
           WHEN 'RETRYING' THEN target IN ('RUNNING', 'SUCCESS', 'ERROR', 'CANCELED')
           WHEN 'WAITING_INPUT' THEN target IN ('RUNNING', 'RETRYING', 'SUCCESS', 'ERROR', 'CANCELED')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.node_move_is_legal IS
    'Whether the vocabulary lets a node move so.';
REVOKE ALL ON FUNCTION runfold.node_move_is_legal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.node_move_is_legal TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.node_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'NodeStarted' THEN 'RUNNING'
           WHEN 'NodeSucceeded' THEN 'SUCCESS'
           WHEN 'NodeScheduled' THEN 'PENDING'
           WHEN 'NodeAttemptFailed' THEN 'RETRYING'
           WHEN 'NodeWaiting' THEN 'WAITING_INPUT'
           WHEN 'NodeContinued' THEN 'RUNNING'
           WHEN 'NodeFailed' THEN 'ERROR'
           WHEN 'NodeSkipped' THEN 'SKIPPED'
           WHEN 'NodeCanceled' THEN 'CANCELED' END
$$;
COMMENT ON FUNCTION runfold.node_target IS
    'The status that an event of this type moves a node to; NULL for one that moves none.';
REVOKE ALL ON FUNCTION runfold.node_target FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.node_target TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.response_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE status
           WHEN 'unprocessed' THEN target IN ('error', 'filtered_out', 'matched')
           WHEN 'error' THEN target IN ('unprocessed')
           WHEN 'filtered_out' THEN target IN ('unprocessed')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.response_move_is_legal IS
    'Whether the vocabulary lets a response move so.';
REVOKE ALL ON FUNCTION runfold.response_move_is_legal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.response_move_is_legal TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.trigger_move_is_legal(status text, target text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE coalesce(status, 'none')
           WHEN 'none' THEN target IN ('pending')
           WHEN 'pending' THEN target IN ('active', 'failed')
           WHEN 'active' THEN target IN ('inactive')
           WHEN 'inactive' THEN target IN ('active')
           WHEN 'failed' THEN target IN ('pending')
           ELSE false END
$$;
COMMENT ON FUNCTION runfold.trigger_move_is_legal IS
    'Whether the vocabulary lets a trigger move so.';
REVOKE ALL ON FUNCTION runfold.trigger_move_is_legal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.trigger_move_is_legal TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE FUNCTION runfold.trigger_target(type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE type
           WHEN 'TriggerRegistered' THEN 'pending'
           WHEN 'TriggerActivated' THEN 'active'
           WHEN 'TriggerDeactivated' THEN 'inactive'
           WHEN 'TriggerFailed' THEN 'failed' END
$$;
COMMENT ON FUNCTION runfold.trigger_target IS
    'The status that an event of this type moves a trigger to; NULL for one that moves none.';
REVOKE ALL ON FUNCTION runfold.trigger_target FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.trigger_target TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role;

CREATE TRIGGER change_is_notified AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.ai_models
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_registry_changed();

-- Without prices: only a provider's own page and the day on which it was read make one.
SELECT runfold.seed_models('[
    {"name": "GPT-5", "provider": "openai", "model_id": "gpt-5", "max_context_tokens": 400000,
     "supports_vision": true, "supports_function_calling": true, "is_default": true},
    {"name": "GPT-5 Mini", "provider": "openai", "model_id": "gpt-5-mini", "max_context_tokens": 400000,
     "supports_vision": true, "supports_function_calling": true},
    {"name": "GPT-5 Nano", "provider": "openai", "model_id": "gpt-5-nano", "max_context_tokens": 400000,
     "supports_vision": true, "supports_function_calling": true},
    {"name": "Claude Sonnet 4", "provider": "anthropic", "model_id": "claude-sonnet-4-20250514", "max_context_tokens": 200000,
     "supports_vision": true, "supports_function_calling": true, "is_default": true},
    {"name": "Claude Haiku 3.5", "provider": "anthropic", "model_id": "claude-3-5-haiku-20241022", "max_context_tokens": 200000,
     "supports_vision": true, "supports_function_calling": true},
    {"name": "Gemini 2.5 Pro", "provider": "google", "model_id": "gemini-2.5-pro", "max_context_tokens": 1048576,
     "supports_vision": true, "supports_function_calling": true, "is_default": true},
    {"name": "Gemini 2.5 Flash", "provider": "google", "model_id": "gemini-2.5-flash", "max_context_tokens": 1048576,
     "supports_vision": true, "supports_function_calling": true},
    {"name": "Gemini 2.5 Flash Lite", "provider": "google", "model_id": "gemini-2.5-flash-lite", "max_context_tokens": 1048576,
     "supports_vision": true, "supports_function_calling": true}
]');

CREATE TRIGGER present_price_is_copied AFTER INSERT OR UPDATE OR DELETE ON public.ai_model_prices
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_price_changed();
CREATE TRIGGER change_is_notified AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.ai_model_prices
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_registry_changed();

SELECT runfold.make_api_log_months();

CREATE TRIGGER log_columns_are_kept BEFORE INSERT OR UPDATE ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.keep_log_columns();
CREATE TRIGGER parts_follow_their_workflow AFTER UPDATE OF user_id ON public.workflows
    FOR EACH ROW WHEN (OLD.user_id IS DISTINCT FROM NEW.user_id) EXECUTE FUNCTION runfold.move_parts_to_user();
CREATE TRIGGER new_workflows_are_synced_again AFTER INSERT ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.note_new_workflow();
CREATE CONSTRAINT TRIGGER deletion_is_appended AFTER DELETE ON public.workflows
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runfold.append_workflow_deleted();
CREATE TRIGGER made_workflows_are_noted AFTER INSERT ON public.workflows
    FOR EACH ROW EXECUTE FUNCTION runfold.note_edited_workflow();
-- Not the columns that the log owns: a fold copies them.
CREATE TRIGGER edited_workflows_are_noted AFTER UPDATE ON public.workflows
    FOR EACH ROW WHEN (
        (OLD.user_id, OLD.name, OLD.description, OLD.version, OLD.active, OLD.workflow_data, OLD.settings, OLD.static_data, OLD.pin_data,
         OLD.tags, OLD.is_template, OLD.template_category, OLD.icon_url)
        IS DISTINCT FROM
        (NEW.user_id, NEW.name, NEW.description, NEW.version, NEW.active, NEW.workflow_data, NEW.settings, NEW.static_data, NEW.pin_data,
         NEW.tags, NEW.is_template, NEW.template_category, NEW.icon_url))
    EXECUTE FUNCTION runfold.note_edited_workflow();

CREATE TRIGGER user_is_the_workflows BEFORE INSERT OR UPDATE OF workflow_id, user_id ON public.nodes
    FOR EACH ROW EXECUTE FUNCTION runfold.fill_user_of_workflow();
CREATE TRIGGER inserted_nodes_are_noted AFTER INSERT ON public.nodes REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();
CREATE TRIGGER updated_nodes_are_noted AFTER UPDATE ON public.nodes REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();
CREATE TRIGGER deleted_nodes_are_noted AFTER DELETE ON public.nodes REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();
CREATE TRIGGER truncated_nodes_are_noted BEFORE TRUNCATE ON public.nodes
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();

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

CREATE TRIGGER archived_executions_are_noted BEFORE UPDATE OF archived_at ON runfold.streams
    FOR EACH ROW WHEN (starts_with(NEW.stream_id, 'execution-') AND (OLD.archived_at IS NULL) <> (NEW.archived_at IS NULL))
    EXECUTE FUNCTION runfold.note_archived_execution();

CREATE FUNCTION public.cleanup_old_conversation_buffers(retention_days integer, force boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF retention_days IS NULL OR retention_days < 0 THEN
        PERFORM runfold.refuse('retention_too_short', jsonb_build_object(
            'table', 'public.conversation_buffers', 'keep', coalesce(retention_days || ' days', 'no number of days')));
    END IF;
    RETURN runfold.expire_messages(clock_timestamp() - make_interval(days => retention_days), force);
END
$$;
COMMENT ON FUNCTION public.cleanup_old_conversation_buffers IS
    'Deletes the messages older than so many days that a summary covers, with force all of them, and those past their end.';
REVOKE ALL ON FUNCTION public.cleanup_old_conversation_buffers FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.cleanup_old_conversation_buffers TO runfold_operator, service_role;

CREATE TRIGGER discards_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON runfold.discarded_events
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_undiscarding();

ALTER TABLE public.document_store
    ADD CONSTRAINT document_language_is_known CHECK (runfold.text_configuration(language) IS NOT NULL),
    ADD COLUMN search_vector tsvector GENERATED ALWAYS AS (
        runfold.text_vector(language, title, description, search_content)) STORED;
COMMENT ON COLUMN public.document_store.search_vector IS 'Title, description and content as words, for runfold.search_documents.';
CREATE INDEX idx_document_store_search ON public.document_store USING gin (search_vector);

CREATE TRIGGER search_content_is_filled BEFORE INSERT OR UPDATE OF content, search_content ON public.document_store
    FOR EACH ROW EXECUTE FUNCTION runfold.fill_search_content();

CREATE CONSTRAINT TRIGGER definition_is_appended AFTER INSERT ON runfold.edited_workflows
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runfold.append_definition_saved();

ALTER TABLE public.entities ADD COLUMN search_vector tsvector NOT NULL GENERATED ALWAYS AS (
    runfold.text_vector('simple', name, runfold.joined(aliases), description)) STORED;
COMMENT ON COLUMN public.entities.search_vector IS 'Name, aliases and description as words, for runfold.search_entities.';
CREATE INDEX idx_entities_search ON public.entities USING gin (search_vector);

ALTER TABLE public.episodic_memory
    ADD CONSTRAINT episode_language_is_known CHECK (runfold.text_configuration(language) IS NOT NULL),
    ADD COLUMN search_vector tsvector GENERATED ALWAYS AS (
        runfold.text_vector(language, event_description, actor || ' ' || action, object)) STORED;
COMMENT ON COLUMN public.episodic_memory.search_vector IS 'Its description, actor, action and object as words, for runfold.search_episodes.';
CREATE INDEX idx_episodic_memory_search ON public.episodic_memory USING gin (search_vector);

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

-- Dashboards: see execution_hours and node_days.
CREATE TRIGGER added_rows_are_counted AFTER INSERT ON public.node_executions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.count_added_nodes();
CREATE TRIGGER changed_rows_are_counted AFTER UPDATE ON public.node_executions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.count_changed_nodes();
CREATE TRIGGER removed_rows_are_counted AFTER DELETE ON public.node_executions
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.count_removed_nodes();
CREATE TRIGGER no_rows_are_counted AFTER TRUNCATE ON public.node_executions
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.forget_counts();

ALTER TABLE public.knowledge_facts ADD COLUMN search_vector tsvector NOT NULL GENERATED ALWAYS AS (
    runfold.text_vector('simple', subject, predicate, object #>> '{}')) STORED;
COMMENT ON COLUMN public.knowledge_facts.search_vector IS 'Subject, predicate and object as words, for runfold.search_facts.';
CREATE INDEX idx_knowledge_facts_search ON public.knowledge_facts USING gin (search_vector);

CREATE TRIGGER tool_is_checked BEFORE INSERT OR UPDATE ON public.mcp_tools
    FOR EACH ROW EXECUTE FUNCTION runfold.check_tool();
CREATE TRIGGER change_is_notified AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.mcp_tools
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_registry_changed();

CREATE TRIGGER user_is_the_workflows BEFORE INSERT OR UPDATE OF workflow_id, user_id ON public.node_connections
    FOR EACH ROW EXECUTE FUNCTION runfold.fill_user_of_workflow();
CREATE TRIGGER inserted_connections_are_noted AFTER INSERT ON public.node_connections REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();
CREATE TRIGGER updated_connections_are_noted AFTER UPDATE ON public.node_connections
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();
CREATE TRIGGER deleted_connections_are_noted AFTER DELETE ON public.node_connections REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();
CREATE TRIGGER truncated_connections_are_noted BEFORE TRUNCATE ON public.node_connections
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();

CREATE TRIGGER specification_is_checked BEFORE INSERT OR UPDATE ON public.node_specifications
    FOR EACH ROW EXECUTE FUNCTION runfold.check_node_specification();
CREATE TRIGGER change_is_notified AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.node_specifications
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_registry_changed();

CREATE TRIGGER cutoffs_only_grow BEFORE UPDATE OF cutoff ON runfold.retention
    FOR EACH ROW EXECUTE FUNCTION runfold.keep_cutoff();

CREATE TRIGGER seals_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON runfold.seals
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change();

CREATE VIEW runfold_stats.slow_queries WITH (security_invoker = true) AS
    SELECT s.source, s.pid, s.calls, s.mean_ms, s.total_ms, s.statement, true AS alarms FROM runfold.slow_statements() AS s;

CREATE VIEW runfold_stats.table_sizes WITH (security_invoker = true) AS
    SELECT t.table_name, t.bytes, t.row_estimate, t.bytes - d.bytes AS growth_of_day, t.bytes - w.bytes AS growth_of_week,
           t.bytes - m.bytes AS growth_of_30_days
      FROM runfold.table_sizes() AS t
     CROSS JOIN (SELECT (now() AT TIME ZONE 'UTC')::date AS today) AS n
      LEFT JOIN runfold.table_size_samples d ON d.table_name = t.table_name AND d.day = n.today - 1
      LEFT JOIN runfold.table_size_samples w ON w.table_name = t.table_name AND w.day = n.today - 7
      LEFT JOIN runfold.table_size_samples m ON m.table_name = t.table_name AND m.day = n.today - 30;

CREATE VIEW runfold_stats.migrations WITH (security_invoker = true) AS
    SELECT m.version, m.is_newest, m.is_stamped, m.is_newest AND NOT m.is_stamped AS alarms FROM runfold.applied_migrations() AS m;

COMMENT ON VIEW runfold_stats.slow_queries IS 'Statements that take more than a second: now, and on average where pg_stat_statements is installed.';
COMMENT ON VIEW runfold_stats.table_sizes IS 'The size of each table, and how much it grew, by a sample of each day.';
COMMENT ON VIEW runfold_stats.migrations IS 'The migrations that were applied; it alarms where the schema''s stamp is another version.';

GRANT SELECT ON runfold_stats.slow_queries, runfold_stats.table_sizes, runfold_stats.migrations TO runfold_operator;

CREATE CONSTRAINT TRIGGER batch_is_settled AFTER UPDATE ON runfold.user_groups
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runfold.refuse_unsettled_batch();

SELECT runfold.ensure_log_partitions();

CREATE FUNCTION public.cleanup_old_execution_logs(retention_days integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.expire_all('public.workflow_execution_logs', make_interval(days => retention_days))
$$;
COMMENT ON FUNCTION public.cleanup_old_execution_logs IS
    'Removes the log lines older than so many days, up to a day''s start, for good; returns how many. The worker does it daily.';
REVOKE ALL ON FUNCTION public.cleanup_old_execution_logs FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.cleanup_old_execution_logs TO runfold_operator, service_role;

CREATE TRIGGER inserted_status_is_copied AFTER INSERT ON public.workflow_status
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION runfold.copy_status_to_workflows();
CREATE TRIGGER updated_status_is_copied AFTER UPDATE ON public.workflow_status
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION runfold.copy_status_to_workflows();
-- A workflow whose status row is gone has the columns' defaults again.
CREATE TRIGGER deleted_status_is_copied AFTER DELETE ON public.workflow_status
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION runfold.copy_status_to_workflows();

-- The publication by which users follow their rows: every read table that they see, in Supabase's where it is there, else in one
-- of ours. It costs nothing until a slot reads it. The replica identity stays the key: a deletion is not filtered by row security,
-- and carries the key only.

DO $realtime$
DECLARE
    publication text := 'supabase_realtime';
    published pg_publication;
    read_table regclass;
BEGIN
    SELECT * INTO published FROM pg_publication p WHERE p.pubname = publication;
    IF published.oid IS NULL THEN
        publication := 'runfold_realtime';
        -- A publication stays when the schemas of what it published are dropped.
        IF NOT EXISTS (SELECT FROM pg_publication p WHERE p.pubname = publication) THEN
            CREATE PUBLICATION runfold_realtime WITH (publish_via_partition_root = true);
        END IF;
        SELECT * INTO published FROM pg_publication p WHERE p.pubname = publication;
    END IF;
    IF published.puballtables OR NOT pg_has_role(published.pubowner, 'USAGE') THEN
        RAISE NOTICE 'the publication % is left as it is', publication;
        RETURN;
    END IF;
    FOR read_table IN
        SELECT c.oid
          FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND p.polname = 'a tenant reads its own rows'
               -- What was asked of other services is no news for a browser.
           AND c.relname <> 'external_api_call_logs'
               -- Without it the changes of a partition are published as those of a table that users cannot see.
           AND (c.relkind <> 'p' OR published.pubviaroot)
           AND NOT EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = published.oid AND r.prrelid = c.oid)
         ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER PUBLICATION %I ADD TABLE ONLY %s', publication, read_table);
    END LOOP;
END
$realtime$;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261127000100, compatible from 20261127000100';

-- migrate:down

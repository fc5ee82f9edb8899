-- migrate:up

-- What users edit: sessions, workflows, nodes and their connections. They are tables of record, not folds of the log.

CREATE TABLE public.sessions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    action_type varchar(50),
    -- No foreign key: workflows refer to sessions already, and the source may be gone.
    source_workflow_id uuid,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT session_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
CREATE INDEX idx_sessions_user_id ON public.sessions (user_id);
COMMENT ON TABLE public.sessions IS 'A user''s editing session, from which workflows are created.';

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
    CONSTRAINT workflow_comes_from_a_session FOREIGN KEY (session_id) REFERENCES public.sessions (id) ON DELETE SET NULL,
    CONSTRAINT workflow_was_deployed_by_a_user FOREIGN KEY (deployed_by) REFERENCES auth.users (id) ON DELETE SET NULL,
    CONSTRAINT workflows_name_not_empty CHECK (length(name) > 0),
    CONSTRAINT workflows_valid_workflow_data CHECK (workflow_data IS NOT NULL)
);
CREATE INDEX idx_workflows_user_id ON public.workflows (user_id);
CREATE INDEX idx_workflows_active ON public.workflows (user_id) WHERE active;
CREATE INDEX idx_workflows_deployment_status ON public.workflows (deployment_status);
CREATE INDEX idx_workflows_tags ON public.workflows USING gin (tags);
-- Without these, deleting a session or a user reads all workflows.
CREATE INDEX idx_workflows_session_id ON public.workflows (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX idx_workflows_deployed_by ON public.workflows (deployed_by) WHERE deployed_by IS NOT NULL;
COMMENT ON TABLE public.workflows IS 'Workflow definitions, as users edit them.';
COMMENT ON COLUMN public.workflows.created_at IS 'Epoch milliseconds.';
COMMENT ON COLUMN public.workflows.updated_at IS 'Epoch milliseconds.';

CREATE TABLE public.nodes (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    node_id varchar(255) NOT NULL,
    workflow_id uuid,

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
    CONSTRAINT node_id_is_unique_in_its_workflow UNIQUE (workflow_id, node_id),
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
CREATE INDEX idx_nodes_type ON public.nodes (node_type);
CREATE INDEX idx_nodes_type_subtype_active ON public.nodes (node_type, node_subtype) WHERE NOT disabled;
COMMENT ON TABLE public.nodes IS 'The nodes of a workflow and how they are configured.';
COMMENT ON COLUMN public.nodes.attached_nodes IS 'An AI_AGENT''s TOOL and MEMORY nodes, by node_id.';

CREATE TABLE public.node_connections (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    workflow_id uuid,
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
-- They serve the workflow's foreign key too, by their first column.
CREATE INDEX idx_node_connections_source ON public.node_connections (workflow_id, source_node_id);
CREATE INDEX idx_node_connections_target ON public.node_connections (workflow_id, target_node_id);
COMMENT ON TABLE public.node_connections IS 'The data flow between the nodes of a workflow.';

GRANT ALL ON public.sessions, public.workflows, public.nodes, public.node_connections
    TO service_role, runfold_operator;

COMMENT ON SCHEMA runfold IS 'runfold schema 20261122000200';

-- migrate:down

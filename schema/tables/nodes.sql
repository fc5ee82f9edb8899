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

GRANT ALL ON public.nodes TO runfold_operator, service_role;

-- after the functions

CREATE TRIGGER inserted_nodes_are_noted AFTER INSERT ON public.nodes REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();
CREATE TRIGGER updated_nodes_are_noted AFTER UPDATE ON public.nodes REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();
CREATE TRIGGER deleted_nodes_are_noted AFTER DELETE ON public.nodes REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();
CREATE TRIGGER truncated_nodes_are_noted BEFORE TRUNCATE ON public.nodes
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_edited();

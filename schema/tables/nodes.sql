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

GRANT ALL ON public.nodes TO runfold_operator, service_role;
-- By column, without the key: a key that is unique across tenants would tell which ids are taken.
GRANT SELECT, DELETE,
      INSERT (node_id, workflow_id, node_type, node_subtype, type_version, name, description, disabled, position_x, position_y,
              parameters, credentials, attached_nodes, error_handling, max_retries, retry_wait_time, notes, webhooks),
      UPDATE (node_id, node_type, node_subtype, type_version, name, description, disabled, position_x, position_y, parameters,
              credentials, attached_nodes, error_handling, max_retries, retry_wait_time, notes, webhooks, updated_at)
    ON public.nodes TO authenticated;
GRANT SELECT ON public.nodes TO runfold_engine, runfold_agent, runfold_reader;

-- after the functions

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

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

GRANT ALL ON public.node_connections TO runfold_operator, service_role;
-- By column, without the key: a key that is unique across tenants would tell which ids are taken.
GRANT SELECT, DELETE,
      INSERT (workflow_id, source_node_id, target_node_id, connection_type, connection_index, label, conditions),
      UPDATE (source_node_id, target_node_id, connection_type, connection_index, label, conditions)
    ON public.node_connections TO authenticated;
GRANT SELECT ON public.node_connections TO runfold_engine, runfold_agent, runfold_reader;

-- after the functions

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

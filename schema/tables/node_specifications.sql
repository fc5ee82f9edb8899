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
GRANT SELECT ON public.node_specifications
    TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.node_specifications TO runfold_operator, service_role;

-- after the functions

CREATE TRIGGER specification_is_checked BEFORE INSERT OR UPDATE ON public.node_specifications
    FOR EACH ROW EXECUTE FUNCTION runfold.check_node_specification();
CREATE TRIGGER change_is_notified AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.node_specifications
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_registry_changed();

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

GRANT SELECT, INSERT, UPDATE, DELETE ON public.graph_nodes TO runfold_engine;
GRANT ALL ON public.graph_nodes TO runfold_operator, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.graph_nodes TO authenticated;

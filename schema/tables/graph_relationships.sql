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

GRANT SELECT, INSERT, UPDATE, DELETE ON public.graph_relationships TO runfold_engine;
GRANT ALL ON public.graph_relationships TO runfold_operator, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.graph_relationships TO authenticated;

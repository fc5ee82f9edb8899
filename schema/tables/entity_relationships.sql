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

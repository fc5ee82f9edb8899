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

-- after the functions

ALTER TABLE public.entities ADD COLUMN search_vector tsvector NOT NULL GENERATED ALWAYS AS (
    runfold.text_vector('simple', name, runfold.joined(aliases), description)) STORED;
COMMENT ON COLUMN public.entities.search_vector IS 'Name, aliases and description as words, for runfold.search_entities.';
CREATE INDEX idx_entities_search ON public.entities USING gin (search_vector);

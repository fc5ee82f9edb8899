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

GRANT SELECT, INSERT, UPDATE, DELETE ON public.knowledge_rules TO runfold_engine;
GRANT ALL ON public.knowledge_rules TO runfold_operator, service_role;
-- Without id: an id that is taken and one that is free are to look the same to who may not see the row.
GRANT SELECT, DELETE ON public.knowledge_rules TO authenticated;
GRANT INSERT (rule_name, description, conditions, actions, priority, active, user_id, created_at, updated_at)
    ON public.knowledge_rules TO authenticated;
GRANT UPDATE (rule_name, description, conditions, actions, priority, active, user_id, updated_at)
    ON public.knowledge_rules TO authenticated;

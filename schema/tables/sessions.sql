CREATE TABLE public.sessions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    action_type varchar(50),
    -- No foreign key: workflows refer to sessions already, and the source may be gone.
    source_workflow_id uuid,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    -- For references that begin with the user: a foreign key looks past row security.
    CONSTRAINT session_is_unique_in_its_user UNIQUE (user_id, id),
    CONSTRAINT session_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);

COMMENT ON TABLE public.sessions IS 'A user''s editing session, from which workflows are created.';

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant keeps its own rows" ON public.sessions FOR ALL TO authenticated
    USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.sessions FOR ALL
    TO runfold_engine, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);

GRANT ALL ON public.sessions TO runfold_operator, service_role;
-- By column, without the key: a key that is unique across tenants would tell which ids are taken.
GRANT SELECT, DELETE,
      INSERT (user_id, action_type, source_workflow_id), UPDATE (action_type, source_workflow_id, updated_at)
    ON public.sessions TO authenticated;
GRANT SELECT ON public.sessions TO runfold_engine, runfold_reader;

CREATE TABLE public.sessions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid,
    action_type varchar(50),
    -- No foreign key: workflows refer to sessions already, and the source may be gone.
    source_workflow_id uuid,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT session_belongs_to_a_user FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
CREATE INDEX idx_sessions_user_id ON public.sessions (user_id);

COMMENT ON TABLE public.sessions IS 'A user''s editing session, from which workflows are created.';

GRANT ALL ON public.sessions TO runfold_operator, service_role;

-- What a user can connect with. Everybody reads it, operators write it.
CREATE TABLE public.integrations (
    integration_id varchar(255) NOT NULL,
    provider varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    config jsonb NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT integrations_pkey PRIMARY KEY (integration_id),
    CONSTRAINT integration_id_is_not_blank CHECK (length(trim(integration_id)) > 0),
    CONSTRAINT integration_config_is_an_object CHECK (jsonb_typeof(config) = 'object')
);

COMMENT ON TABLE public.integrations IS 'The services that users connect with, by name. Operators add to it.';
COMMENT ON COLUMN public.integrations.config IS 'What is public about it, as the address of its login. No secrets: everybody reads this table.';

ALTER TABLE public.integrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody reads" ON public.integrations FOR SELECT TO authenticated USING (true);
CREATE POLICY "services see every row" ON public.integrations FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
GRANT SELECT ON public.integrations TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.integrations TO runfold_operator, service_role;

INSERT INTO public.integrations (integration_id, provider, name)
VALUES ('slack', 'slack', 'Slack'),
       ('github', 'github', 'GitHub'),
       ('notion', 'notion', 'Notion'),
       ('google_calendar', 'google_calendar', 'Google Calendar')
    ON CONFLICT (integration_id) DO NOTHING;

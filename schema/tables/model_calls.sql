CREATE TABLE public.model_calls (
    id uuid NOT NULL,
    execution_id varchar(255) COLLATE "C" NOT NULL,
    user_id uuid,
    activation varchar(255),
    provider varchar(50) NOT NULL,
    model_id varchar(100) NOT NULL,
    version varchar(50),
    input_tokens integer NOT NULL,
    cached_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    latency_ms integer,
    last_event_position bigint NOT NULL,
    called_at timestamptz NOT NULL,
    CONSTRAINT model_calls_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_model_calls_execution_id ON public.model_calls (execution_id, called_at);
CREATE INDEX idx_model_calls_user ON public.model_calls (user_id, called_at DESC);
CREATE INDEX idx_model_calls_model ON public.model_calls (provider, model_id, called_at DESC);

COMMENT ON TABLE public.model_calls IS 'Calls of models, with the tokens that each used: a fold of the execution streams.';
COMMENT ON COLUMN public.model_calls.input_tokens IS 'All tokens of the input, those from the cache as well.';

ALTER TABLE public.model_calls ENABLE ROW LEVEL SECURITY;
CREATE POLICY "a tenant reads its own rows" ON public.model_calls FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
CREATE POLICY "services see every row" ON public.model_calls FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING (true) WITH CHECK (true);
GRANT SELECT ON public.model_calls TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.model_calls TO runfold_projector;

-- The models that nodes can call. Everybody reads it, operators write it.
CREATE TABLE public.ai_models (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name varchar(100) NOT NULL,
    provider varchar(50) NOT NULL,
    model_id varchar(100) NOT NULL,
    version varchar(50),
    cost_per_input_token numeric(18, 12),
    cost_per_output_token numeric(18, 12),
    cost_per_cached_token numeric(18, 12),
    max_context_tokens integer,
    supports_vision boolean NOT NULL DEFAULT false,
    supports_function_calling boolean NOT NULL DEFAULT false,
    supports_streaming boolean NOT NULL DEFAULT true,
    model_capabilities jsonb NOT NULL DEFAULT '{}',
    config jsonb NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    is_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    seed jsonb,

    CONSTRAINT ai_models_pkey PRIMARY KEY (id),
    CONSTRAINT ai_models_name_version_key UNIQUE NULLS NOT DISTINCT (name, version),
    CONSTRAINT ai_model_costs_are_not_negative
        CHECK (cost_per_input_token >= 0 AND cost_per_output_token >= 0 AND cost_per_cached_token >= 0),
    CONSTRAINT ai_model_context_is_positive CHECK (max_context_tokens > 0),
    CONSTRAINT ai_model_capabilities_are_an_object CHECK (jsonb_typeof(model_capabilities) = 'object'),
    CONSTRAINT ai_model_config_is_an_object CHECK (jsonb_typeof(config) = 'object')
);
CREATE UNIQUE INDEX ai_models_one_default_per_provider ON public.ai_models (provider) WHERE is_default;
CREATE INDEX idx_ai_models_provider_model_id ON public.ai_models (provider, model_id);

COMMENT ON TABLE public.ai_models IS 'The models by name and version. Set is_active to false to retire one.';
COMMENT ON COLUMN public.ai_models.cost_per_input_token IS
    'The present price of a token, a copy of ai_model_prices. NULL where no price is known: then a cost is unpriced, never 0.';
COMMENT ON COLUMN public.ai_models.seed IS 'What runfold wrote here last. A later version changes a column only where it has this value still.';

ALTER TABLE public.ai_models ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody reads" ON public.ai_models FOR SELECT TO authenticated USING (true);
CREATE POLICY "services see every row" ON public.ai_models FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
GRANT SELECT ON public.ai_models TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
-- The costs are copies: who knows a price enters it in ai_model_prices.
GRANT SELECT, DELETE,
      INSERT (id, name, provider, model_id, version, max_context_tokens, supports_vision, supports_function_calling,
              supports_streaming, model_capabilities, config, is_active, is_default, created_at),
      UPDATE (name, provider, model_id, version, max_context_tokens, supports_vision, supports_function_calling,
              supports_streaming, model_capabilities, config, is_active, is_default)
   ON public.ai_models TO runfold_operator, service_role;

-- after the functions

CREATE TRIGGER change_is_notified AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.ai_models
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_registry_changed();

-- Without prices: only a provider's own page and the day on which it was read make one.
SELECT runfold.seed_models('[
    {"name": "GPT-5", "provider": "openai", "model_id": "gpt-5", "max_context_tokens": 400000,
     "supports_vision": true, "supports_function_calling": true, "is_default": true},
    {"name": "GPT-5 Mini", "provider": "openai", "model_id": "gpt-5-mini", "max_context_tokens": 400000,
     "supports_vision": true, "supports_function_calling": true},
    {"name": "GPT-5 Nano", "provider": "openai", "model_id": "gpt-5-nano", "max_context_tokens": 400000,
     "supports_vision": true, "supports_function_calling": true},
    {"name": "Claude Sonnet 4", "provider": "anthropic", "model_id": "claude-sonnet-4-20250514", "max_context_tokens": 200000,
     "supports_vision": true, "supports_function_calling": true, "is_default": true},
    {"name": "Claude Haiku 3.5", "provider": "anthropic", "model_id": "claude-3-5-haiku-20241022", "max_context_tokens": 200000,
     "supports_vision": true, "supports_function_calling": true},
    {"name": "Gemini 2.5 Pro", "provider": "google", "model_id": "gemini-2.5-pro", "max_context_tokens": 1048576,
     "supports_vision": true, "supports_function_calling": true, "is_default": true},
    {"name": "Gemini 2.5 Flash", "provider": "google", "model_id": "gemini-2.5-flash", "max_context_tokens": 1048576,
     "supports_vision": true, "supports_function_calling": true},
    {"name": "Gemini 2.5 Flash Lite", "provider": "google", "model_id": "gemini-2.5-flash-lite", "max_context_tokens": 1048576,
     "supports_vision": true, "supports_function_calling": true}
]');

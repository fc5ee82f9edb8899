-- What a model costs, from a day on, by the size of its input. Everybody reads it, operators write it.
CREATE TABLE public.ai_model_prices (
    model uuid NOT NULL,
    valid_from timestamptz NOT NULL,
    above_input_tokens integer NOT NULL DEFAULT 0,
    input_per_million numeric(18, 9),
    cached_per_million numeric(18, 9),
    output_per_million numeric(18, 9),
    source text,
    seen_on date,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,

    -- Its first column leads the index of the foreign key too.
    CONSTRAINT ai_model_prices_pkey PRIMARY KEY (model, valid_from, above_input_tokens),
    CONSTRAINT price_is_of_a_model FOREIGN KEY (model) REFERENCES public.ai_models (id) ON DELETE CASCADE,
    CONSTRAINT price_tier_is_not_negative CHECK (above_input_tokens >= 0),
    CONSTRAINT prices_are_not_negative
        CHECK (input_per_million >= 0 AND cached_per_million >= 0 AND output_per_million >= 0),
    CONSTRAINT price_names_its_source CHECK (
        (source IS NOT NULL AND length(trim(source)) > 0 AND seen_on IS NOT NULL)
        OR num_nonnulls(input_per_million, cached_per_million, output_per_million) = 0)
);

COMMENT ON TABLE public.ai_model_prices IS
    'Prices per million tokens. A price is valid until a later one of its model; a new price is a new row, never a change of an old one.';
COMMENT ON COLUMN public.ai_model_prices.above_input_tokens IS
    'The price is for calls with more input tokens than this; 0 for all. The highest such tier of the newest valid_from counts.';
COMMENT ON COLUMN public.ai_model_prices.source IS 'The provider''s own page that states the price.';
COMMENT ON COLUMN public.ai_model_prices.seen_on IS 'The day on which that page was read.';

ALTER TABLE public.ai_model_prices ENABLE ROW LEVEL SECURITY;
CREATE POLICY "everybody reads" ON public.ai_model_prices FOR SELECT TO authenticated USING (true);
CREATE POLICY "services see every row" ON public.ai_model_prices FOR ALL
    TO runfold_engine, runfold_projector, runfold_operator, runfold_agent, runfold_reader, service_role
    USING (true) WITH CHECK (true);
GRANT SELECT ON public.ai_model_prices TO authenticated, runfold_engine, runfold_projector, runfold_agent, runfold_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.ai_model_prices TO runfold_operator, service_role;

-- after the functions

CREATE TRIGGER present_price_is_copied AFTER INSERT OR UPDATE OR DELETE ON public.ai_model_prices
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_price_changed();
CREATE TRIGGER change_is_notified AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.ai_model_prices
    FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_registry_changed();

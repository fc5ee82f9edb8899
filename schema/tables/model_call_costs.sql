-- The cost of each call, by the price that was valid when it was made. A call without a price is unpriced: its cost is NULL.
CREATE VIEW public.model_call_costs WITH (security_invoker = true) AS
    SELECT c.id, c.execution_id, c.user_id, c.activation, c.provider, c.model_id, c.version, c.called_at, c.input_tokens,
           c.cached_tokens, c.output_tokens, m.id AS model, p.valid_from, p.above_input_tokens,
           (greatest(c.input_tokens - c.cached_tokens, 0) * p.input_per_million
            -- A model without a cache needs no price of it.
            + CASE WHEN c.cached_tokens = 0 THEN 0 ELSE c.cached_tokens * p.cached_per_million END
            + c.output_tokens * p.output_per_million) / 1000000 AS cost
      FROM public.model_calls c
      LEFT JOIN LATERAL (SELECT m.id
                           FROM public.ai_models m
                          WHERE m.provider = c.provider AND m.model_id = c.model_id
                            AND (m.version IS NOT DISTINCT FROM c.version OR m.version IS NULL)
                          ORDER BY m.version NULLS LAST, m.name COLLATE "C"
                          LIMIT 1) AS m ON true
      LEFT JOIN LATERAL (SELECT p.valid_from, p.above_input_tokens, p.input_per_million, p.cached_per_million,
                                p.output_per_million
                           FROM public.ai_model_prices p
                          WHERE p.model = m.id AND p.valid_from <= c.called_at
                            AND (p.above_input_tokens = 0 OR c.input_tokens > p.above_input_tokens)
                          ORDER BY p.valid_from DESC, p.above_input_tokens DESC
                          LIMIT 1) AS p ON true;

COMMENT ON VIEW public.model_call_costs IS
    'Each call of a model with its cost in US dollars, by the price that was valid when it was made; NULL where none is known.';

GRANT SELECT ON public.model_call_costs TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;

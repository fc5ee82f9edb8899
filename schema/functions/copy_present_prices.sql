-- Copies the price of each model that is valid now into its row of ai_models; returns how many rows changed.
--
-- A price begins to be valid while nobody writes: the worker calls this now and then. A model without any row of prices keeps
-- what it has.
--
-- grant: projector, operator, service_role
CREATE FUNCTION runfold.copy_present_prices() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH changed AS (
        UPDATE public.ai_models m
           SET cost_per_input_token = p.input_per_million / 1000000,
               cost_per_cached_token = p.cached_per_million / 1000000,
               cost_per_output_token = p.output_per_million / 1000000
          FROM (SELECT k.model, p.*
                  FROM (SELECT DISTINCT model FROM public.ai_model_prices) AS k
                  LEFT JOIN LATERAL (SELECT p.input_per_million, p.cached_per_million, p.output_per_million
                                       FROM public.ai_model_prices p
                                      WHERE p.model = k.model AND p.valid_from <= now()
                                      ORDER BY p.valid_from DESC, p.above_input_tokens
                                      LIMIT 1) AS p ON true) AS p
         WHERE p.model = m.id
           AND (m.cost_per_input_token, m.cost_per_cached_token, m.cost_per_output_token)
               IS DISTINCT FROM (p.input_per_million / 1000000, p.cached_per_million / 1000000, p.output_per_million / 1000000)
        RETURNING 1)
    SELECT count(*) FROM changed
$$;

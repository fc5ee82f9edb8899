-- What the calls of models of an execution cost.
CREATE VIEW public.execution_costs WITH (security_invoker = true) AS
    SELECT c.execution_id, c.user_id, count(*) AS calls, sum(c.input_tokens) AS input_tokens,
           sum(c.cached_tokens) AS cached_tokens, sum(c.output_tokens) AS output_tokens,
           count(*) FILTER (WHERE c.cost IS NULL) AS unpriced_calls,
           CASE WHEN bool_and(c.cost IS NOT NULL) THEN 'priced' ELSE 'unpriced' END AS pricing,
           -- Never the sum of a part: it would be read as the whole.
           CASE WHEN bool_and(c.cost IS NOT NULL) THEN sum(c.cost) END AS cost,
           sum(c.cost) AS priced_cost
      FROM public.model_call_costs c
     GROUP BY c.execution_id, c.user_id;

COMMENT ON VIEW public.execution_costs IS
    'The tokens that an execution used and their cost in US dollars. Where a call has no price, pricing is unpriced and cost is NULL.';
COMMENT ON COLUMN public.execution_costs.priced_cost IS 'The cost of the calls that have a price; NULL if none has.';

GRANT SELECT ON public.execution_costs TO authenticated, runfold_engine, runfold_operator, runfold_reader, service_role;

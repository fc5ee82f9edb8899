-- Enters models by name and version; returns how many rows were made or changed.
--
-- A column of a row that stands is changed only where it has the value that the last seed gave it: an edit of an operator stays.
-- A model that is new, but would be a second default of its provider, is not made the default.
--
-- grant: operator
CREATE FUNCTION runfold.seed_models(seeds jsonb) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    WITH given AS (
        SELECT g.name, g.version, g.provider, g.model_id, g.max_context_tokens,
               coalesce(g.supports_vision, false) AS supports_vision,
               coalesce(g.supports_function_calling, false) AS supports_function_calling,
               coalesce(g.supports_streaming, true) AS supports_streaming,
               coalesce(g.is_default, false)
               AND NOT EXISTS (SELECT FROM public.ai_models d WHERE d.provider = g.provider AND d.is_default) AS is_default
          FROM jsonb_to_recordset(seeds) AS g (
               name text, version text, provider text, model_id text, max_context_tokens integer, supports_vision boolean,
               supports_function_calling boolean, supports_streaming boolean, is_default boolean)
    ), written AS (
        INSERT INTO public.ai_models AS m
            (name, version, provider, model_id, max_context_tokens, supports_vision, supports_function_calling,
             supports_streaming, is_default, seed)
        SELECT g.name, g.version, g.provider, g.model_id, g.max_context_tokens, g.supports_vision, g.supports_function_calling,
               g.supports_streaming, g.is_default, to_jsonb(g) - 'is_default'
          FROM given g
            ON CONFLICT (name, version) DO UPDATE SET
               provider = CASE WHEN m.provider = m.seed ->> 'provider' THEN excluded.provider ELSE m.provider END,
               model_id = CASE WHEN m.model_id = m.seed ->> 'model_id' THEN excluded.model_id ELSE m.model_id END,
               max_context_tokens = CASE WHEN m.max_context_tokens::text IS NOT DISTINCT FROM m.seed ->> 'max_context_tokens'
                                         THEN excluded.max_context_tokens ELSE m.max_context_tokens END,
               supports_vision = CASE WHEN m.supports_vision = (m.seed ->> 'supports_vision')::boolean
                                      THEN excluded.supports_vision ELSE m.supports_vision END,
               supports_function_calling =
                   CASE WHEN m.supports_function_calling = (m.seed ->> 'supports_function_calling')::boolean
                        THEN excluded.supports_function_calling ELSE m.supports_function_calling END,
               supports_streaming = CASE WHEN m.supports_streaming = (m.seed ->> 'supports_streaming')::boolean
                                         THEN excluded.supports_streaming ELSE m.supports_streaming END,
               seed = excluded.seed
         WHERE m.seed IS NOT NULL AND m.seed <> excluded.seed
        RETURNING 1)
    SELECT count(*) FROM written
$$;

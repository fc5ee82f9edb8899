-- The leaf written into the query, and the leaf as a function that the planner cannot put into it.
CREATE FUNCTION public.bench_inline(first bigint, last bigint) RETURNS bytea LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(coalesce(string_agg(sha256(convert_to(jsonb_build_array(
               1, e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.type, e.schema_version, e.user_id, e.data,
               encode(e.payload, 'hex'), e.metadata, (extract(epoch FROM e.occurred_at) * 1000000)::bigint,
               (extract(epoch FROM e.recorded_at) * 1000000)::bigint)::text, 'UTF8')), ''::bytea ORDER BY e.position), ''))
      FROM runfold.events e WHERE e.position BETWEEN first AND last
$$;
CREATE FUNCTION public.bench_leaf(
    "position" bigint, append_end bigint, stream_id text, stream_version bigint, event_id uuid, type text, schema_version integer,
    user_id uuid, data jsonb, payload bytea, metadata jsonb, occurred_at timestamptz, recorded_at timestamptz
) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runfold.event_leaf(position, append_end, stream_id, stream_version, event_id, type, schema_version, user_id, data, payload,
                              metadata, occurred_at, recorded_at)
$$;
CREATE FUNCTION public.bench_called(first bigint, last bigint) RETURNS bytea LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(coalesce(string_agg(public.bench_leaf(
               e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.type, e.schema_version, e.user_id, e.data,
               e.payload, e.metadata, e.occurred_at, e.recorded_at), ''::bytea ORDER BY e.position), ''))
      FROM runfold.events e WHERE e.position BETWEEN first AND last
$$;

-- The leaf of an event, format 1: SHA-256 over all that the event says, its category but for that
-- (a category is the beginning of a stream's name).
--
-- The text of jsonb is the same in every version of PostgreSQL; bytes are hexadecimal and times
-- microseconds since 1970, so that no setting changes them. A single expression without SET: the
-- planner puts it into the caller's query. Callers have pg_catalog first in their search path.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.event_leaf(
    "position" bigint, append_end bigint, stream_id text, stream_version bigint, event_id uuid, type text, schema_version integer,
    user_id uuid, data jsonb, payload bytea, metadata jsonb, occurred_at timestamptz, recorded_at timestamptz
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.jsonb_build_array(
               1, position, append_end, stream_id, stream_version, event_id, type, schema_version, user_id, data,
               pg_catalog.encode(payload, 'hex'), metadata,
               (extract(epoch FROM occurred_at) * 1000000)::bigint, (extract(epoch FROM recorded_at) * 1000000)::bigint)::text, 'UTF8'))
$$;

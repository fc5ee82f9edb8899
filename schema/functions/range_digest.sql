-- The number of events, the digest and the marks of a range of positions, in any relation that has
-- the columns of runfold.events: the log itself, or a restored part of an archive.
--
-- Format 1: SHA-256 over the leaves in the order of the positions; of a range without events, over
-- nothing. The marks are those of runfold.seal_marks. It runs with its caller's rights.
--
-- A leaf tells neither the category, nor null from no body, nor what is infinite. In an event whose
-- category is not the beginning of its stream's name, and in one with such a body or time, which no
-- append writes, these are hashed too.
--
-- grant: engine, projector, operator, reader, service_role
CREATE FUNCTION runfold.range_digest(
    relation regclass, first_position bigint, last_position bigint, OUT events bigint, OUT digest bytea, OUT marks bytea
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format($query$
        WITH leaves AS MATERIALIZED (
            SELECT e.position, e.event_id,
                   CASE WHEN e.category = split_part(e.stream_id, '-', 1) AND isfinite(e.occurred_at) AND isfinite(e.recorded_at)
                             AND e.data IS DISTINCT FROM 'null' THEN
                       runfold.event_leaf(e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.type,
                                          e.schema_version, e.user_id, e.data, e.payload, e.metadata, e.occurred_at, e.recorded_at)
                   ELSE sha256(convert_to(jsonb_build_array(
                            e.category, e.data IS NULL, CASE WHEN NOT isfinite(e.occurred_at) THEN e.occurred_at::text END,
                            CASE WHEN NOT isfinite(e.recorded_at) THEN e.recorded_at::text END)::text, 'UTF8')
                        || runfold.event_leaf(e.position, e.append_end, e.stream_id, e.stream_version, e.event_id, e.type,
                                              e.schema_version, e.user_id, e.data, e.payload, e.metadata,
                                              CASE WHEN isfinite(e.occurred_at) THEN e.occurred_at END,
                                              CASE WHEN isfinite(e.recorded_at) THEN e.recorded_at END)) END AS leaf
              FROM %s e
             WHERE e.position BETWEEN $1 AND $2
        )
        SELECT count(*), sha256(coalesce(string_agg(leaf, ''::bytea ORDER BY position), '')),
               coalesce(string_agg(int4send((position - $1)::integer) || substr(leaf, 1, 4) || substr(uuid_send(event_id), 13, 4),
                                   ''::bytea ORDER BY position), '')
          FROM leaves
        $query$, relation)
       INTO events, digest, marks USING first_position, last_position;
END
$$;

-- The anomalies of a walk with one more.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.note_anomaly(anomalies jsonb, "position" bigint, projection text, code text, detail jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(anomalies, '[]') OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(
               'position', "position", 'projection', projection, 'code', code, 'detail', detail)
$$;

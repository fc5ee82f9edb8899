-- The UUID of the row that a stream names so.
--
-- Names are unique in their stream, so no event can touch another stream's rows, and a rebuild
-- gives the same ids. One expression, so that it is inlined into folds (STABLE, as convert_to is:
-- IMMUTABLE would not be inlined).
--
-- grant: engine, projector, operator, projections, reader, service_role
CREATE FUNCTION runfold.row_id(stream_id text, kind text, name text) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    -- Bits 52 to 55 are the version, 70 and 71 the variant; single bits, so that the hash is computed once.
    SELECT pg_catalog.encode(pg_catalog.substring(
               pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(
               pg_catalog.set_bit(pg_catalog.set_bit(pg_catalog.set_bit(
               pg_catalog.sha256(pg_catalog.convert_to($1 || E'\x1f' || $2 || E'\x1f' || $3, 'UTF8')),
               55, 1), 54, 0), 53, 0), 52, 0), 71, 1), 70, 0), 1, 16), 'hex')::uuid
$$;

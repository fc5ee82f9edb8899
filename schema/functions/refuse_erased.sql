-- Raises RF031 for the first stream of a call whose tenant is erased.
--
-- grant: nobody
CREATE FUNCTION runfold.refuse_erased(tenants uuid[], stream_ids text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    SELECT s.n, s.stream_id, t.user_id INTO found
      FROM unnest(stream_ids, tenants) WITH ORDINALITY AS s (stream_id, user_id, n)
      JOIN runfold.erased_tenants t ON t.user_id = s.user_id
     ORDER BY s.n
     LIMIT 1;
    PERFORM runfold.refuse('tenant_erased', jsonb_build_object(
        'pointer', format('/%s/stream_id', found.n - 1), 'stream_id', found.stream_id, 'user_id', found.user_id));
END
$$;

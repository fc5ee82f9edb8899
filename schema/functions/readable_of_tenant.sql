-- What stays readable of a tenant in the log: by type and field, the events whose value is not encrypted; an
-- opaque payload counts as the field `payload`.
--
-- grant: operator
CREATE FUNCTION runfold.readable_of_tenant(tenant uuid) RETURNS TABLE (type text, field text, events bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.type, f.field, count(*)
      FROM runfold.streams s
      JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
     CROSS JOIN LATERAL (
           SELECT d.key
             FROM jsonb_each(CASE jsonb_typeof(e.data) WHEN 'object' THEN e.data ELSE '{}' END) AS d (key, value)
            WHERE d.value <> 'null'
              AND NOT (jsonb_typeof(d.value) = 'object' AND d.value ? '$encrypted'
                       OR jsonb_typeof(d.value) = 'string' AND starts_with(d.value #>> '{}', 'encrypted:'))
            UNION ALL
           SELECT 'metadata' WHERE e.metadata <> '{}'
            UNION ALL
           SELECT 'payload' WHERE e.payload IS NOT NULL) AS f (field)
     WHERE s.user_id = tenant AND s.stream_id <> runfold.stream_id('tenant', tenant::text)
       AND e.stream_version BETWEEN 0 AND 9223372036854775807
     GROUP BY 1, 2
     ORDER BY 1, 2
$$;

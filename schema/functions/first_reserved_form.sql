-- The pointer of the first plain value of a call that a reader would take for an encrypted one; NULL
-- if it has none.
--
-- An append with encrypted = true says that its caller has encrypted such values. Without it they
-- come from somewhere else, a webhook's body for instance, and readers that fail closed would fail.
--
-- grant: engine, projector, operator, service_role
CREATE FUNCTION runfold.first_reserved_form(call jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('/%s/events/%s', a.n - 1, e.n - 1) || v.pointer
      FROM jsonb_array_elements(call) WITH ORDINALITY AS a (append, n)
     CROSS JOIN LATERAL jsonb_array_elements(a.append -> 'events') WITH ORDINALITY AS e (event, n)
     CROSS JOIN LATERAL (
        SELECT '/payload' AS pointer, 0 AS n
         WHERE starts_with(e.event ->> 'payload', 'cnVuZm9sZC1lbmNyeXB0ZWQK')
        UNION ALL
        SELECT '/data/' || f.key, f.n
          FROM jsonb_each(CASE WHEN jsonb_typeof(e.event -> 'data') = 'object' THEN e.event -> 'data' END)
               WITH ORDINALITY AS f (key, value, n)
         WHERE f.key = ANY (runfold.encryptable_fields()) AND f.key <> 'metadata' AND runfold.has_encrypted_form(f.value)
        UNION ALL
        SELECT '/data/metadata/' || replace(replace(m.key, '~', '~0'), '/', '~1'), m.n
          FROM jsonb_each(CASE WHEN jsonb_typeof(e.event #> '{data,metadata}') = 'object' THEN e.event #> '{data,metadata}' END)
               WITH ORDINALITY AS m (key, value, n)
         WHERE runfold.has_encrypted_form(m.value)) AS v
     WHERE a.append -> 'encrypted' IS DISTINCT FROM 'true'
       AND (v.pointer = '/payload'
            OR EXISTS (SELECT FROM runfold.event_fields k WHERE k.type = e.event ->> 'type'))
     ORDER BY a.n, e.n, v.pointer COLLATE "C" LIMIT 1
$$;

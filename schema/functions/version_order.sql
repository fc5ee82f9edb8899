-- What versions are ordered by: 1.10.0 after 1.9.0, and 2.0.0 after 2.0.0-rc.1, as semantic versions are. Others come first.
--
-- Missing numbers are 0, and what follows a plus sign does not count.
--
-- grant: engine, operator, agent, authenticated, service_role
CREATE FUNCTION runfold.version_order(version text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN p.part IS NULL THEN ARRAY['!', version]
                ELSE ARRAY[lpad(p.part[1], 50, '0'), lpad(coalesce(p.part[2], ''), 50, '0'), lpad(coalesce(p.part[3], ''), 50, '0')]
                     || CASE WHEN p.part[4] IS NULL THEN ARRAY['~']
                             ELSE (SELECT array_agg(CASE WHEN i.id ~ '^[0-9]+$' THEN '0' || lpad(i.id, 50, '0') ELSE 'A' || i.id END
                                                    ORDER BY i.n)
                                     FROM string_to_table(p.part[4], '.') WITH ORDINALITY AS i (id, n)) END
            END COLLATE "C"
      FROM (SELECT regexp_match(version, '^v?([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+))?)?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$')
           ) AS p (part)
$$;

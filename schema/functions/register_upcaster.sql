-- Makes runfold.upcast turn data of a type from one version into the next.
--
-- `function_name` is schema-qualified, takes jsonb and returns jsonb, and is IMMUTABLE. The type's
-- version is raised, and runfold.upcast is written again.
--
-- grant: operator
CREATE FUNCTION runfold.register_upcaster(type text, from_version integer, function_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    step regprocedure := to_regprocedure(function_name || '(jsonb)');
    body text;
BEGIN
    IF step IS NULL OR (SELECT p.prorettype <> 'jsonb'::regtype OR p.provolatile <> 'i' FROM pg_proc p WHERE p.oid = step) THEN
        RAISE EXCEPTION '% is not an IMMUTABLE function from jsonb to jsonb', function_name USING ERRCODE = '42883';
    END IF;
    PERFORM pg_advisory_xact_lock('runfold.upcasters'::regclass::oid::bigint::bit(32)::integer, 0);
    INSERT INTO runfold.upcasters AS u (type, from_version, function_name) VALUES (type, from_version, function_name)
        ON CONFLICT ON CONSTRAINT upcasters_pkey DO UPDATE SET function_name = excluded.function_name;
    UPDATE runfold.event_types t SET schema_version = from_version + 1
     WHERE t.type = register_upcaster.type AND t.schema_version < from_version + 1;
    IF NOT EXISTS (SELECT FROM runfold.event_types t WHERE t.type = register_upcaster.type) THEN
        RAISE EXCEPTION '% is not a registered event type', type USING ERRCODE = '42704';
    END IF;

    -- One branch for each type and version: every step from there to the newest, innermost first.
    WITH RECURSIVE chain (type, version, next, expression) AS (
        SELECT u.type, u.from_version, u.from_version + 1, format('%s(data)', u.function_name) FROM runfold.upcasters u
        UNION ALL
        SELECT c.type, c.version, c.next + 1, format('%s(%s)', u.function_name, c.expression)
          FROM chain c JOIN runfold.upcasters u ON u.type = c.type AND u.from_version = c.next
    ), longest AS (
        SELECT DISTINCT ON (c.type, c.version) c.* FROM chain c ORDER BY c.type, c.version, c.next DESC
    )
    SELECT string_agg(format('WHEN type OPERATOR(pg_catalog.=) %L AND schema_version OPERATOR(pg_catalog.=) %s THEN %s',
                             l.type, l.version, l.expression), E'\n        ' ORDER BY l.type, l.version)
      INTO body FROM longest l;
    EXECUTE format($f$CREATE OR REPLACE FUNCTION runfold.upcast(type text, schema_version integer, data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L$f$, format(E'\n    SELECT CASE\n        %s\n        ELSE data END\n', body));
    SELECT string_agg(format('WHEN %L THEN %s', t.type, t.version), E'\n        ' ORDER BY t.type)
      INTO body
      FROM (SELECT e.type, max(e.schema_version) AS version FROM runfold.event_types e
             WHERE e.closed AND e.schema_version > 1 GROUP BY e.type) AS t;
    IF body IS NOT NULL THEN
        EXECUTE format($f$CREATE OR REPLACE FUNCTION runfold.current_schema_version(type text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L$f$, format(E'\n    SELECT CASE type\n        %s\n        ELSE 1 END\n', body));
    END IF;
END
$$;

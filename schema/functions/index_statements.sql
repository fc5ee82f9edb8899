-- The statements that are left to build the index of a backfill, in order; none: it is built.
--
-- Each is to be run by itself, outside of a transaction: CREATE INDEX CONCURRENTLY holds up no writer. What a killed
-- one has left is an index that is not valid, and is dropped first. Of a partitioned table each partition gets its own
-- index, which is then attached to the one that the migration made on the parent alone.
--
-- grant: operator
CREATE FUNCTION runfold.index_statements(name text) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    entry runfold.backfills;
    whole regclass;
    part record;
    made text;
BEGIN
    SELECT * INTO entry FROM runfold.backfills b WHERE b.name = name;
    whole := to_regclass(entry.index_name);
    IF entry.index_definition <> '' THEN
        IF EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = whole AND i.indisvalid) THEN
            RETURN;
        END IF;
        IF whole IS NOT NULL THEN
            RETURN NEXT format('DROP INDEX CONCURRENTLY %s', whole);
        END IF;
        RETURN NEXT format('CREATE INDEX CONCURRENTLY %I %s', (parse_ident(entry.index_name))[2], entry.index_definition);
        RETURN;
    END IF;
    FOR part IN
        SELECT h.inhrelid::regclass AS leaf, n.nspname AS folder, left(c.relname, 32) || '_' || name AS index
          FROM pg_index i
          JOIN pg_inherits h ON h.inhparent = i.indrelid
          JOIN pg_class c ON c.oid = h.inhrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE i.indexrelid = whole
           AND NOT EXISTS (SELECT FROM pg_inherits a JOIN pg_index l ON l.indexrelid = a.inhrelid
                            WHERE a.inhparent = whole AND l.indrelid = h.inhrelid)
         ORDER BY c.relname COLLATE "C"
    LOOP
        made := format('%I.%I', part.folder, part.index);
        IF EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = to_regclass(made) AND NOT i.indisvalid) THEN
            RETURN NEXT format('DROP INDEX CONCURRENTLY %s', made);
        END IF;
        IF NOT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = to_regclass(made) AND i.indisvalid) THEN
            RETURN NEXT regexp_replace(pg_get_indexdef(whole), '^CREATE (UNIQUE )?INDEX .*? ON ONLY \S+ ',
                                       format('CREATE \1INDEX CONCURRENTLY %I ON %s ', part.index, part.leaf));
        END IF;
        RETURN NEXT format('ALTER INDEX %s ATTACH PARTITION %s', whole, made);
    END LOOP;
END
$$;

-- Enters a backfill, in the migration that needs it; once.
--
--   index_name         the index that it builds, with its schema; NULL: it changes rows
--   index_definition   what follows CREATE INDEX CONCURRENTLY and the name: `ON table (columns)`; '' of a partitioned
--                      table, where the migration has made the index ON ONLY the parent
--
-- grant: nobody
CREATE FUNCTION runfold.enter_backfill(
    name text, about text, since text, index_name text DEFAULT NULL, index_definition text DEFAULT NULL
) RETURNS void
LANGUAGE sql VOLATILE AS $$
    INSERT INTO runfold.backfills (name, about, since, index_name, index_definition)
    VALUES (name, about, since, index_name, index_definition)
    ON CONFLICT ON CONSTRAINT backfills_pkey DO NOTHING
$$;

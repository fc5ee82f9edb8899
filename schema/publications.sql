-- The publication by which users follow their rows: every read table that they see, in Supabase's where it is there, else in one
-- of ours. It costs nothing until a slot reads it. The replica identity stays the key: a deletion is not filtered by row security,
-- and carries the key only.

DO $realtime$
DECLARE
    publication text := 'supabase_realtime';
    published pg_publication;
    read_table regclass;
BEGIN
    SELECT * INTO published FROM pg_publication p WHERE p.pubname = publication;
    IF published.oid IS NULL THEN
        publication := 'runfold_realtime';
        -- A publication stays when the schemas of what it published are dropped.
        IF NOT EXISTS (SELECT FROM pg_publication p WHERE p.pubname = publication) THEN
            CREATE PUBLICATION runfold_realtime WITH (publish_via_partition_root = true);
        END IF;
        SELECT * INTO published FROM pg_publication p WHERE p.pubname = publication;
    END IF;
    IF published.puballtables OR NOT pg_has_role(published.pubowner, 'USAGE') THEN
        RAISE NOTICE 'the publication % is left as it is', publication;
        RETURN;
    END IF;
    FOR read_table IN
        SELECT c.oid
          FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND p.polname = 'a tenant reads its own rows'
               -- What was asked of other services is no news for a browser.
           AND c.relname <> 'external_api_call_logs'
               -- Without it the changes of a partition are published as those of a table that users cannot see.
           AND (c.relkind <> 'p' OR published.pubviaroot)
           AND NOT EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = published.oid AND r.prrelid = c.oid)
         ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER PUBLICATION %I ADD TABLE ONLY %s', publication, read_table);
    END LOOP;
END
$realtime$;

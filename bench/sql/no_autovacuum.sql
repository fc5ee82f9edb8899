-- Nothing is vacuumed or analyzed in this database but by command.
DO $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r'
               AND relnamespace::regnamespace::text IN ('public', 'runfold', 'runfold_partitions')
    LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)', t);
    END LOOP;
END
$$

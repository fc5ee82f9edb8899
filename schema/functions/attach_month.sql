-- Makes the partition of a table for a month, by the time in one of its columns, and returns nothing.
--
-- CREATE LIKE + CHECK + ATTACH leaves the parent open to readers and writers (PARTITION OF does not), and
-- the new table is not searched.
--
-- grant: nobody
CREATE FUNCTION runfold.attach_month(parent text, by_column text, month timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partition constant text := parent || '_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
    upto constant timestamptz := ((month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    EXECUTE format('CREATE TABLE runfold_partitions.%1$I (LIKE public.%2$I INCLUDING ALL,'
                   ' CONSTRAINT in_its_month CHECK (%3$I >= %4$L AND %3$I < %5$L))', partition, parent, by_column, month, upto);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION runfold_partitions.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, partition, month, upto);
    EXECUTE format('ALTER TABLE runfold_partitions.%I DROP CONSTRAINT in_its_month', partition);
END
$$;

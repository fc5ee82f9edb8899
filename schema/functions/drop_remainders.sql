-- Drops what was built for a swap that did not take place; returns how many tables.
--
-- grant: projector, operator
CREATE FUNCTION runfold.drop_remainders() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    swap record;
    dropped integer := 0;
BEGIN
    FOR swap IN DELETE FROM runfold.swaps s WHERE s.state = 'built' RETURNING s.from_position LOOP
        EXECUTE format('DROP TABLE IF EXISTS runfold_partitions.%I', 'remains_' || lpad(swap.from_position::text, 12, '0'));
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;

-- Adds activations to the counts of their days, and takes others away.
--
-- Sums only, so the order does not matter, and an hour or a day in which nothing happened has no row.
--
-- grant: nobody
CREATE FUNCTION runfold.count_nodes(rows runfold.counted_row[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    empty uuid[];
BEGIN
    IF cardinality(rows) = 0 THEN
        RETURN;
    END IF;
    WITH added AS (
        INSERT INTO public.node_days AS t
            (user_id, node_type, node_subtype, day, created, succeeded, failed, canceled, skipped, ended_succeeded, ended_failed, ended_canceled,
             ended_skipped, durations)
        SELECT s.user_id, s.node_type, s.node_subtype, (s.at AT TIME ZONE 'UTC')::date, s.created, s.succeeded, s.failed, s.canceled, s.other,
               s.ended_succeeded, s.ended_failed, s.ended_canceled, s.ended_other, s.durations
          FROM runfold.sum_of_rows(rows, '1 day') AS s
            ON CONFLICT (user_id, node_type, node_subtype, day) DO UPDATE SET
               created = t.created + excluded.created, succeeded = t.succeeded + excluded.succeeded,
               failed = t.failed + excluded.failed, canceled = t.canceled + excluded.canceled,
               skipped = t.skipped + excluded.skipped,
               ended_succeeded = t.ended_succeeded + excluded.ended_succeeded,
               ended_failed = t.ended_failed + excluded.ended_failed,
               ended_canceled = t.ended_canceled + excluded.ended_canceled,
               ended_skipped = t.ended_skipped + excluded.ended_skipped,
               durations = CASE WHEN 0 = ALL (excluded.durations) THEN t.durations
                                ELSE runfold.add_durations(t.durations, excluded.durations) END
        RETURNING t.id, t.created, t.ended_succeeded + t.ended_failed + t.ended_canceled + t.ended_skipped AS ended)
    SELECT array_agg(a.id) INTO empty FROM added a WHERE a.created = 0 AND a.ended = 0;
    IF empty IS NOT NULL THEN
        DELETE FROM public.node_days t WHERE t.id = ANY (empty);
    END IF;
END
$$;

-- Adds executions to the counts of their hours and days, and takes others away.
--
-- Sums only, so the order does not matter, and an hour or a day in which nothing happened has no row.
--
-- grant: nobody
CREATE FUNCTION runfold.count_executions(rows runfold.counted_row[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    empty uuid[];
BEGIN
    IF cardinality(rows) = 0 THEN
        RETURN;
    END IF;
    WITH added AS (
        INSERT INTO public.execution_hours AS t
            (user_id, workflow_id, hour, created, succeeded, failed, canceled, timed_out, ended_succeeded, ended_failed, ended_canceled,
             ended_timed_out, durations)
        SELECT s.user_id, s.workflow_id, s.at, s.created, s.succeeded, s.failed, s.canceled, s.other,
               s.ended_succeeded, s.ended_failed, s.ended_canceled, s.ended_other, s.durations
          FROM runfold.sum_of_rows(rows, '1 hour') AS s
            ON CONFLICT (user_id, workflow_id, hour) DO UPDATE SET
               created = t.created + excluded.created, succeeded = t.succeeded + excluded.succeeded,
               failed = t.failed + excluded.failed, canceled = t.canceled + excluded.canceled,
               timed_out = t.timed_out + excluded.timed_out,
               ended_succeeded = t.ended_succeeded + excluded.ended_succeeded,
               ended_failed = t.ended_failed + excluded.ended_failed,
               ended_canceled = t.ended_canceled + excluded.ended_canceled,
               ended_timed_out = t.ended_timed_out + excluded.ended_timed_out,
               durations = CASE WHEN 0 = ALL (excluded.durations) THEN t.durations
                                ELSE runfold.add_durations(t.durations, excluded.durations) END
        RETURNING t.id, t.created, t.ended_succeeded + t.ended_failed + t.ended_canceled + t.ended_timed_out AS ended)
    SELECT array_agg(a.id) INTO empty FROM added a WHERE a.created = 0 AND a.ended = 0;
    IF empty IS NOT NULL THEN
        DELETE FROM public.execution_hours t WHERE t.id = ANY (empty);
    END IF;
    WITH added AS (
        INSERT INTO public.execution_days AS t
            (user_id, workflow_id, day, created, succeeded, failed, canceled, timed_out, ended_succeeded, ended_failed, ended_canceled,
             ended_timed_out, durations)
        SELECT s.user_id, s.workflow_id, (s.at AT TIME ZONE 'UTC')::date, s.created, s.succeeded, s.failed, s.canceled, s.other,
               s.ended_succeeded, s.ended_failed, s.ended_canceled, s.ended_other, s.durations
          FROM runfold.sum_of_rows(rows, '1 day') AS s
            ON CONFLICT (user_id, workflow_id, day) DO UPDATE SET
               created = t.created + excluded.created, succeeded = t.succeeded + excluded.succeeded,
               failed = t.failed + excluded.failed, canceled = t.canceled + excluded.canceled,
               timed_out = t.timed_out + excluded.timed_out,
               ended_succeeded = t.ended_succeeded + excluded.ended_succeeded,
               ended_failed = t.ended_failed + excluded.ended_failed,
               ended_canceled = t.ended_canceled + excluded.ended_canceled,
               ended_timed_out = t.ended_timed_out + excluded.ended_timed_out,
               durations = CASE WHEN 0 = ALL (excluded.durations) THEN t.durations
                                ELSE runfold.add_durations(t.durations, excluded.durations) END
        RETURNING t.id, t.created, t.ended_succeeded + t.ended_failed + t.ended_canceled + t.ended_timed_out AS ended)
    SELECT array_agg(a.id) INTO empty FROM added a WHERE a.created = 0 AND a.ended = 0;
    IF empty IS NOT NULL THEN
        DELETE FROM public.execution_days t WHERE t.id = ANY (empty);
    END IF;
END
$$;

-- Makes stale copies of workflow_status in workflows again, `most` of them; returns how many notes are due still.
--
-- It copies what is noted as stale, is not locked now, and did not fail a moment ago. What a constraint
-- or a trigger of a user refuses is noted with its error, and tried again ever later, after five minutes
-- at most. One session at a time does this; another one leaves it to that.
--
-- grant: projector, operator
CREATE FUNCTION runfold.sync_workflows(most integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    due uuid[];
    one uuid;
BEGIN
    IF NOT pg_try_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 5) THEN
        RETURN 0;
    END IF;
    -- Of a workflow that failed one note suffices.
    DELETE FROM runfold.stale_workflows s
     WHERE EXISTS (SELECT FROM runfold.stale_workflows f WHERE f.workflow_id = s.workflow_id AND f.tries > 0 AND f.id < s.id);
    due := ARRAY(SELECT DISTINCT s.workflow_id
                   FROM (SELECT workflow_id FROM runfold.stale_workflows WHERE try_at <= clock_timestamp() ORDER BY tries, id LIMIT most) AS s);
    BEGIN
        PERFORM runfold.copy_to_workflows(due);
    EXCEPTION WHEN OTHERS THEN
        FOREACH one IN ARRAY due LOOP
            BEGIN
                PERFORM runfold.copy_to_workflows(ARRAY[one]);
            EXCEPTION WHEN OTHERS THEN
                PERFORM runfold.note_copy_failed(one, SQLSTATE, SQLERRM);
            END;
        END LOOP;
    END;
    RETURN (SELECT count(*) FROM runfold.stale_workflows WHERE try_at <= clock_timestamp());
END
$$;

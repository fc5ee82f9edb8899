-- Trigger: a batch of a user's group commits together with its checkpoint.
--
-- A transaction that began a batch commits with its checkpoint moved, or not at all: a COMMIT that
-- a projection slips in fails.
--
-- grant: nobody
CREATE FUNCTION runfold.refuse_unsettled_batch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM runfold.user_groups g
                WHERE g.group_name = NEW.group_name AND g.batch = pg_current_xact_id() AND NOT g.settled) THEN
        PERFORM runfold.refuse('batch_not_settled', words => jsonb_build_object('group_name', NEW.group_name));
    END IF;
    RETURN NULL;
END
$$;

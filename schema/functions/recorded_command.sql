-- The result that a command had when it was recorded; NULL if it was not, refused if it was with another body.
--
-- grant: nobody
CREATE FUNCTION runfold.recorded_command(command_id uuid, call jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    recorded runfold.commands;
BEGIN
    SELECT * INTO recorded FROM runfold.commands c WHERE c.command_id = command_id;
    IF FOUND AND recorded.digest <> runfold.command_digest(call) THEN
        PERFORM runfold.refuse('command_id_conflict', jsonb_build_object('command_id', command_id));
    END IF;
    RETURN recorded.result;
END
$$;

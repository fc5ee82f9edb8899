-- Records a command with its result, so that the call may be sent again.
--
-- grant: nobody
CREATE FUNCTION runfold.record_command(command_id uuid, call jsonb, result jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    INSERT INTO runfold.commands (command_id, digest, result, recorded_at)
    VALUES (command_id, runfold.command_digest(call), result, clock_timestamp()) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        -- A call to other streams recorded it meanwhile: calls to the same streams would have waited for each other.
        PERFORM runfold.refuse('command_id_conflict', jsonb_build_object('command_id', command_id));
    END IF;
END
$$;

-- Trigger of a shadow: notes the keys of the rows that a fold touches.
--
-- From the moment a shadow is compared, what a fold touches has to be compared once more.
--
-- grant: projector, operator
CREATE FUNCTION runfold.note_touched() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('INSERT INTO pg_temp.%I SELECT %s FROM changed', TG_ARGV[0], TG_ARGV[1]);
    RETURN NULL;
END
$$;

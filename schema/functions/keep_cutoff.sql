-- Trigger: keeps a cutoff from moving back, which would bring back rows that were removed.
--
-- grant: nobody
CREATE FUNCTION runfold.keep_cutoff() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.cutoff := greatest(OLD.cutoff, NEW.cutoff);
    RETURN NEW;
END
$$;

-- Fills search_content of a document with its content, where none is given.
--
-- grant: nobody
CREATE FUNCTION runfold.fill_search_content() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.search_content IS NULL
       OR (TG_OP = 'UPDATE' AND NEW.search_content = OLD.search_content AND OLD.search_content = OLD.content) THEN
        NEW.search_content := NEW.content;
    END IF;
    RETURN NEW;
END
$$;

-- Gives a row the language of its collection, which it makes if it is the first row.
--
-- So an INSERT that names no collection's facts, as the specification's, works. Tables and types are named with their schemas;
-- the row's size is computed after this trigger, so the collection's is taken from the vector's text.
--
-- grant: nobody
CREATE FUNCTION runfold.place_embedding() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known text;
BEGIN
    SELECT c.language INTO known FROM public.vector_collections c
     WHERE c.user_id = NEW.user_id AND c.name = NEW.collection_name;
    IF known IS NULL THEN
        INSERT INTO public.vector_collections (user_id, name, model, dimensions)
        VALUES (NEW.user_id, NEW.collection_name, NEW.model, cardinality(NEW.embedding::real[]))
            ON CONFLICT (user_id, name) DO NOTHING;
        SELECT c.language INTO known FROM public.vector_collections c
         WHERE c.user_id = NEW.user_id AND c.name = NEW.collection_name;
    END IF;
    NEW.language := coalesce(known, NEW.language);
    RETURN NEW;
END
$$;

-- Copies the present prices into ai_models after prices changed.
--
-- As the owner: the copied columns are nobody's to write.
--
-- grant: nobody
CREATE FUNCTION runfold.note_price_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runfold.copy_present_prices();
    RETURN NULL;
END
$$;

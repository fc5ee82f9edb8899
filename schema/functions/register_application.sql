-- Gives an application the category of its opaque events; a category has one application.
--
-- The category takes any type of opaque event. It belongs to one application in any case of its
-- letters. The vocabulary's categories, and those that others registered, are refused.
--
-- grant: engine, operator, service_role
CREATE FUNCTION runfold.register_application(category text, name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    holder text;
BEGIN
    SELECT a.name INTO holder FROM runfold.applications a WHERE a.category = register_application.category;
    IF NOT FOUND THEN
        PERFORM runfold.raise_value_fault('name', 1, 255, NULL, to_jsonb(name), '/name');
        -- Refuses the vocabulary's categories, and waits for whoever registers this one at the moment.
        LOCK TABLE runfold.applications IN SHARE ROW EXCLUSIVE MODE;
        SELECT a.name INTO holder FROM runfold.applications a WHERE a.category = register_application.category;
        IF NOT FOUND THEN
            IF EXISTS (SELECT FROM runfold.event_types t WHERE t.category = register_application.category AND NOT t.closed) THEN
                holder := category || ' (register_event_types)';
            ELSE
                PERFORM runfold.register_event_types(category, '{*}', 1, true);
                INSERT INTO runfold.applications (category, name) VALUES (category, name);
                RETURN;
            END IF;
        END IF;
    END IF;
    IF lower(holder) <> lower(name) THEN
        PERFORM runfold.refuse('category_taken', jsonb_build_object('category', category, 'holder', holder));
    END IF;
END
$$;

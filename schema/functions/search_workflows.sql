-- The caller's workflows that have all of these tags, and whose name begins so, by name; large and small letters are the same.
--
-- As its owner and for no user but the caller's: under row security the index of tags is not used.
--
-- grant: authenticated
CREATE FUNCTION runfold.search_workflows(
    having_tags text[] DEFAULT NULL, name_begins text DEFAULT NULL, max_results integer DEFAULT 20
) RETURNS SETOF public.workflows
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM runfold.search_workflows_of(auth.uid(), having_tags, name_begins, max_results)
$$;

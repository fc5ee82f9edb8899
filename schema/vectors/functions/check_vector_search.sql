-- Refuses a search with a limit, a threshold or a vector that cannot be, and returns the number of the collection.
--
-- Null for a collection that this user does not have, or that is not there: its search finds nothing. A vector of another size
-- than the collection's is refused, because nothing of it could be compared.
--
-- grant: engine, projector, operator, agent, reader, authenticated, service_role
CREATE FUNCTION runfold.check_vector_search(who uuid, collection text, size integer, max_results integer,
                                            similarity_threshold double precision) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_collection public.vector_collections;
BEGIN
    IF max_results IS NULL OR max_results NOT BETWEEN 1 AND 1000 THEN
        PERFORM runfold.refuse_search('invalid_search', jsonb_build_object(
            'pointer', 'max_results', 'found', max_results, 'limit', '1 to 1000'));
    ELSIF similarity_threshold IS NULL OR NOT similarity_threshold BETWEEN -1 AND 1 THEN
        PERFORM runfold.refuse_search('invalid_search', jsonb_build_object(
            'pointer', 'similarity_threshold', 'found', similarity_threshold::text, 'limit', '-1 to 1'));
    ELSIF size IS NULL THEN
        PERFORM runfold.refuse_search('invalid_search', jsonb_build_object(
            'pointer', 'query_embedding', 'found', NULL, 'limit', 'a vector'));
    END IF;
    SELECT * INTO found_collection FROM public.vector_collections c WHERE c.user_id = who AND c.name = collection;
    IF found_collection.dimensions <> size THEN
        PERFORM runfold.refuse_search('other_dimensions', jsonb_build_object(
            'pointer', 'query_embedding', 'collection', collection, 'limit', found_collection.dimensions, 'found', size));
    END IF;
    RETURN found_collection.number;
END
$$;

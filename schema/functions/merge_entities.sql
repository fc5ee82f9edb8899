-- Merges an entity into another one, which keeps its name, and returns it.
--
-- The relationships of the second become the first's, but for those that the first has already, and for one with itself.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.merge_entities(tenant uuid, kept uuid, dropped uuid) RETURNS SETOF public.entities
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone public.entities;
BEGIN
    IF kept = dropped THEN
        PERFORM runfold.refuse('merged_with_itself', jsonb_build_object('pointer', '/drop', 'found', dropped));
    END IF;
    -- In one order for everybody, so that two merges cannot deadlock.
    PERFORM FROM public.entities e WHERE e.user_id = tenant AND e.id IN (kept, dropped) ORDER BY e.id FOR UPDATE;
    SELECT * INTO gone FROM public.entities e WHERE e.user_id = tenant AND e.id = dropped;
    IF gone.id IS NULL OR NOT EXISTS (SELECT FROM public.entities e WHERE e.user_id = tenant AND e.id = kept) THEN
        PERFORM runfold.refuse('unknown_entity', jsonb_build_object('found', CASE WHEN gone.id IS NULL THEN dropped ELSE kept END));
    END IF;
    INSERT INTO public.entity_relationships AS r
           (user_id, source_entity_id, target_entity_id, relationship_type, relationship_attributes, confidence, source, created_at)
    SELECT tenant, moved.source_id, moved.target_id, o.relationship_type, o.relationship_attributes, o.confidence, o.source, o.created_at
      FROM public.entity_relationships o
     CROSS JOIN LATERAL (SELECT CASE o.source_entity_id WHEN dropped THEN kept ELSE o.source_entity_id END AS source_id,
                                CASE o.target_entity_id WHEN dropped THEN kept ELSE o.target_entity_id END AS target_id) AS moved
     WHERE o.user_id = tenant AND dropped IN (o.source_entity_id, o.target_entity_id) AND moved.source_id <> moved.target_id
     ORDER BY moved.source_id, moved.target_id, o.relationship_type
        ON CONFLICT (user_id, source_entity_id, target_entity_id, relationship_type) DO UPDATE
       SET relationship_attributes = excluded.relationship_attributes || r.relationship_attributes,
           confidence = greatest(r.confidence, excluded.confidence), updated_at = now();
    DELETE FROM public.entities e WHERE e.user_id = tenant AND e.id = dropped;
    RETURN QUERY
    UPDATE public.entities e
       SET aliases = runfold.known_as(e.aliases || gone.name::text || gone.aliases, e.name),
           attributes = gone.attributes || e.attributes, description = coalesce(e.description, gone.description),
           importance_score = greatest(e.importance_score, gone.importance_score),
           first_seen = least(e.first_seen, gone.first_seen), last_seen = greatest(e.last_seen, gone.last_seen),
           mention_count = e.mention_count + gone.mention_count, updated_at = now()
     WHERE e.user_id = tenant AND e.id = kept
    RETURNING e.*;
END
$$;

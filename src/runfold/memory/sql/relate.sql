-- Relates two entities, or changes how they are related; no row where one of them is not known.
-- Parameters: user, source, target, type, attributes (JSON text), confidence, known_from.
INSERT INTO public.entity_relationships AS r
       (user_id, source_entity_id, target_entity_id, relationship_type, relationship_attributes, confidence, source)
SELECT %(user)s, a.id, b.id, %(type)s, coalesce(%(attributes)s::jsonb, '{}'),
       coalesce(%(confidence)s::double precision, 1.0),
       %(known_from)s
  FROM public.entities a, public.entities b
 WHERE a.user_id = %(user)s AND a.id = %(source)s AND b.user_id = %(user)s AND b.id = %(target)s
    ON CONFLICT (user_id, source_entity_id, target_entity_id, relationship_type) DO UPDATE
   SET relationship_attributes = r.relationship_attributes || excluded.relationship_attributes,
       confidence = coalesce(%(confidence)s::double precision, r.confidence), source = coalesce(excluded.source,
           r.source),
       updated_at = now()
RETURNING r.id, r.source_entity_id, r.target_entity_id, r.relationship_type, r.relationship_attributes, r.confidence,
       r.source

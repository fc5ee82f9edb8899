-- Learns that a fact holds from a time on, and returns it as it is then kept.
--
-- Facts that say the same never overlap: what covers the time already is validated and keeps its id. An exclusive fact
-- ends the others of its subject and predicate that hold at that time. A fact ends where the next one begins that says
-- the same or that it excludes; nothing is overwritten. The content is an object with the columns confidence, source,
-- domain, fact_type and metadata.
--
-- grant: engine, operator, authenticated, service_role
CREATE FUNCTION runfold.learn_fact(
    tenant uuid, about text, relation text, what jsonb, content jsonb DEFAULT '{}', since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, exclusive boolean DEFAULT false, ttl interval DEFAULT NULL
) RETURNS SETOF public.knowledge_facts
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hash constant text := md5(what::text);
    covering public.knowledge_facts;
    following public.knowledge_facts;
    kept uuid;
    before uuid[];
BEGIN
    PERFORM runfold.lock_memory(tenant, concat('fact/', about, '/', relation));
    since := coalesce(since, clock_timestamp());
    IF until <= since THEN
        PERFORM runfold.refuse('ends_before_it_begins', jsonb_build_object('pointer', '/valid_to', 'found', until, 'limit', since));
    END IF;
    SELECT * INTO covering FROM public.knowledge_facts f
     WHERE f.user_id = tenant AND f.subject = about AND f.predicate = relation AND f.object_hash = hash
       AND f.valid_from <= since AND (f.valid_to IS NULL OR f.valid_to > since)
     LIMIT 1;
    SELECT * INTO following FROM public.knowledge_facts f
     WHERE f.user_id = tenant AND f.subject = about AND f.predicate = relation AND (exclusive OR f.object_hash = hash)
       AND f.valid_from > since AND (f.valid_to IS NULL OR f.valid_to > f.valid_from)
     ORDER BY f.valid_from, f.id
     LIMIT 1;
    until := least(until, following.valid_from);
    IF following.id IS NULL THEN
        -- One fact that says this is not superseded. A tenant gives no ids, so they name themselves until the new one has its own.
        WITH superseded AS (
            UPDATE public.knowledge_facts f SET superseded_by = coalesce(covering.id, f.id), updated_at = now()
             WHERE f.user_id = tenant AND f.subject = about AND f.predicate = relation AND f.object_hash = hash
               AND f.superseded_by IS NULL AND f.id IS DISTINCT FROM covering.id
            RETURNING f.id
        )
        SELECT array_agg(s.id) INTO before FROM superseded s;
    END IF;
    IF covering.id IS NOT NULL THEN
        UPDATE public.knowledge_facts f
           SET valid_to = until, superseded_by = following.id,
               confidence = coalesce((content ->> 'confidence')::double precision, f.confidence),
               source = coalesce(content ->> 'source', f.source), domain = coalesce(content ->> 'domain', f.domain),
               fact_type = coalesce(content ->> 'fact_type', f.fact_type),
               metadata = f.metadata || coalesce(content -> 'metadata', '{}'),
               expires_at = coalesce(now() + ttl, f.expires_at), validated_at = now(), updated_at = now()
         WHERE f.user_id = tenant AND f.id = covering.id
        RETURNING f.id INTO kept;
    ELSE
        INSERT INTO public.knowledge_facts AS f
               (user_id, subject, predicate, object, confidence, source, domain, fact_type, metadata, expires_at,
                valid_from, valid_to, superseded_by)
        VALUES (tenant, about, relation, what, coalesce((content ->> 'confidence')::double precision, 1.0),
                content ->> 'source', content ->> 'domain', content ->> 'fact_type', coalesce(content -> 'metadata', '{}'),
                now() + ttl, since, until, following.id)
        RETURNING f.id INTO kept;
        UPDATE public.knowledge_facts f SET superseded_by = kept WHERE f.user_id = tenant AND f.id = ANY (before);
    END IF;
    IF exclusive THEN
        UPDATE public.knowledge_facts f SET valid_to = since, superseded_by = kept, updated_at = now()
         WHERE f.user_id = tenant AND f.subject = about AND f.predicate = relation AND f.object_hash <> hash
           AND f.valid_from <= since AND (f.valid_to IS NULL OR f.valid_to > since);
    END IF;
    RETURN QUERY SELECT * FROM public.knowledge_facts f WHERE f.user_id = tenant AND f.id = kept;
END
$$;

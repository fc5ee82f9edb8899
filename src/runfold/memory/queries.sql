-- The statements of this room, by name: one a method of the memory. A statement of 14 lines or more has a file of its
-- own in sql/.

-- name: active_rules
-- The rules that are active, the greatest priority first.
-- Parameters: user, limit.
SELECT r.id, r.rule_name, r.description, r.conditions, r.actions, r.priority, r.active
  FROM public.knowledge_rules r
 WHERE r.user_id = %(user)s AND r.active
 ORDER BY r.priority DESC, r.rule_name
 LIMIT %(limit)s

-- name: add_messages
-- Adds messages to the end of a conversation, under its lock.
-- Parameters: user, session, messages (JSON text), ttl.
SELECT m.id, m.session_id, m.message_index, m.role, m.content, m.metadata, m.tokens_count, m.timestamp, m.expires_at
  FROM runfold.add_messages(%(user)s, %(session)s, %(messages)s::jsonb, %(ttl)s::interval) AS m
 ORDER BY m.message_index

-- name: add_summary
-- Adds a summary of a conversation, linked to the one before.
-- Parameters: user, session, content (JSON text), upto (null: the newest message).
SELECT s.id, s.session_id, s.sequence, s.summary, s.key_points, s.entities, s.topics, s.summary_type,
       s.message_count, s.upto_index,
       s.token_count, s.model_used, s.confidence_score, s.previous_summary_id, s.created_at
  FROM runfold.add_summary(%(user)s, %(session)s, jsonb_strip_nulls(%(content)s::jsonb), %(upto)s::integer) AS s

-- name: clear_messages
-- Deletes the messages before a place.
-- Parameters: user, session, before (null: all).
WITH deleted AS (
    DELETE FROM public.conversation_buffers m
     WHERE m.user_id = %(user)s AND m.session_id = %(session)s
       AND (%(before)s::integer IS NULL OR m.message_index < %(before)s)
    RETURNING 1
)
SELECT count(*) FROM deleted

-- name: clear_summaries
-- Deletes the summaries before a sequence.
-- Parameters: user, session, before (null: all).
WITH deleted AS (
    DELETE FROM public.conversation_summaries s
     WHERE s.user_id = %(user)s AND s.session_id = %(session)s
         AND (%(before)s::integer IS NULL OR s.sequence < %(before)s)
    RETURNING 1
)
SELECT count(*) FROM deleted

-- name: delete_documents
-- Deletes documents.
-- Parameters: user, collection, id, tags, category, before (each null: any).
WITH deleted AS (
    DELETE FROM public.document_store d
     WHERE d.user_id = %(user)s AND (%(collection)s::text IS NULL OR d.collection_name = %(collection)s)
       AND (%(id)s::text IS NULL OR d.id = %(id)s) AND (%(tags)s::text[] IS NULL OR d.tags @> %(tags)s::text[])
       AND (%(category)s::text IS NULL OR d.category = %(category)s)
       AND (%(before)s::timestamptz IS NULL OR d.updated_at < %(before)s)
    RETURNING 1
)
SELECT count(*) FROM deleted

-- name: delete_edges
-- Deletes edges of the graph.
-- Parameters: user, source, target, type (each null: any).
WITH deleted AS (
    DELETE FROM public.graph_relationships r
     WHERE r.user_id = %(user)s AND (%(source)s::text IS NULL OR r.source_node_id = %(source)s)
       AND (%(target)s::text IS NULL OR r.target_node_id = %(target)s)
       AND (%(type)s::text IS NULL OR r.relationship_type = %(type)s)
    RETURNING 1
)
SELECT count(*) FROM deleted

-- name: delete_entities
-- Deletes entities with their relationships.
-- Parameters: user, entity, type, not_seen_since (each null: any).
WITH deleted AS (
    DELETE FROM public.entities e
     WHERE e.user_id = %(user)s AND (%(entity)s::uuid IS NULL OR e.id = %(entity)s)
       AND (%(type)s::text IS NULL OR e.type = %(type)s)
       AND (%(not_seen_since)s::timestamptz IS NULL OR e.last_seen < %(not_seen_since)s)
    RETURNING 1
)
SELECT count(*) FROM deleted

-- name: delete_episodes
-- Deletes episodes.
-- Parameters: user, episode, actor, session, before (each null: any).
WITH deleted AS (
    DELETE FROM public.episodic_memory e
     WHERE e.user_id = %(user)s AND (%(episode)s::uuid IS NULL OR e.id = %(episode)s)
       AND (%(actor)s::text IS NULL OR e.actor = %(actor)s)
           AND (%(session)s::text IS NULL OR e.session_id = %(session)s)
       AND (%(before)s::timestamptz IS NULL OR e.timestamp < %(before)s)
    RETURNING 1
)
SELECT count(*) FROM deleted

-- name: delete_facts
-- Deletes facts, their history included.
-- Parameters: user, fact, subject, predicate, domain (each null: any).
WITH deleted AS (
    DELETE FROM public.knowledge_facts f
     WHERE f.user_id = %(user)s AND (%(fact)s::uuid IS NULL OR f.id = %(fact)s)
       AND (%(subject)s::text IS NULL OR f.subject = %(subject)s)
           AND (%(predicate)s::text IS NULL OR f.predicate = %(predicate)s)
       AND (%(domain)s::text IS NULL OR f.domain = %(domain)s)
    RETURNING 1
)
SELECT count(*) FROM deleted

-- name: delete_nodes
-- Deletes nodes of the graph with their edges.
-- Parameters: user, id, type (each null: any).
WITH deleted AS (
    DELETE FROM public.graph_nodes n
     WHERE n.user_id = %(user)s AND (%(id)s::text IS NULL OR n.id = %(id)s)
         AND (%(type)s::text IS NULL OR n.type = %(type)s)
    RETURNING 1
)
SELECT count(*) FROM deleted

-- name: delete_rule
-- Deletes a rule.
-- Parameters: user, name.
WITH deleted AS (
    DELETE FROM public.knowledge_rules r WHERE r.user_id = %(user)s AND r.rule_name = %(name)s RETURNING 1
)
SELECT count(*) FROM deleted

-- name: document_collections
-- The collections, with the number of their documents.
-- Parameters: user, limit.
SELECT d.collection_name, count(*) AS documents
  FROM public.document_store d
 WHERE d.user_id = %(user)s AND (d.expires_at IS NULL OR d.expires_at > now())
 GROUP BY d.collection_name
 ORDER BY d.collection_name
 LIMIT %(limit)s

-- name: document_tags
-- How many matching documents have each tag; the tenant is the caller.
-- Parameters: query, collection, tags, limit.
SELECT t.tag, t.documents
  FROM runfold.document_tags(%(query)s, %(collection)s, %(tags)s::text[], %(limit)s) AS t

-- name: document_tags_of
-- How many matching documents have each tag; a service names the tenant.
-- Parameters: user, query, collection, tags, limit.
SELECT t.tag, t.documents
  FROM runfold.document_tags_of(%(user)s, %(query)s, %(collection)s, %(tags)s::text[], %(limit)s) AS t

-- name: edges
-- The edges of a node, the strongest first, in both directions.
-- Parameters: user, id, limit.
SELECT r.id, r.source_node_id, r.target_node_id, r.relationship_type, r.properties, r.weight
  FROM public.graph_relationships r
 WHERE r.user_id = %(user)s AND (r.source_node_id = %(id)s OR r.target_node_id = %(id)s)
 ORDER BY r.weight DESC, r.id
 LIMIT %(limit)s

-- name: entity_relationships
-- The relationships of an entity, in both directions.
-- Parameters: user, entity, limit.
SELECT r.id, r.source_entity_id, r.target_entity_id, r.relationship_type, r.relationship_attributes, r.confidence,
       r.source
  FROM public.entity_relationships r
 WHERE r.user_id = %(user)s AND (r.source_entity_id = %(entity)s OR r.target_entity_id = %(entity)s)
 ORDER BY r.relationship_type, r.id
 LIMIT %(limit)s

-- name: fact_history
-- All that was known about a subject, in the order in which it held.
-- Parameters: user, subject, predicate (null: any), limit.
SELECT f.id, f.subject, f.predicate, f.object, f.confidence, f.source, f.domain, f.fact_type, f.metadata,
       f.valid_from, f.valid_to,
       f.superseded_by, f.created_at, f.validated_at, f.expires_at
  FROM public.knowledge_facts f
 WHERE f.user_id = %(user)s AND f.subject = %(subject)s
     AND (%(predicate)s::text IS NULL OR f.predicate = %(predicate)s)
   AND (f.expires_at IS NULL OR f.expires_at > now())
 ORDER BY f.predicate, f.valid_from, f.created_at, f.id
 LIMIT %(limit)s

-- name: facts_about
-- The facts about a subject that hold at a time.
-- Parameters: user, subject, predicate, domain (each null: any), at (null: now), limit.
SELECT f.id, f.subject, f.predicate, f.object, f.confidence, f.source, f.domain, f.fact_type, f.metadata,
       f.valid_from, f.valid_to,
       f.superseded_by, f.created_at, f.validated_at, f.expires_at
  FROM public.knowledge_facts f
 WHERE f.user_id = %(user)s AND f.subject = %(subject)s
     AND (%(predicate)s::text IS NULL OR f.predicate = %(predicate)s)
   AND (%(domain)s::text IS NULL OR f.domain = %(domain)s)
   AND f.valid_from <= coalesce(%(at)s::timestamptz, clock_timestamp())
   AND (f.valid_to IS NULL OR f.valid_to > coalesce(%(at)s::timestamptz, clock_timestamp()))
   AND (f.expires_at IS NULL OR f.expires_at > now())
 ORDER BY f.predicate, f.valid_from, f.id
 LIMIT %(limit)s

-- name: get_document
-- A document by its id.
-- Parameters: user, collection, id.
SELECT d.collection_name, d.id, d.title, d.description, d.content, d.metadata, d.category, d.tags, d.language,
       d.created_at,
       d.updated_at, d.expires_at
  FROM public.document_store d
 WHERE d.user_id = %(user)s AND d.collection_name = %(collection)s AND d.id = %(id)s
   AND (d.expires_at IS NULL OR d.expires_at > now())

-- name: get_entity
-- An entity by its type and name.
-- Parameters: user, name, type.
SELECT e.id, e.name, e.type, e.aliases, e.attributes, e.description, e.importance_score, e.first_seen, e.last_seen,
       e.mention_count
  FROM public.entities e
 WHERE e.user_id = %(user)s AND e.type = %(type)s AND e.name = %(name)s

-- name: get_node
-- A node of the graph by its id.
-- Parameters: user, id.
SELECT n.id, n.label, n.type, n.properties
  FROM public.graph_nodes n
 WHERE n.user_id = %(user)s AND n.id = %(id)s

-- name: get_rule
-- A rule by its name.
-- Parameters: user, name.
SELECT r.id, r.rule_name, r.description, r.conditions, r.actions, r.priority, r.active
  FROM public.knowledge_rules r
 WHERE r.user_id = %(user)s AND r.rule_name = %(name)s

-- name: graph_neighbours
-- The nodes around one, the nearest first.
-- Parameters: user, id, depth, limit, direction, types (text[], null: any).
SELECT n.id, n.label, n.type, n.properties, n.distance
  FROM runfold.graph_neighbours(%(user)s, %(id)s, %(depth)s, %(limit)s, %(direction)s, %(types)s::text[]) AS n

-- name: graph_path
-- A shortest path between two nodes, from the first to the last.
-- Parameters: user, start, goal, max_depth, direction, types (text[], null: any).
SELECT n.id, n.label, n.type, n.properties
  FROM runfold.graph_path(%(user)s, %(start)s, %(goal)s, %(max_depth)s, %(direction)s, %(types)s::text[]) AS n
 ORDER BY n.step

-- name: important_entities
-- The most important entities.
-- Parameters: user, type (null: any), limit.
SELECT e.id, e.name, e.type, e.aliases, e.attributes, e.description, e.importance_score, e.first_seen, e.last_seen,
       e.mention_count
  FROM public.entities e
 WHERE e.user_id = %(user)s AND (%(type)s::text IS NULL OR e.type = %(type)s)
 ORDER BY e.importance_score DESC, e.id
 LIMIT %(limit)s

-- name: learn_fact
-- Learns that a fact holds from a time on.
-- Parameters: user, subject, predicate, object, content (JSON text), valid_from, valid_to, exclusive, ttl.
SELECT f.id, f.subject, f.predicate, f.object, f.confidence, f.source, f.domain, f.fact_type, f.metadata,
       f.valid_from, f.valid_to,
       f.superseded_by, f.created_at, f.validated_at, f.expires_at
  FROM runfold.learn_fact(%(user)s, %(subject)s, %(predicate)s, %(object)s::jsonb,
      jsonb_strip_nulls(%(content)s::jsonb),
                          %(valid_from)s::timestamptz, %(valid_to)s::timestamptz, %(exclusive)s,
                              %(ttl)s::interval) AS f

-- name: merge_entities
-- Merges an entity into another one.
-- Parameters: user, keep, drop.
SELECT e.id, e.name, e.type, e.aliases, e.attributes, e.description, e.importance_score, e.first_seen, e.last_seen,
       e.mention_count
  FROM runfold.merge_entities(%(user)s, %(keep)s, %(drop)s) AS e

-- name: message_window
-- The newest messages after a place that fit into so many tokens together, in order.
-- Parameters: user, session, after, max_tokens, max_messages.
SELECT m.id, m.session_id, m.message_index, m.role, m.content, m.metadata, m.tokens_count, m.timestamp, m.expires_at
  FROM (SELECT c.*, sum(coalesce(c.tokens_count, (length(c.content) + 3) / 4))
                        OVER (ORDER BY c.message_index DESC ROWS UNBOUNDED PRECEDING) AS tokens
          FROM (SELECT b.* FROM public.conversation_buffers b
                 WHERE b.user_id = %(user)s AND b.session_id = %(session)s AND b.message_index > %(after)s
                   AND (b.expires_at IS NULL OR b.expires_at > now())
                 ORDER BY b.message_index DESC
                 LIMIT %(max_messages)s) AS c) AS m
 WHERE m.tokens <= %(max_tokens)s
 ORDER BY m.message_index

-- name: messages_after
-- The messages after a place, in order.
-- Parameters: user, session, after, limit.
SELECT m.id, m.session_id, m.message_index, m.role, m.content, m.metadata, m.tokens_count, m.timestamp, m.expires_at
  FROM public.conversation_buffers m
 WHERE m.user_id = %(user)s AND m.session_id = %(session)s AND m.message_index > %(after)s
   AND (m.expires_at IS NULL OR m.expires_at > now())
 ORDER BY m.message_index
 LIMIT %(limit)s

-- name: put_edge
-- Adds an edge of the graph, or changes its weight and properties; no row where one of its nodes is not there.
-- Parameters: user, source, target, type, weight, properties (JSON text).
INSERT INTO public.graph_relationships AS r (user_id, source_node_id, target_node_id, relationship_type, weight,
    properties)
SELECT %(user)s, a.id, b.id, %(type)s, %(weight)s::double precision, coalesce(%(properties)s::jsonb, '{}')
  FROM public.graph_nodes a, public.graph_nodes b
 WHERE a.user_id = %(user)s AND a.id = %(source)s AND b.user_id = %(user)s AND b.id = %(target)s
    ON CONFLICT (user_id, source_node_id, target_node_id, relationship_type) DO UPDATE
   SET weight = excluded.weight, properties = r.properties || excluded.properties, updated_at = now()
RETURNING r.id, r.source_node_id, r.target_node_id, r.relationship_type, r.properties, r.weight

-- name: put_node
-- Adds a node of the graph, or changes it: properties are merged by key.
-- Parameters: user, id, label, type, properties (JSON text).
INSERT INTO public.graph_nodes AS n (user_id, id, label, type, properties)
VALUES (%(user)s, %(id)s, %(label)s, %(type)s, coalesce(%(properties)s::jsonb, '{}'))
    ON CONFLICT (user_id, id) DO UPDATE
   SET label = excluded.label, type = excluded.type, properties = n.properties || excluded.properties,
       updated_at = now()
RETURNING n.id, n.label, n.type, n.properties

-- name: put_rule
-- Keeps a rule under its name.
-- Parameters: user, name, conditions, actions (JSON text), priority, active, description.
INSERT INTO public.knowledge_rules AS r (user_id, rule_name, conditions, actions, priority, active, description)
VALUES (%(user)s, %(name)s, %(conditions)s::jsonb, %(actions)s::jsonb, %(priority)s, %(active)s, %(description)s)
    ON CONFLICT (user_id, rule_name) DO UPDATE
   SET conditions = excluded.conditions, actions = excluded.actions, priority = excluded.priority,
       active = excluded.active,
       description = excluded.description, updated_at = now()
RETURNING r.id, r.rule_name, r.description, r.conditions, r.actions, r.priority, r.active

-- name: recent_episodes
-- The newest episodes.
-- Parameters: user, actor, session, since, until, min_importance (each null: any), limit.
SELECT e.id, e.actor, e.action, e.object, e.context, e.outcome, e.importance, e.timestamp, e.session_id,
       e.event_description, e.language,
       e.expires_at
  FROM public.episodic_memory e
 WHERE e.user_id = %(user)s AND (%(actor)s::text IS NULL OR e.actor = %(actor)s)
   AND (%(session)s::text IS NULL OR e.session_id = %(session)s)
   AND (%(since)s::timestamptz IS NULL OR e.timestamp >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR e.timestamp < %(until)s)
   AND (%(min_importance)s::numeric IS NULL OR e.importance >= %(min_importance)s)
   AND (e.expires_at IS NULL OR e.expires_at > now())
 ORDER BY e.timestamp DESC, e.id
 LIMIT %(limit)s

-- name: record_episode
-- Records what happened.
-- Parameters: user, actor, action, object, context, outcome (JSON text), importance, at, session, description,
-- language, ttl.
INSERT INTO public.episodic_memory AS e
       (user_id, actor, action, object, context, outcome, importance, timestamp, session_id, event_description,
           language, expires_at)
VALUES (%(user)s, %(actor)s, %(action)s, %(object)s, coalesce(%(context)s::jsonb, '{}'), coalesce(%(outcome)s::jsonb,
    '{}'),
        %(importance)s::double precision, coalesce(%(at)s::timestamptz, clock_timestamp()), %(session)s,
            %(description)s, %(language)s,
        now() + %(ttl)s::interval)
RETURNING e.id, e.actor, e.action, e.object, e.context, e.outcome, e.importance, e.timestamp, e.session_id,
       e.event_description, e.language,
       e.expires_at

-- name: retract_facts
-- Ends the facts that hold at a time, and returns them.
-- Parameters: user, subject, predicate, object (JSON text, null: any), at (null: now).
UPDATE public.knowledge_facts f
   SET valid_to = w.at, updated_at = now()
  FROM (SELECT coalesce(%(at)s::timestamptz, clock_timestamp()) AS at) AS w
 WHERE f.user_id = %(user)s AND f.subject = %(subject)s AND f.predicate = %(predicate)s
   AND (%(object)s::jsonb IS NULL OR f.object_hash = md5((%(object)s::jsonb)::text))
   AND f.valid_from <= w.at AND (f.valid_to IS NULL OR f.valid_to > w.at)
RETURNING f.id, f.subject, f.predicate, f.object, f.confidence, f.source, f.domain, f.fact_type, f.metadata,
       f.valid_from, f.valid_to,
       f.superseded_by, f.created_at, f.validated_at, f.expires_at

-- name: search_documents
-- A page of the documents that match; the tenant is the caller.
-- Parameters: query, collection, tags, category, metadata (JSON text), limit, offset.
SELECT d.collection_name, d.id, d.title, d.description, d.content, d.metadata, d.category, d.tags, d.language,
       d.created_at,
       d.updated_at, d.expires_at,
       d.rank, d.highlight
  FROM runfold.search_documents(%(query)s, %(collection)s, %(tags)s::text[], %(category)s, %(metadata)s::jsonb,
      %(limit)s, %(offset)s) AS d

-- name: search_documents_of
-- A page of the documents that match; a service names the tenant.
-- Parameters: user, query, collection, tags, category, metadata (JSON text), limit, offset.
SELECT d.collection_name, d.id, d.title, d.description, d.content, d.metadata, d.category, d.tags, d.language,
       d.created_at,
       d.updated_at, d.expires_at,
       d.rank, d.highlight
  FROM runfold.search_documents_of(%(user)s, %(query)s, %(collection)s, %(tags)s::text[], %(category)s,
      %(metadata)s::jsonb, %(limit)s, %(offset)s) AS d

-- name: search_entities
-- The entities that match; the tenant is the caller.
-- Parameters: query, type, attributes (JSON text), limit.
SELECT e.id, e.name, e.type, e.aliases, e.attributes, e.description, e.importance_score, e.first_seen, e.last_seen,
       e.mention_count
  FROM runfold.search_entities(%(query)s, %(type)s, %(attributes)s::jsonb, %(limit)s) AS e

-- name: search_entities_of
-- The entities that match; a service names the tenant.
-- Parameters: user, query, type, attributes (JSON text), limit.
SELECT e.id, e.name, e.type, e.aliases, e.attributes, e.description, e.importance_score, e.first_seen, e.last_seen,
       e.mention_count
  FROM runfold.search_entities_of(%(user)s, %(query)s, %(type)s, %(attributes)s::jsonb, %(limit)s) AS e

-- name: search_episodes
-- The episodes that match; the tenant is the caller.
-- Parameters: query, actor, session, since, until, limit.
SELECT e.id, e.actor, e.action, e.object, e.context, e.outcome, e.importance, e.timestamp, e.session_id,
       e.event_description, e.language,
       e.expires_at
  FROM runfold.search_episodes(%(query)s, %(actor)s, %(session)s, %(since)s::timestamptz, %(until)s::timestamptz,
      %(limit)s) AS e

-- name: search_episodes_of
-- The episodes that match; a service names the tenant.
-- Parameters: user, query, actor, session, since, until, limit.
SELECT e.id, e.actor, e.action, e.object, e.context, e.outcome, e.importance, e.timestamp, e.session_id,
       e.event_description, e.language,
       e.expires_at
  FROM runfold.search_episodes_of(%(user)s, %(query)s, %(actor)s, %(session)s, %(since)s::timestamptz,
      %(until)s::timestamptz, %(limit)s) AS e

-- name: search_facts
-- The facts that match; the tenant is the caller.
-- Parameters: query, object, metadata (JSON text), domain, at, limit.
SELECT f.id, f.subject, f.predicate, f.object, f.confidence, f.source, f.domain, f.fact_type, f.metadata,
       f.valid_from, f.valid_to,
       f.superseded_by, f.created_at, f.validated_at, f.expires_at
  FROM runfold.search_facts(%(query)s, %(object)s::jsonb, %(metadata)s::jsonb, %(domain)s, %(at)s::timestamptz,
      %(limit)s) AS f

-- name: search_facts_of
-- The facts that match; a service names the tenant.
-- Parameters: user, query, object, metadata (JSON text), domain, at, limit.
SELECT f.id, f.subject, f.predicate, f.object, f.confidence, f.source, f.domain, f.fact_type, f.metadata,
       f.valid_from, f.valid_to,
       f.superseded_by, f.created_at, f.validated_at, f.expires_at
  FROM runfold.search_facts_of(%(user)s, %(query)s, %(object)s::jsonb, %(metadata)s::jsonb, %(domain)s,
      %(at)s::timestamptz, %(limit)s) AS f

-- name: summaries
-- The summaries of a conversation, the newest first.
-- Parameters: user, session, limit.
SELECT s.id, s.session_id, s.sequence, s.summary, s.key_points, s.entities, s.topics, s.summary_type,
       s.message_count, s.upto_index,
       s.token_count, s.model_used, s.confidence_score, s.previous_summary_id, s.created_at
  FROM public.conversation_summaries s
 WHERE s.user_id = %(user)s AND s.session_id = %(session)s
 ORDER BY s.sequence DESC
 LIMIT %(limit)s

-- name: upsert_entity
-- Notes an entity, or that it was seen again: attributes are merged by key, aliases are united.
-- Parameters: user, name, type, aliases (text[]), attributes (JSON text), importance, description.
INSERT INTO public.entities AS e (user_id, name, type, aliases, attributes, importance_score, description)
VALUES (%(user)s, %(name)s::text, %(type)s, runfold.known_as(%(aliases)s::text[], %(name)s::text),
    coalesce(%(attributes)s::jsonb, '{}'),
        coalesce(%(importance)s::double precision, 0.5), %(description)s)
    ON CONFLICT (user_id, type, name) DO UPDATE
   SET aliases = runfold.known_as(e.aliases || excluded.aliases, e.name),
       attributes = e.attributes || excluded.attributes,
       importance_score = coalesce(%(importance)s::double precision, e.importance_score),
       description = coalesce(excluded.description, e.description), mention_count = e.mention_count + 1,
       last_seen = clock_timestamp(), updated_at = clock_timestamp()
RETURNING e.id, e.name, e.type, e.aliases, e.attributes, e.description, e.importance_score, e.first_seen,
       e.last_seen, e.mention_count

-- The short statements of this room, by name. A statement of 14 lines or more has a file of its own in sql/.

-- name: append_events
-- Appends to one or several streams, all or nothing.
-- Parameters: appends (JSON text), command_id.
SELECT stream_id, version, first_position, last_position, repeated
  FROM runfold.append_events(%(appends)s, %(command_id)s)

-- name: current_interactions
-- The interactions of a workflow that are open, or ended a moment ago, with the status that the log gives them.
-- Parameters: workflow, tenant (null: any).
SELECT interaction_id, position, status, request, message_ids
  FROM runfold.current_interactions(%(workflow)s, %(tenant)s)

-- name: interactions_named
-- The interactions that these texts name, by id or correlation id, open or not.
-- Parameters: names (text[]), tenant (null: any).
SELECT interaction_id, workflow_id, user_id, status, name
  FROM runfold.interactions_named(%(names)s, %(tenant)s)

-- name: last_end
-- When the log recorded the end of the last interaction on a channel of a workflow, as far as the table is folded. One
-- that ended with its execution expects no answer.
-- Parameters: workflow, channel, since (no end before it counts).
SELECT e.recorded_at
  FROM public.human_interactions h
  JOIN runfold.events e ON e.position = h.last_event_position
 WHERE h.workflow_id = %(workflow)s AND h.channel_type = %(channel)s AND h.status IN ('responded', 'timeout', 'cancelled')
   AND e.recorded_at > %(since)s AND NOT (e.type = 'InteractionCanceled' AND e.data ->> 'reason' IS NOT DISTINCT FROM 'execution_ended')
 ORDER BY h.last_event_position DESC
 LIMIT 1

-- name: read_all
-- Events after a position, in order, never past the safe head.
-- Parameters: after, limit, types.
SELECT position, stream_id, stream_version, event_id, type, schema_version, user_id, data, payload, metadata, occurred_at, recorded_at
  FROM runfold.read_all(%(after)s, %(limit)s, %(types)s)

-- name: read_interactions
-- The events of the streams of some interactions, each stream's in order. Parameters: streams (text[]).
SELECT e.stream_id, e.type, runfold.upcast(e.type, e.schema_version, e.data) AS data
  FROM unnest(%(streams)s::text[]) AS s (stream_id)
 CROSS JOIN LATERAL runfold.read_stream(s.stream_id) AS e
 ORDER BY e.stream_id COLLATE "C", e.stream_version

-- name: read_own_stream
-- A stream's events after a version, in order, as they were recorded, for a tenant: by the policies of the log.
-- Parameters: stream, after, limit.
SELECT e.position, e.stream_id, e.stream_version, e.event_id, e.type, e.schema_version, e.user_id, e.data, e.payload, e.metadata,
       e.occurred_at, e.recorded_at
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND e.stream_version > %(after)s
 ORDER BY e.stream_version
 LIMIT %(limit)s

-- name: read_stream
-- A stream's events after a version, in order.
-- Parameters: stream, after, limit.
SELECT position, stream_id, stream_version, event_id, type, schema_version, user_id, data, payload, metadata, occurred_at, recorded_at
  FROM runfold.read_stream(%(stream)s, %(after)s, %(limit)s)

-- name: register_event_types
-- Lets the streams of a user's category take these types.
-- Parameters: category, types (text[]), schema_version.
SELECT runfold.register_event_types(%(category)s, %(types)s, %(schema_version)s)

-- name: triggers_by_key
-- The active triggers of a kind with a key, by idx_trigger_index_lookup.
-- Parameters: subtype, key, tenant (null: any).
SELECT t.workflow_id, t.name, t.node_id, t.trigger_subtype, t.index_key, t.trigger_config, t.user_id
  FROM public.trigger_index t
 WHERE t.trigger_type = 'TRIGGER' AND t.trigger_subtype = %(subtype)s AND t.index_key = %(key)s
   AND t.is_active AND t.deployment_status = 'active' AND (%(tenant)s::uuid IS NULL OR t.user_id = %(tenant)s)
 ORDER BY t.workflow_id, t.name

-- name: triggers_of_kind
-- Every active trigger of a kind, for a scheduler that begins.
-- Parameters: subtype, tenant (null: any).
SELECT t.workflow_id, t.name, t.node_id, t.trigger_subtype, t.index_key, t.trigger_config, t.user_id
  FROM public.trigger_index t
 WHERE t.trigger_type = 'TRIGGER' AND t.trigger_subtype = %(subtype)s
   AND t.is_active AND t.deployment_status = 'active' AND (%(tenant)s::uuid IS NULL OR t.user_id = %(tenant)s)
 ORDER BY t.index_key, t.workflow_id, t.name

-- name: unprocessed_responses
-- A page of what came in and was not matched yet, the oldest first, by keyset (received_at, id).
-- Parameters: workflow (null: any), after_time, after_id, limit.
SELECT r.id, r.received_at
  FROM public.hil_responses r
 WHERE r.status = 'unprocessed' AND (%(workflow)s::uuid IS NULL OR r.workflow_id = %(workflow)s)
   AND r.received_at >= %(after_time)s::timestamptz
   AND (r.received_at > %(after_time)s::timestamptz OR r.id > %(after_id)s::uuid)
 ORDER BY r.received_at, r.id
 LIMIT %(limit)s

-- name: workflow_tenant
-- The user a workflow belongs to.
-- Parameters: workflow.
SELECT w.user_id FROM public.workflows w WHERE w.id = %(workflow)s

-- name: create_vector_collection
-- Makes a collection of vectors, or returns the one of that name; no row for one that another session makes just now.
-- Parameters: user, collection, model (null: any), dimensions, language.
WITH made AS (
    INSERT INTO public.vector_collections (user_id, name, model, dimensions, language)
    VALUES (%(user)s, %(collection)s, %(model)s, %(dimensions)s, %(language)s)
        ON CONFLICT (user_id, name) DO NOTHING RETURNING name, model, dimensions, language
)
SELECT name, model, dimensions, language FROM made
UNION ALL
SELECT c.name, c.model, c.dimensions, c.language FROM public.vector_collections c
 WHERE c.user_id = %(user)s AND c.name = %(collection)s

-- name: vector_collections
-- The collections of a user by name, with their rows. Parameters: user.
SELECT c.name, c.model, c.dimensions, c.language,
       (SELECT count(*) FROM public.vector_embeddings e WHERE e.user_id = c.user_id AND e.collection_name = c.name) AS rows
  FROM public.vector_collections c
 WHERE c.user_id = %(user)s
 ORDER BY c.name

-- name: drop_vector_collection
-- Deletes a collection with its rows. Parameters: user, collection.
DELETE FROM public.vector_collections c WHERE c.user_id = %(user)s AND c.name = %(collection)s RETURNING c.name

-- name: delete_vectors
-- Deletes the rows of a collection that fit, and returns how many.
-- Parameters: user, collection, keys (text[]), metadata (jsonb that a row's contains), before; each but the first two may be null.
WITH gone AS (
    DELETE FROM public.vector_embeddings e
     WHERE e.user_id = %(user)s AND e.collection_name = %(collection)s
       AND (%(keys)s::text[] IS NULL OR e.key = ANY (%(keys)s::text[]))
       AND (%(metadata)s::jsonb IS NULL OR e.metadata @> %(metadata)s::jsonb)
       AND (%(before)s::timestamptz IS NULL OR e.updated_at < %(before)s::timestamptz)
    RETURNING 1
)
SELECT count(*) AS deleted FROM gone

-- name: search_vectors
-- The rows of a collection that are most similar to a vector. Parameters: vector, collection, threshold, limit, user.
SELECT id, text_content AS text, metadata, similarity
  FROM public.search_similar_vectors(%(vector)s, %(collection)s, %(threshold)s, %(limit)s, %(user)s)

-- name: search_vectors_hybrid
-- The rows of a collection that are near to a vector, or have the words of a text.
-- Parameters: text, vector, collection, limit, vector_weight, text_weight, user.
SELECT id, text_content AS text, metadata, similarity, score, text_rank
  FROM public.search_vectors_hybrid(%(text)s, %(vector)s, %(collection)s, %(limit)s, %(vector_weight)s, %(text_weight)s,
                                    user_id_param => %(user)s)

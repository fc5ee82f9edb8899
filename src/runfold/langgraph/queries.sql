-- The statements of this room, by name. A namespace is a collection of documents, its labels joined by dots, which no
-- label contains. A statement of 14 lines or more has a file of its own in sql/.

-- name: delete_vectors
-- Deletes the vectors of items. Parameters: user, collections (text[]), keys (text[]), in pairs.
DELETE FROM public.vector_embeddings e
 USING unnest(%(collections)s::text[], %(keys)s::text[]) AS g (collection, key)
 WHERE e.user_id = %(user)s AND e.collection_name = g.collection AND e.metadata ->> 'key' = g.key

-- name: put_collections
-- Makes the collections of vectors that are new. Parameters: user, collections (text[]), dimensions.
INSERT INTO public.vector_collections (user_id, name, dimensions)
SELECT DISTINCT %(user)s::uuid, c, %(dimensions)s::integer FROM unnest(%(collections)s::text[]) AS c ORDER BY c
    ON CONFLICT (user_id, name) DO NOTHING

-- name: put_vectors
-- Writes the vectors of items, one for each path that is indexed.
-- Parameters: user, rows (JSON text: collection, vector_key, text, embedding, metadata).
INSERT INTO public.vector_embeddings (user_id, collection_name, key, text_content, embedding, metadata)
SELECT %(user)s, g.collection, g.vector_key, g.text, g.embedding::vector, g.metadata
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS g (collection text, vector_key text, text text, embedding text, metadata jsonb)
 ORDER BY g.collection, g.vector_key

-- name: append_to_thread
-- Appends to a thread's stream. Parameters: name, first_version, numbers, types, type_numbers, payloads, event_ids, occurred_at, user.
SELECT first_position, repeated
  FROM runfold.append_opaque_events('langgraph', ARRAY[%(name)s], ARRAY[%(first_version)s::bigint], %(numbers)s::integer[],
                                    %(types)s::text[], %(type_numbers)s::integer[], %(payloads)b::bytea[], %(event_ids)s::uuid[],
                                    %(occurred_at)s, user_id => %(user)s)

-- name: delete_older_snapshots
-- Deletes a thread's snapshots before a version. Parameters: name, version.
DELETE FROM runfold.snapshots s WHERE s.category = 'langgraph' AND s.originator_id = %(name)s AND s.version < %(version)s
RETURNING s.version

-- name: max_event_bytes
-- The largest payload that an event may have.
SELECT s.value FROM runfold.settings s WHERE s.name = 'max_event_bytes'

-- name: read_thread
-- The events of a thread after a version, but for values. Parameters: stream, user, after, values (the type of values).
SELECT e.stream_version, e.type, e.payload
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND s.user_id = %(user)s AND e.stream_version > %(after)s AND e.stream_version <= s.version
   AND e.type <> %(values)s AND runfold.require_in_log(%(stream)s, %(after)s)
 ORDER BY e.stream_version

-- name: read_events_of_thread
-- Some events of a thread. Parameters: stream, user, versions (bigint[]).
SELECT e.stream_version, e.payload
  FROM runfold.streams s
 CROSS JOIN unnest(%(versions)s::bigint[]) AS v (version)
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.stream_version = v.version
                       AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = %(stream)s AND s.user_id = %(user)s
   AND runfold.require_in_log(%(stream)s, (SELECT min(x) - 1 FROM unnest(%(versions)s::bigint[]) AS x))

-- name: record_snapshot
-- Records the state of a thread at a version. Parameters: name, version, state, call_id.
SELECT runfold.record_snapshots('langgraph', ARRAY[%(name)s], ARRAY[%(version)s::bigint], '{thread}', ARRAY[%(state)b::bytea], %(call_id)s)

-- name: register_category
-- Registers the category of threads.
SELECT runfold.register_application('langgraph', 'LangGraph')

-- name: snapshot_of_thread
-- The newest snapshot of a thread. Parameters: name, stream, user.
SELECT n.state
  FROM runfold.snapshots n
  JOIN runfold.streams s ON s.stream_id = %(stream)s AND s.user_id = %(user)s
 WHERE n.category = 'langgraph' AND n.originator_id = %(name)s AND n.version <= s.version
 ORDER BY n.version DESC
 LIMIT 1

-- name: threads
-- The streams of a tenant's threads, the one that was written last first. Parameters: user.
SELECT s.stream_id
  FROM runfold.streams s
 WHERE s.user_id = %(user)s AND starts_with(s.stream_id, 'langgraph-')
 ORDER BY s.last_position DESC

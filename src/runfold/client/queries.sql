-- The short statements of this room, by name. A statement of 14 lines or more has a file of its own in sql/.

-- name: append_events
-- Appends to one or several streams, all or nothing.
-- Parameters: appends (JSON text), command_id.
SELECT stream_id, version, first_position, last_position, repeated
  FROM runfold.append_events(%(appends)s, %(command_id)s)

-- name: append_events_once
-- Appends what is not stored yet. Parameters: appends (JSON text), command_id, repeats.
SELECT stream_id, version, first_position, last_position, repeated, skipped, versions, positions
  FROM runfold.append_events(%(appends)s, %(command_id)s, %(repeats)s)

-- name: append_batch
-- Appends many events, given as arrays. Parameters: those of the function.
SELECT stream_id, version, first_position, last_position, repeated, skipped, versions, positions
  FROM runfold.append_batch(
           %(stream_ids)b::text[], %(counts)b::integer[], %(expected)b::bigint[], %(user_ids)b::uuid[], %(event_ids)b::uuid[],
           %(types)b::text[], %(schema_versions)b::integer[], %(datas)b::text[], %(metadatas)b::text[],
           %(occurred_ats)b::timestamptz[], %(repeats)s)

-- name: arm_bell
-- Takes, shared with others, the lock that makes appends ring; false while an append tries it.
SELECT pg_try_advisory_lock_shared('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)

-- name: begin_subscription
-- Begins a subscription, or begins it again; returns its bookmark. Parameters: name, filters (JSON text), after, event_id,
-- archived ('skip', or null).
SELECT position, event_id FROM runfold.begin_subscription(%(name)s, %(filters)s::jsonb, %(after)s, %(event_id)s, %(archived)s)

-- name: bodies_of_events
-- What the log has of some events. Parameters: streams (text[]), event_ids (uuid[]).
SELECT e.event_id, e.data, e.payload
  FROM runfold.streams s
  JOIN runfold.events e ON e.stream_id = s.stream_id AND e.position BETWEEN s.first_position AND s.last_position
 WHERE s.stream_id = ANY (%(streams)s) AND e.event_id = ANY (%(event_ids)s::uuid[])

-- name: put_blob
-- Keeps a blob of a tenant, if it has none of this content. Parameters: user, sha256, bytes, type, content (null: elsewhere).
INSERT INTO runfold.blobs (user_id, sha256, bytes, type, content)
VALUES (%(user)s, %(sha256)s, %(bytes)s, %(type)s, %(content)b)
    ON CONFLICT ON CONSTRAINT blobs_pkey DO NOTHING
RETURNING true

-- name: get_blob
-- The content of a tenant's blob: no row without it, null where it is elsewhere. Parameters: user, sha256.
SELECT b.content FROM runfold.blobs b WHERE b.user_id = %(user)s AND b.sha256 = %(sha256)s

-- name: delete_blob
-- Deletes a tenant's blob. Parameters: user, sha256.
DELETE FROM runfold.blobs b WHERE b.user_id = %(user)s AND b.sha256 = %(sha256)s RETURNING true

-- name: list_blobs
-- The blobs of a tenant, the newest first. Parameters: user.
SELECT b.sha256, b.bytes, b.type, b.created_at FROM runfold.blobs b WHERE b.user_id = %(user)s ORDER BY b.created_at DESC, b.sha256

-- name: current_interactions
-- The interactions of a workflow that are open, or ended a moment ago, with the status that the log gives them.
-- Parameters: workflow, tenant (null: any).
SELECT interaction_id, position, status, request, message_ids, user_id
  FROM runfold.current_interactions(%(workflow)s, %(tenant)s)

-- name: default_model
-- The default model of a provider. Parameters: provider.
SELECT m.id, m.name, m.provider, m.model_id, m.version, m.cost_per_input_token, m.cost_per_cached_token, m.cost_per_output_token,
       m.max_context_tokens, m.supports_vision, m.supports_function_calling, m.supports_streaming, m.model_capabilities, m.config,
       m.is_active, m.is_default
  FROM public.ai_models m
 WHERE m.provider = %(provider)s AND m.is_default

-- name: disarm_bell
-- Gives the lock back that makes appends ring.
SELECT pg_advisory_unlock_shared('runfold.events'::regclass::oid::bigint::bit(32)::integer, 6)

-- name: execution_cost
-- What an execution's calls of models used and cost; one row, also for an execution without calls.
-- Parameters: execution, tenant (null: any).
SELECT coalesce(c.calls, 0), coalesce(c.input_tokens, 0), coalesce(c.cached_tokens, 0), coalesce(c.output_tokens, 0),
       coalesce(c.unpriced_calls, 0), CASE WHEN c.calls IS NULL THEN 0 ELSE c.cost END, c.priced_cost
  FROM (VALUES (%(execution)s)) AS e (execution_id)
  LEFT JOIN public.execution_costs c
         ON c.execution_id = e.execution_id AND (%(tenant)s::uuid IS NULL OR c.user_id = %(tenant)s)

-- name: events_of_command
-- What the log has of the events of a command. Parameters: command_id.
SELECT append, event, data, payload FROM runfold.events_of_command(%(command_id)s)

-- name: fail_subscription
-- Notes what a subscription's handler fails with. Parameters: name, code, error.
SELECT runfold.fail_subscription(%(name)s, %(code)s, %(error)s)

-- name: interactions_named
-- The interactions that these texts name, by id or correlation id, open or not.
-- Parameters: names (text[]), tenant (null: any).
SELECT interaction_id, workflow_id, user_id, status, name
  FROM runfold.interactions_named(%(names)s, %(tenant)s)

-- name: last_bookmark
-- The last event up to the safe head, of any type. No row: the log has none.
SELECT e.position, e.event_id
  FROM (SELECT runfold.safe_head() AS position OFFSET 0) AS head
 CROSS JOIN LATERAL (SELECT x.position, x.event_id
                       FROM runfold.events x
                      WHERE x.position <= head.position
                      ORDER BY x.position DESC
                      LIMIT 1) AS e

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

-- name: listen_events
-- Lets the session hear of appends, while it holds the lock that makes them ring.
LISTEN runfold_events

-- name: listen_registries
-- Lets the session hear of changes of the registries: see note_registry_changed.
LISTEN runfold_registries

-- name: log_identity
-- Which log this is: one row.
SELECT id FROM runfold.log_identity

-- name: model
-- A model by its name. Parameters: name, version (null: the one without).
SELECT m.id, m.name, m.provider, m.model_id, m.version, m.cost_per_input_token, m.cost_per_cached_token, m.cost_per_output_token,
       m.max_context_tokens, m.supports_vision, m.supports_function_calling, m.supports_streaming, m.model_capabilities, m.config,
       m.is_active, m.is_default
  FROM public.ai_models m
 WHERE m.name = %(name)s AND m.version IS NOT DISTINCT FROM %(version)s::text

-- name: models
-- The active models by name. Parameters: provider (null: any).
SELECT m.id, m.name, m.provider, m.model_id, m.version, m.cost_per_input_token, m.cost_per_cached_token, m.cost_per_output_token,
       m.max_context_tokens, m.supports_vision, m.supports_function_calling, m.supports_streaming, m.model_capabilities, m.config,
       m.is_active, m.is_default
  FROM public.ai_models m
 WHERE m.is_active AND (%(provider)s::text IS NULL OR m.provider = %(provider)s)
 ORDER BY m.name, m.version

-- name: move_subscription
-- Moves a subscription's bookmark forward. Parameters: name, from, to, event_id.
SELECT runfold.move_subscription(%(name)s, %(from)s, %(to)s, %(event_id)s)

-- name: node_specification
-- A kind of node; without a version the newest active one, and one before a release only where there is no release.
-- Parameters: type, subtype, version (null: the newest).
SELECT s.id, s.node_type, s.node_subtype, s.specification_version, s.specification_data, s.is_active, s.is_system_spec, s.updated_at
  FROM public.node_specifications s
 WHERE s.node_type = %(type)s AND s.node_subtype = %(subtype)s
   AND (s.specification_version = %(version)s OR (%(version)s::text IS NULL AND s.is_active))
 ORDER BY (runfold.version_order(s.specification_version))[4] = '~' DESC, runfold.version_order(s.specification_version) DESC
 LIMIT 1

-- name: node_specifications
-- The active kinds of nodes with all their versions, the newest first. Parameters: type (null: any).
SELECT s.id, s.node_type, s.node_subtype, s.specification_version, s.specification_data, s.is_active, s.is_system_spec, s.updated_at
  FROM public.node_specifications s
 WHERE s.is_active AND (%(type)s::text IS NULL OR s.node_type = %(type)s)
 ORDER BY s.node_type, s.node_subtype, runfold.version_order(s.specification_version) DESC

-- name: read_all
-- Events after a position, in order, never past the safe head; behind them a row without a stream, the bookmark.
-- Parameters: after, event_id (null: not checked), limit, types, streams, categories (text[], each may be null), archived
-- ('skip', or null).
SELECT position, stream_id, stream_version, event_id, type, schema_version, user_id, data, payload, metadata, occurred_at, recorded_at
  FROM runfold.read_all(%(after)s, %(limit)s, %(types)s, %(streams)s, %(categories)s, %(event_id)s, true, %(archived)s)

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

-- name: record_api_calls
-- Records calls of other services; one that is there already stays. Parameters: calls (JSON text).
INSERT INTO public.external_api_call_logs
SELECT c.* FROM jsonb_populate_recordset(NULL::public.external_api_call_logs, %(calls)s::jsonb) AS c
    ON CONFLICT DO NOTHING
RETURNING id

-- name: register_event_types
-- Lets the streams of a user's category take these types.
-- Parameters: category, types (text[]), schema_version.
SELECT runfold.register_event_types(%(category)s, %(types)s, %(schema_version)s)

-- name: save_node_specification
-- Enters a version of a kind of node, or replaces it. Parameters: type, subtype, version, data, is_active, is_system.
INSERT INTO public.node_specifications AS s
    (node_type, node_subtype, specification_version, specification_data, is_active, is_system_spec)
VALUES (%(type)s, %(subtype)s, %(version)s, %(data)s, %(is_active)s, %(is_system)s)
    ON CONFLICT (node_type, node_subtype, specification_version) DO UPDATE SET
       specification_data = excluded.specification_data, is_active = excluded.is_active, is_system_spec = excluded.is_system_spec
RETURNING s.id

-- name: save_price
-- Enters a price of a model, or corrects it.
-- Parameters: name, version, valid_from, above, input, cached, output, source, seen_on.
INSERT INTO public.ai_model_prices AS p
    (model, valid_from, above_input_tokens, input_per_million, cached_per_million, output_per_million, source, seen_on)
SELECT m.id, %(valid_from)s, %(above)s, %(input)s, %(cached)s, %(output)s, %(source)s, %(seen_on)s
  FROM public.ai_models m
 WHERE m.name = %(name)s AND m.version IS NOT DISTINCT FROM %(version)s::text
    ON CONFLICT (model, valid_from, above_input_tokens) DO UPDATE SET
       input_per_million = excluded.input_per_million, cached_per_million = excluded.cached_per_million,
       output_per_million = excluded.output_per_million, source = excluded.source, seen_on = excluded.seen_on
RETURNING p.model

-- name: save_tool
-- Enters a version of a tool, or replaces it.
-- Parameters: name, type, provider, version, description, schema, configuration_schema, is_active, is_system.
INSERT INTO public.mcp_tools AS t
    (tool_name, tool_type, provider, version, description, tool_schema, configuration_schema, is_active, is_system_tool)
VALUES (%(name)s, %(type)s, %(provider)s, %(version)s, %(description)s, %(schema)s, %(configuration_schema)s, %(is_active)s,
        %(is_system)s)
    ON CONFLICT (tool_name, provider, version) DO UPDATE SET
       tool_type = excluded.tool_type, description = excluded.description, tool_schema = excluded.tool_schema,
       configuration_schema = excluded.configuration_schema, is_active = excluded.is_active, is_system_tool = excluded.is_system_tool
RETURNING t.id

-- name: take_subscription
-- Takes the session lock of a subscription; false while another session has it. Parameters: name.
SELECT pg_try_advisory_lock(runfold.subscription_lock(%(name)s))

-- name: tool
-- A tool; without a version the newest active one. Parameters: name, provider (null: any), version (null: the newest).
SELECT t.id, t.tool_name, t.tool_type, t.provider, t.version, t.description, t.tool_schema, t.configuration_schema, t.is_active,
       t.is_system_tool, t.updated_at
  FROM public.mcp_tools t
 WHERE t.tool_name = %(name)s AND (%(provider)s::text IS NULL OR t.provider = %(provider)s)
   AND (t.version = %(version)s OR (%(version)s::text IS NULL AND t.is_active))
 ORDER BY (runfold.version_order(t.version))[4] = '~' DESC, runfold.version_order(t.version) DESC, t.provider
 LIMIT 1

-- name: tools
-- The active tools with all their versions, the newest first. Parameters: type (null: any), provider (null: any).
SELECT t.id, t.tool_name, t.tool_type, t.provider, t.version, t.description, t.tool_schema, t.configuration_schema, t.is_active,
       t.is_system_tool, t.updated_at
  FROM public.mcp_tools t
 WHERE t.is_active AND (%(type)s::text IS NULL OR t.tool_type = %(type)s)
   AND (%(provider)s::text IS NULL OR t.provider = %(provider)s)
 ORDER BY t.tool_name, t.provider, runfold.version_order(t.version) DESC

-- name: tenants_of_streams
-- The tenants of streams that have one. Parameters: streams (text[]).
SELECT s.stream_id, s.user_id FROM runfold.streams s WHERE s.stream_id = ANY (%(streams)s) AND s.user_id IS NOT NULL

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

-- name: save_workflow
-- Saves a definition as the tenant's. Parameters: definition (JSON text), expected_version.
SELECT workflow_id, version, digest, changed FROM runfold.save_workflow(%(definition)s::jsonb, %(expected_version)s)

-- name: save_workflow_of
-- Saves a definition for a user. Parameters: owner (null: the workflow's own), definition (JSON text), expected_version.
SELECT workflow_id, version, digest, changed
  FROM runfold.save_workflow_of(%(owner)s, %(definition)s::jsonb, %(expected_version)s)

-- name: workflow
-- A workflow with its definition and its newest version. Parameters: workflow, stream, tenant (null: any).
SELECT w.id AS workflow_id, w.user_id, coalesce(s.version, 0) AS version, e.data ->> 'digest' AS digest,
       runfold.definition_of(w.id) AS definition
  FROM public.workflows w
  LEFT JOIN runfold.streams s ON s.stream_id = %(stream)s
  LEFT JOIN runfold.events e ON e.position = s.last_position
 WHERE w.id = %(workflow)s AND (%(tenant)s::uuid IS NULL OR w.user_id = %(tenant)s)

-- name: delete_own_workflow
-- Deletes a workflow of the tenant's. Parameters: workflow.
DELETE FROM public.workflows w WHERE w.id = %(workflow)s RETURNING w.id

-- name: delete_workflow
-- Deletes a workflow and returns whether there was one. Parameters: workflow, tenant (null: any).
SELECT runfold.delete_workflow(%(workflow)s, %(tenant)s)

-- name: credential_is_invalid
-- Notes that a provider does not take a credential any more. Parameters: id, lease (null: whoever has it), error.
UPDATE public.user_external_credentials
   SET is_valid = false, validation_error = %(error)s, last_validated_at = clock_timestamp(), refresh_lease = NULL,
       refresh_lease_until = NULL
 WHERE id = %(id)s AND (%(lease)s::uuid IS NULL OR refresh_lease = %(lease)s)
RETURNING id

-- name: credential_is_validated
-- Notes that a credential was tried and works, or why not. Parameters: id, error (null: it works).
UPDATE public.user_external_credentials
   SET is_valid = %(error)s::text IS NULL, validation_error = %(error)s, last_validated_at = clock_timestamp()
 WHERE id = %(id)s
RETURNING id

-- name: lease_credential
-- Lets the caller alone refresh a credential for half a minute, if it is still stale. Parameters: id, lease.
UPDATE public.user_external_credentials
   SET refresh_lease = %(lease)s, refresh_lease_until = clock_timestamp() + interval '30 seconds'
 WHERE id = %(id)s AND is_valid AND can_refresh
   AND token_expires_at < clock_timestamp() + least(interval '5 minutes', greatest(token_expires_at - updated_at, '0') / 2)
   AND (refresh_lease_until IS NULL OR refresh_lease_until < clock_timestamp())
RETURNING id

-- name: lease_oauth_token
-- The same of a token that comes from no credential. Parameters: id, lease.
UPDATE public.oauth_tokens
   SET refresh_lease = %(lease)s, refresh_lease_until = clock_timestamp() + interval '30 seconds'
 WHERE id = %(id)s AND is_active AND can_refresh
   AND expires_at < clock_timestamp() + least(interval '5 minutes', greatest(expires_at - updated_at, '0') / 2)
   AND (refresh_lease_until IS NULL OR refresh_lease_until < clock_timestamp())
RETURNING id

-- name: oauth_token_is_invalid
-- As credential_is_invalid. Parameters: id, lease, error (nowhere kept).
UPDATE public.oauth_tokens SET is_active = false, refresh_lease = NULL, refresh_lease_until = NULL
 WHERE id = %(id)s AND (%(lease)s::uuid IS NULL OR refresh_lease = %(lease)s) AND %(error)s::text IS NOT NULL
RETURNING id

-- name: oauth_token_is_validated
-- As credential_is_validated. Parameters: id, error.
UPDATE public.oauth_tokens SET is_active = %(error)s::text IS NULL WHERE id = %(id)s
RETURNING id

-- name: refreshed_oauth_token
-- As refreshed_credential; with a lease of NULL it is the token of a credential that was refreshed.
UPDATE public.oauth_tokens
   SET access_token = %(access_token)s, refresh_token = %(refresh_token)s, key_id = %(key_id)s,
       expires_at = %(expires_at)s, token_type = %(token_type)s, is_active = true, refresh_lease = NULL,
       refresh_lease_until = NULL, updated_at = clock_timestamp()
 WHERE id = %(id)s AND (%(lease)s::uuid IS NULL OR refresh_lease = %(lease)s)
RETURNING id

-- name: release_credential
-- Gives a lease back, for the next who tries. Parameters: id, lease.
UPDATE public.user_external_credentials SET refresh_lease = NULL, refresh_lease_until = NULL
 WHERE id = %(id)s AND refresh_lease = %(lease)s
RETURNING id

-- name: release_oauth_token
-- Gives a lease back, for the next who tries. Parameters: id, lease.
UPDATE public.oauth_tokens SET refresh_lease = NULL, refresh_lease_until = NULL WHERE id = %(id)s AND refresh_lease = %(lease)s
RETURNING id

-- name: revoke_credential
-- Takes the secrets away for good; what is left says that it was revoked. Parameters: user, provider.
UPDATE public.user_external_credentials
   SET encrypted_access_token = NULL, encrypted_refresh_token = NULL, encrypted_additional_data = NULL, is_valid = false,
       validation_error = 'revoked', last_validated_at = clock_timestamp(), refresh_lease = NULL, refresh_lease_until = NULL,
       updated_at = clock_timestamp()
 WHERE user_id = %(user)s AND provider = %(provider)s
RETURNING id

-- name: revoke_oauth_tokens
-- The same of a user's tokens: of an integration, or of those that come from a credential.
-- Parameters: user, integration, credential_id (one of the two).
UPDATE public.oauth_tokens
   SET access_token = '', refresh_token = NULL, credential_data = '{}', is_active = false, refresh_lease = NULL,
       refresh_lease_until = NULL, updated_at = clock_timestamp()
 WHERE user_id = %(user)s AND (integration_id = %(integration)s OR credential_id = %(credential_id)s::uuid)
RETURNING id

-- name: tokens_of_credential
-- The tokens that come from a credential, to be written with it. Parameters: user, credential_id.
SELECT id, integration_id FROM public.oauth_tokens
 WHERE user_id = %(user)s AND credential_id = %(credential_id)s AND is_active
 ORDER BY id FOR UPDATE

-- name: provider_of_credential
-- The provider of a user's credential. Parameters: user, id.
SELECT provider FROM public.user_external_credentials WHERE user_id = %(user)s AND id = %(id)s

-- name: create_vector_collection
-- Makes a collection of vectors, or returns the one of that name; no row for one that another session makes just now.
-- Parameters: user, collection, model (null: any), dimensions, language.
WITH made AS (
    INSERT INTO public.vector_collections (user_id, name, model, dimensions, language)
    VALUES (%(user)s, %(collection)s, %(model)s, %(dimensions)s, %(language)s)
        ON CONFLICT DO NOTHING RETURNING name, model, dimensions, language
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

-- name: keep_definition
-- Keeps the definition that a deployment names and returns its digest; null where the event has to carry it.
-- Parameters: workflow, tenant, definition (JSON text; null: the newest version that was saved).
SELECT runfold.keep_definition(%(workflow)s, %(tenant)s, %(definition)s::jsonb)

-- name: deployed_definition
-- The definition that a deployment names by its digest, of the stream's tenant or of the workflow's user.
-- Parameters: workflow, digest.
SELECT d.body
  FROM runfold.definitions d
 WHERE d.digest = %(digest)s
   AND d.user_id IN ((SELECT s.user_id FROM runfold.streams s WHERE s.stream_id = 'deployment-' || %(workflow)s::text),
                     (SELECT s.user_id FROM runfold.streams s WHERE s.stream_id = 'definition-' || %(workflow)s::text),
                     (SELECT w.user_id FROM public.workflows w WHERE w.id = %(workflow)s))
 LIMIT 1

-- name: beat
-- An engine lives; notes the leader's beat. No row: it was given up. The commit is not waited for.
-- Parameters: engine.
UPDATE runfold.engines e
   SET beat = e.beat + 1, leader_epoch = l.epoch, leader_beat = l.beat, beat_at = clock_timestamp()
  FROM runfold.leader l, (SELECT set_config('synchronous_commit', 'off', true) AS commits) AS s
 WHERE e.engine_id = %(engine)s AND e.gone_at IS NULL AND s.commits = 'off'
RETURNING e.beat

-- name: enter_engine
-- Enters an engine, and removes those that are silent and hold nothing that is still to be done.
-- Parameters: engine, name, host, pid, patience.
WITH removed AS (
    DELETE FROM runfold.engines e
     WHERE runfold.engine_is_silent(e.engine_id)
       AND NOT EXISTS (SELECT FROM runfold.holds h WHERE h.engine_id = e.engine_id AND NOT runfold.has_ended(h.execution_id))
)
INSERT INTO runfold.engines (engine_id, name, host, pid, patience, leader_epoch, leader_beat)
SELECT %(engine)s, %(name)s, %(host)s, %(pid)s, %(patience)s, l.epoch, l.beat FROM runfold.leader l
    ON CONFLICT (engine_id) DO NOTHING
RETURNING engine_id

-- name: holder
-- The engine that holds an execution, and whether it is silent. Parameters: execution.
SELECT e.engine_id, e.name, runfold.engine_is_silent(e.engine_id)
  FROM runfold.holds h
  JOIN runfold.engines e ON e.engine_id = h.engine_id
 WHERE h.execution_id = %(execution)s

-- name: leave_engine
-- An engine says goodbye; its holds go with it. Parameters: engine.
DELETE FROM runfold.engines WHERE engine_id = %(engine)s RETURNING engine_id

-- name: let_go
-- An engine holds an execution no more. Parameters: execution, engine.
DELETE FROM runfold.holds WHERE execution_id = %(execution)s AND engine_id = %(engine)s RETURNING execution_id

-- name: safe_head
-- The position up to which no open transaction can still add an event.
SELECT runfold.safe_head()


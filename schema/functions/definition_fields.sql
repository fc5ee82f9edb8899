-- The fields of a workflow's definition, of its nodes and of its connections: what each may be.
--
-- Tests compare the words, the lengths and the columns with the tables.
--
-- grant: nobody
CREATE FUNCTION runfold.definition_fields()
RETURNS TABLE (part text, place integer, field text, kind text, minimum bigint, maximum bigint, allowed text[], required boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.part, (row_number() OVER ())::integer, f.field, f.kind, f.minimum, f.maximum, f.allowed::text[], f.required
      FROM (VALUES
        ('workflow', 'id', 'uuid', NULL, NULL, NULL, false),
        ('workflow', 'session_id', 'uuid', NULL, NULL, NULL, false),
        ('workflow', 'name', 'name', 1, 255, NULL, false),
        ('workflow', 'description', 'text', NULL, NULL, NULL, false),
        ('workflow', 'version', 'name', 1, 50, NULL, false),
        ('workflow', 'active', 'boolean', NULL, NULL, NULL, false),
        ('workflow', 'workflow_data', 'object', NULL, NULL, NULL, false),
        ('workflow', 'settings', 'object', NULL, NULL, NULL, false),
        ('workflow', 'static_data', 'object', NULL, NULL, NULL, false),
        ('workflow', 'pin_data', 'object', NULL, NULL, NULL, false),
        ('workflow', 'tags', 'strings', NULL, NULL, NULL, false),
        ('workflow', 'is_template', 'boolean', NULL, NULL, NULL, false),
        ('workflow', 'template_category', 'text', NULL, 100, NULL, false),
        ('workflow', 'icon_url', 'text', NULL, 500, NULL, false),
        ('workflow', 'nodes', 'array', NULL, NULL, NULL, true),
        ('workflow', 'connections', 'array', NULL, NULL, NULL, false),
        ('nodes', 'node_id', 'name', 1, 255, NULL, true),
        ('nodes', 'node_type', 'enum', NULL, NULL,
         '{TRIGGER,AI_AGENT,EXTERNAL_ACTION,ACTION,FLOW,HUMAN_IN_THE_LOOP,TOOL,MEMORY}', true),
        ('nodes', 'node_subtype', 'name', 1, 100, NULL, true),
        ('nodes', 'type_version', 'integer', 1, 2147483647, NULL, false),
        ('nodes', 'name', 'name', 1, 255, NULL, true),
        ('nodes', 'description', 'text', NULL, NULL, NULL, false),
        ('nodes', 'disabled', 'boolean', NULL, NULL, NULL, false),
        ('nodes', 'position_x', 'number', -1000000000, 1000000000, NULL, false),
        ('nodes', 'position_y', 'number', -1000000000, 1000000000, NULL, false),
        ('nodes', 'parameters', 'object', NULL, NULL, NULL, false),
        ('nodes', 'credentials', 'object', NULL, NULL, NULL, false),
        ('nodes', 'attached_nodes', 'strings', NULL, NULL, NULL, false),
        ('nodes', 'error_handling', 'enum', NULL, NULL,
         '{STOP_WORKFLOW_ON_ERROR,CONTINUE_REGULAR_OUTPUT_ON_ERROR,CONTINUE_ERROR_OUTPUT_ON_ERROR}', false),
        ('nodes', 'max_retries', 'integer', 0, 2147483647, NULL, false),
        ('nodes', 'retry_wait_time', 'integer', 0, 2147483647, NULL, false),
        ('nodes', 'notes', 'text', NULL, NULL, NULL, false),
        ('nodes', 'webhooks', 'strings', NULL, NULL, NULL, false),
        ('connections', 'source_node_id', 'name', 1, 255, NULL, true),
        ('connections', 'target_node_id', 'name', 1, 255, NULL, true),
        ('connections', 'connection_type', 'enum', NULL, NULL,
         '{MAIN,ERROR,SUCCESS,CONDITIONAL,AI_AGENT,AI_CHAIN,AI_DOCUMENT,AI_EMBEDDING,AI_LANGUAGE_MODEL,AI_MEMORY,AI_OUTPUT_PARSER,AI_RETRIEVER,AI_RERANKER,AI_TEXT_SPLITTER,AI_TOOL,AI_VECTOR_STORE,MEMORY_ATTACHMENT,CONTEXT_PROVIDER}',
         false),
        ('connections', 'connection_index', 'integer', 0, 2147483647, NULL, false),
        ('connections', 'label', 'text', NULL, 255, NULL, false),
        ('connections', 'conditions', 'object', NULL, NULL, NULL, false)
      ) AS f (part, field, kind, minimum, maximum, allowed, required)
$$;

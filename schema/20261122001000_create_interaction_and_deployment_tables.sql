-- migrate:up

-- The read tables of the interaction and deployment groups, and the end of a workflow: deleting it is an event.
-- The specification's names, plus what docs/reference/read-tables.md lists as ours. No foreign key leads out of a group.

CREATE TABLE public.human_interactions (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    -- The id of the row in workflow_executions; no foreign key, that is another group's table.
    execution_id uuid,
    node_id varchar(255) NOT NULL,
    interaction_type varchar(50) NOT NULL,
    channel_type varchar(50) NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'pending',
    priority varchar(20) NOT NULL DEFAULT 'normal',
    request_data jsonb NOT NULL,
    response_data jsonb,
    responder text,
    error text,
    responded_at timestamptz,
    timeout_at timestamptz,
    correlation_id varchar(255),
    tags text[],
    user_id uuid,
    first_event_position bigint NOT NULL,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT human_interactions_pkey PRIMARY KEY (id),
    CONSTRAINT valid_interaction_type CHECK (interaction_type IN ('approval', 'input', 'selection', 'review')),
    CONSTRAINT valid_channel_type CHECK (channel_type IN ('slack', 'email', 'webhook', 'in_app')),
    CONSTRAINT valid_status CHECK (status IN ('pending', 'responded', 'timeout', 'error', 'cancelled')),
    CONSTRAINT valid_priority CHECK (priority IN ('low', 'normal', 'high', 'critical'))
);
CREATE INDEX idx_human_interactions_workflow ON public.human_interactions (workflow_id);
CREATE INDEX idx_human_interactions_status ON public.human_interactions (status);
CREATE INDEX idx_human_interactions_pending_timeout ON public.human_interactions (timeout_at) WHERE status = 'pending';
CREATE INDEX idx_human_interactions_correlation ON public.human_interactions (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX idx_human_interactions_execution_id ON public.human_interactions (execution_id);
CREATE INDEX idx_human_interactions_user_id ON public.human_interactions (user_id);
COMMENT ON TABLE public.human_interactions IS 'What people are asked, and their answers: a fold of the interaction streams.';
COMMENT ON COLUMN public.human_interactions.error IS 'Why the request could not be made, the last time it failed.';

CREATE TABLE public.hil_responses (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    source_channel varchar(50) NOT NULL,
    raw_payload jsonb NOT NULL,
    headers jsonb,
    status varchar(20) NOT NULL DEFAULT 'unprocessed',
    processed_at timestamptz,
    matched_interaction_id uuid,
    ai_relevance_score numeric(3, 2),
    ai_reasoning text,
    error text,
    received_at timestamptz NOT NULL,
    user_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT hil_responses_pkey PRIMARY KEY (id),
    -- A match is within one workflow, whose interactions and responses are deleted together: what this sets null is about to
    -- go itself, so the rows are the same where the key does not stand.
    CONSTRAINT hil_responses_matched_interaction_id_fkey FOREIGN KEY (matched_interaction_id)
        REFERENCES public.human_interactions (id) ON DELETE SET NULL,
    CONSTRAINT valid_source_channel CHECK (source_channel IN ('slack', 'email', 'webhook', 'in_app')),
    CONSTRAINT valid_processing_status CHECK (status IN ('unprocessed', 'matched', 'filtered_out', 'error')),
    CONSTRAINT relevance_is_zero_to_one CHECK (ai_relevance_score BETWEEN 0 AND 1)
);
CREATE INDEX idx_hil_responses_workflow ON public.hil_responses (workflow_id);
CREATE INDEX idx_hil_responses_status ON public.hil_responses (status);
CREATE INDEX idx_hil_responses_unprocessed ON public.hil_responses (received_at) WHERE status = 'unprocessed';
CREATE INDEX idx_hil_responses_matched ON public.hil_responses (matched_interaction_id) WHERE matched_interaction_id IS NOT NULL;
CREATE INDEX idx_hil_responses_user_id ON public.hil_responses (user_id);
COMMENT ON TABLE public.hil_responses IS 'What came in, and what it was found to answer: a fold of the response streams.';

CREATE TABLE public.workflow_deployment_history (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    deployment_id uuid NOT NULL,
    deployment_action varchar(50) NOT NULL,
    from_status varchar(50) NOT NULL,
    to_status varchar(50) NOT NULL,
    deployment_version integer NOT NULL,
    deployment_config jsonb NOT NULL DEFAULT '{}',
    triggered_by uuid,
    started_at timestamptz NOT NULL,
    completed_at timestamptz,
    error_message text,
    deployment_logs jsonb NOT NULL DEFAULT '[]',
    user_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT workflow_deployment_history_pkey PRIMARY KEY (id),
    CONSTRAINT valid_deployment_action CHECK (
        deployment_action IN ('DEPLOY', 'UNDEPLOY', 'UPDATE', 'ROLLBACK', 'DEPLOY_STARTED', 'DEPLOY_COMPLETED', 'DEPLOY_FAILED',
                              'UNDEPLOY_STARTED', 'UNDEPLOY_COMPLETED', 'UNDEPLOY_FAILED')),
    CONSTRAINT valid_from_status CHECK (
        from_status IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED')),
    CONSTRAINT valid_to_status CHECK (
        to_status IN ('IDLE', 'DEPLOYING', 'DEPLOYED', 'DEPLOYMENT_FAILED', 'UNDEPLOYING', 'UNDEPLOYED'))
);
CREATE INDEX idx_deployment_history_workflow_id ON public.workflow_deployment_history (workflow_id, started_at DESC);
CREATE INDEX idx_deployment_history_action ON public.workflow_deployment_history (deployment_action);
CREATE INDEX idx_deployment_history_started_at ON public.workflow_deployment_history (started_at DESC);
CREATE INDEX idx_deployment_history_user_id ON public.workflow_deployment_history (user_id);
COMMENT ON TABLE public.workflow_deployment_history IS
    'Deployments of workflows, a row each: a fold of the deployment streams. Outlives its workflow: it is an audit trail.';
COMMENT ON COLUMN public.workflow_deployment_history.deployment_logs IS 'An array of {level, message, at}.';

CREATE TABLE public.trigger_index (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    node_id varchar(255),
    trigger_type varchar(50) NOT NULL DEFAULT 'TRIGGER',
    trigger_subtype varchar(100) NOT NULL,
    trigger_config jsonb NOT NULL DEFAULT '{}',
    index_key varchar(255) NOT NULL,
    deployment_status varchar(50) NOT NULL DEFAULT 'pending',
    is_active boolean NOT NULL DEFAULT false,
    user_id uuid,
    last_event_position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT trigger_index_pkey PRIMARY KEY (id),
    CONSTRAINT valid_trigger_type CHECK (trigger_type IN ('TRIGGER')),
    CONSTRAINT valid_trigger_subtype CHECK (trigger_subtype IN ('CRON', 'MANUAL', 'WEBHOOK', 'EMAIL', 'GITHUB', 'SLACK')),
    CONSTRAINT valid_deployment_status CHECK (deployment_status IN ('active', 'inactive', 'pending', 'failed')),
    CONSTRAINT active_is_a_status CHECK (is_active = (deployment_status = 'active'))
);
CREATE INDEX idx_trigger_index_type ON public.trigger_index (trigger_subtype);
CREATE INDEX idx_trigger_index_key ON public.trigger_index (trigger_subtype, index_key);
CREATE INDEX idx_trigger_index_lookup ON public.trigger_index (trigger_subtype, index_key, deployment_status);
CREATE INDEX idx_trigger_index_workflow_id ON public.trigger_index (workflow_id);
CREATE INDEX idx_trigger_index_user_id ON public.trigger_index (user_id);
COMMENT ON TABLE public.trigger_index IS 'The triggers of workflows, for matching what comes in: a fold of the deployment streams.';
COMMENT ON COLUMN public.trigger_index.name IS 'The producer''s name of the trigger, unique in its workflow.';
COMMENT ON COLUMN public.trigger_index.index_key IS
    'What is matched: a cron expression, webhook path, workspace, address or repository.';

CREATE TABLE runfold.interaction_anomalies PARTITION OF runfold.anomalies FOR VALUES IN ('human_interactions', 'hil_responses');
COMMENT ON TABLE runfold.interaction_anomalies IS 'The anomalies of the interaction group.';
CREATE TABLE runfold.deployment_anomalies PARTITION OF runfold.anomalies
    FOR VALUES IN ('workflow_deployment_history', 'trigger_index');
COMMENT ON TABLE runfold.deployment_anomalies IS 'The anomalies of the deployment group.';

-- The executions of a workflow as the log has them, whatever became of their rows. Text, so that nothing keeps an event out.
CREATE INDEX idx_events_execution_created ON runfold.events (lower(data ->> 'workflow_id' COLLATE "C"), position)
    WHERE category = 'execution' AND type = 'ExecutionCreated';

-- Whether the ExecutionCreated at this position made a row: it did unless one stood, and one stands from the first until its
-- workflow is deleted.
CREATE FUNCTION runfold.creation_took_effect(stream_id text, "position" bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    creation record;
    workflow text;
    made_at bigint;
BEGIN
    FOR creation IN
        SELECT e.position, lower(e.data ->> 'workflow_id' COLLATE "C") AS workflow
          FROM runfold.events e
         WHERE e.stream_id = stream_id AND e.type = 'ExecutionCreated' AND e.position <= position
         ORDER BY e.position
    LOOP
        IF made_at IS NULL OR EXISTS (
            SELECT FROM runfold.events d
             WHERE d.stream_id = 'deployment-' || workflow AND d.type = 'WorkflowDeleted'
               AND d.position > made_at AND d.position < creation.position)
        THEN
            workflow := creation.workflow;
            made_at := creation.position;
        END IF;
    END LOOP;
    RETURN made_at IS NOT DISTINCT FROM position;
END
$$;
COMMENT ON FUNCTION runfold.creation_took_effect(text, bigint) IS 'Whether this ExecutionCreated made its execution''s row.';

CREATE FUNCTION runfold.executions_of(workflow uuid, before bigint) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT substr(c.stream_id, 11)
      FROM runfold.events c
     WHERE c.category = 'execution' AND c.type = 'ExecutionCreated'
       AND lower(c.data ->> 'workflow_id' COLLATE "C") = workflow::text AND c.position < before
       AND (c.stream_version = 1 OR runfold.creation_took_effect(c.stream_id, c.position))
$$;
COMMENT ON FUNCTION runfold.executions_of(uuid, bigint) IS
    'The execution_ids that were ever created for a workflow before a position.';

-- Deleting a workflow is an event, in the same transaction. The log must not stand in the way of an edit: the event is appended
-- when the transaction commits, so that its locks are held for no longer, whatever the stream's version and tenant are.
CREATE FUNCTION runfold.append_workflow_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream constant text := 'deployment-' || OLD.id;
    tenant uuid := OLD.user_id;
    now constant text := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    append jsonb := jsonb_build_object('stream_id', stream, 'events', jsonb_build_array(jsonb_build_object(
        'event_id', gen_random_uuid(), 'type', 'WorkflowDeleted', 'schema_version', 1, 'occurred_at', now,
        'data', jsonb_build_object('at', now, 'by', session_user))));
BEGIN
    IF tenant IS NOT NULL AND NOT EXISTS (SELECT FROM runfold.streams s WHERE s.stream_id = stream) THEN
        BEGIN
            PERFORM runfold.append_events(jsonb_build_array(append || jsonb_build_object('user_id', tenant))::text);
            RETURN NULL;
        EXCEPTION WHEN SQLSTATE 'RF003' THEN
            -- Another tenant made the stream at this moment.
            NULL;
        END;
    END IF;
    PERFORM runfold.append_events(jsonb_build_array(append)::text);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER deletion_is_appended AFTER DELETE ON public.workflows
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runfold.append_workflow_deleted();

-- A workflow whose status row is gone has the columns' defaults again.
CREATE TRIGGER deleted_status_is_copied AFTER DELETE ON public.workflow_status
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION runfold.copy_status_to_workflows();

REVOKE ALL ON FUNCTION runfold.creation_took_effect(text, bigint), runfold.executions_of(uuid, bigint),
    runfold.append_workflow_deleted() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runfold.creation_took_effect(text, bigint), runfold.executions_of(uuid, bigint)
    TO runfold_engine, runfold_projector, runfold_operator, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.human_interactions, public.hil_responses, public.workflow_deployment_history,
    public.trigger_index, runfold.interaction_anomalies, runfold.deployment_anomalies TO runfold_projector;
GRANT SELECT ON public.human_interactions, public.hil_responses, public.workflow_deployment_history, public.trigger_index
    TO runfold_engine, runfold_operator, service_role;

COMMENT ON FUNCTION runfold.append_workflow_deleted() IS 'Trigger: appends WorkflowDeleted in the transaction that deletes a workflow.';

COMMENT ON SCHEMA runfold IS 'runfold schema 20261122001000';

-- migrate:down
